/* Statuses that the plan wishes: how what happened is written into an Execution. All return a new object with
 * the meta of `execution` and only the status fields that change, or NULL (out of memory). */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_OUTCOME_H
#define SKILLBOX_CONTROLLER_EXECUTION_OUTCOME_H

#include "controller/execution/observation.h"

struct execution *outcome_progress(const struct execution *execution, const char *reason, const char *message,
				   int64_t now_ms, struct error *err);
/* One that has ended, as it is: only that the spec it has now was seen is new. */
struct execution *outcome_observed(const struct execution *execution, struct error *err);
/* seen: the observation, for execution, Pod, times and result. */
struct execution *outcome_failure(const struct observation *seen, const char *error_code, const char *message,
				  struct error *err);
struct execution *outcome_of_result(const struct observation *seen, const struct run_shape *shape,
				    struct error *err);
/* A failure without an observation: only the object and the clock are known. */
struct execution *outcome_failure_of(const struct execution *execution, const char *error_code,
				     const char *message, int64_t now_ms, struct error *err);
/* Which sandbox runs it: podName, startTime, skillVersion, skillDigest, image, imageID. */
int outcome_set_sandbox(struct execution *status, const struct run_shape *shape, const struct pod *pod,
			int64_t started_ms, struct error *err);

#endif
