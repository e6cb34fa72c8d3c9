/* The shape of a run: image, time, memory and CPU, within what the operator allows. It is decided once, from
 * skill, execution and configuration; the Pod's annotation carries it, so that a later controller, or a skill
 * that was deleted or uploaded again meanwhile, changes nothing for a run under way. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_SHAPE_H
#define SKILLBOX_CONTROLLER_SANDBOX_SHAPE_H

#include "controller/config.h"
#include "lib/api/execution.h"
#include "lib/api/skill.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/frame/frame.h"
#include "lib/policy/names.h"

#include <stdbool.h>
#include <stdint.h>

struct run_shape {
	char image[512];
	/* milliseconds, bytes, millicores */
	int64_t timeout_ms, memory, cpu;
	/* digest "": none */
	char skill_version[SKILL_VERSION_MAX + 1], skill_digest[72];
	/* What follows is for the making or choice of a Pod only: the annotation doesn't carry it. "": not
	 * known yet. */
	char lang[16];
	char script[FRAME_MAX_PATH + 1];
};

/* execution_drop_data of one that has not ended: what its shape is made from stays. */
void run_shape_drop_data(struct execution *execution);

/* On failure err's message is for the user, and *ret_error_code the REST error_code. */
int run_shape_resolve(const struct skill *skill, const struct execution *execution,
		      const struct controller_config *config, struct run_shape *ret,
		      const char **ret_error_code, struct error *err);

/* To and from the Pod's annotation: "v1 TIMEOUT_MS MEMORY CPU VERSION DIGEST|- IMAGE". */
int run_shape_write(const struct run_shape *shape, struct buffer *out);
bool run_shape_read(struct str text, struct run_shape *ret);

#endif
