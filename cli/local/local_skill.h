/* A skill's folder or zip, made ready to run on this machine: by the server's own checks and limits, with the
 * packages that it has or asks for. */
#ifndef SKILLBOX_CLI_LOCAL_LOCAL_SKILL_H
#define SKILLBOX_CLI_LOCAL_LOCAL_SKILL_H

#include "cli/command.h"
#include "lib/base/error.h"
#include "lib/policy/policy.h"
#include "lib/run/bundle.h"
#include "lib/skill/skill_package.h"

#include <stdbool.h>
#include <stdint.h>

struct local_skill {
	struct policy policy; /* the server's settings, from its variables where they are set */
	struct skill_package package;
	struct bundle *bundle;
	struct bundle *packages; /* NULL: it has none */
	const struct language *language;
	int64_t timeout_ms, memory;
};

/* What might surprise about its packages is told on standard error, unless is_again. 0, COMMAND_ERROR
 * (ERR_INVALID_SKILL names all that is wrong with it; ERR_NO_ENTRYPOINT: it has nothing to run),
 * COMMAND_USAGE or COMMAND_INTERRUPTED. */
int local_skill_open(const struct call *call, const char *path, bool is_again, struct local_skill *ret,
		     struct error *err);
void local_skill_free(struct local_skill *skill);
#define cleanup_local_skill __attribute__((cleanup(local_skill_free)))

#endif
