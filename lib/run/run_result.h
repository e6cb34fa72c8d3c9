/* What came of one run inside a sandbox, ready to be recorded: a session leaves it, the plan reads it. */
#ifndef SKILLBOX_RUN_RUN_RESULT_H
#define SKILLBOX_RUN_RUN_RESULT_H

#include "lib/api/execution.h"
#include "lib/frame/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* Owns its strings. Texts that were too long for the custom resource are in the blob store already, and here
 * by reference. */
struct run_result {
	/* Why the job was not run, and the error_code of that ("sandbox_start_failed", "no_entrypoint" …);
	 * NULL: it was. */
	char *failure, *failure_code;

	enum frame_exit_reason reason;
	int64_t exit_code;
	int64_t run_us;

	/* Minified JSON, or NULL: see output_ref, or there is none. */
	char *output;
	struct blob_ref output_ref;
	/* Why output.json is no valid output; NULL: it is, or there is none. */
	char *output_problem;
	bool output_too_large;
	/* Bytes as written, and how many are taken. */
	int64_t output_size, output_limit;

	/* UTF-8; the end only, if there is a logs_ref. */
	char *logs;
	struct blob_ref logs_ref;
	bool logs_truncated;
	/* Why the script failed, in its own words: a line, at most FRAME_MAX_REASON bytes; NULL: not known.
	 */
	char *reason_text;

	/* Paths, sorted; their archive. */
	char **files;
	size_t file_count;
	struct blob_ref files_ref;

	/* Why something of it is missing, which the store did not take and never will; NULL: all is there. */
	char *not_stored;

	struct execution_timings timings;
	/* NULL: not known. */
	struct isolation *isolation;
};

/* Leaves it zeroed. */
void run_result_clear(struct run_result *result);

#endif
