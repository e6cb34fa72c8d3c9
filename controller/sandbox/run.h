/* What came of one run inside a sandbox, ready to be recorded: the bridge between a session and the plan. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_RUN_H
#define SKILLBOX_CONTROLLER_SANDBOX_RUN_H

#include "lib/api/execution.h"
#include "lib/frame/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* Owns its strings. Texts that were too long for the custom resource are in the blob store already, and here
 * by reference. */
struct run_result {
	enum frame_exit_reason reason;
	int64_t exit_code;
	int64_t run_us;
	char *failure;      /* FAILED frame: why the job was not run; NULL otherwise */
	char *failure_code; /* error_code of that: "sandbox_start_failed", "no_entrypoint" … */
	char *output;       /* minified JSON, or NULL */
	struct blob_ref output_ref;
	char *output_problem; /* why output.json is no valid output, NULL if fine or absent */
	bool output_too_large;
	int64_t output_size; /* bytes as written */
	char *logs;          /* UTF-8 */
	struct blob_ref logs_ref;
	bool logs_truncated;
	char *stderr_line; /* last line of stderr, NULL if none */
	char **files;
	size_t file_count;
	struct blob_ref files_ref;
	struct execution_timings timings;
	struct isolation *isolation;
};

void run_result_clear(struct run_result *result);

#endif
