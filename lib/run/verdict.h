/* What a run's result means, in the words of `error` and `error_code`. */
#ifndef SKILLBOX_RUN_VERDICT_H
#define SKILLBOX_RUN_VERDICT_H

#include "lib/run/run_result.h"

#define VERDICT_SIZE 2048

/* The error_code; NULL: success. timeout_ms, memory (bytes): what the run was given. */
const char *verdict_of(const struct run_result *result, int64_t timeout_ms, int64_t memory,
		       char ret_message[VERDICT_SIZE]);

#endif
