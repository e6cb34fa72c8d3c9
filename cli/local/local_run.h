/* One run of a skill on this machine: what the controller and a Pod do on a cluster, with the same runner,
 * the same frames and the same words for what came of it. */
#ifndef SKILLBOX_CLI_LOCAL_LOCAL_RUN_H
#define SKILLBOX_CLI_LOCAL_LOCAL_RUN_H

#include "cli/variable.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/frame/frame.h"
#include "lib/run/arrival.h"
#include "lib/run/bundle.h"
#include "lib/run/layers.h"

#include <stdint.h>

struct local_job {
	const char *runner; /* path of skillbox-runner */
	const struct bundle *bundle;
	const struct bundle *packages; /* NULL: it has none */
	const char *instructions;      /* of SKILL.md */
	struct str input;              /* JSON; "{}" where none was given */
	const struct variable *env;
	size_t env_count;
	int64_t timeout_ms, memory;
	int64_t max_output, max_files_bytes;
	const struct layer_set *required; /* layers without which it isn't run */
	int interrupt_fd;                 /* readable: the run is cancelled; -1: nothing is */
};

/* What is seen while it goes on; members may be NULL. */
struct local_witness {
	void (*layers)(void *context, const struct frame_hello *hello);
	/* More of the log, as bytes. */
	void (*log)(void *context, struct str bytes);
	void *context;
};

/* What came of it. */
struct local_result {
	char execution_id[40];
	struct run_result run;
	struct arrival arrival; /* the files' bytes */
	struct buffer logs;     /* the kept log, as UTF-8 */
	int64_t timeout_ms, memory;
	bool was_interrupted;
};

/* The result, also of a run that failed (ret: local_result_free, in any case). An error: there is none, since
 * no sandbox could be made or it broke; ERR_UNAVAILABLE if this machine doesn't let it or layers are missing.
 */
int local_run(const struct local_job *job, const struct local_witness *witness, struct local_result *ret,
	      struct error *err);
void local_result_free(struct local_result *result);
#define cleanup_local_result __attribute__((cleanup(local_result_free)))

/* NULL: success. */
const char *local_result_error_code(const struct local_result *result);
/* The JSON object that the server would answer with, but for the files_url. */
int local_result_render(const struct local_result *result, struct buffer *out, struct error *err);

#endif
