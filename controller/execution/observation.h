/* What is seen of one Execution at a look: all that the plan is made from. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_OBSERVATION_H
#define SKILLBOX_CONTROLLER_EXECUTION_OBSERVATION_H

#include "controller/pool/demand.h"
#include "controller/sandbox/session.h"
#include "controller/sandbox/shape.h"
#include "controller/sandbox/trouble.h"
#include "lib/api/execution.h"
#include "lib/api/pod.h"
#include "lib/api/skill.h"
#include "lib/run/run_result.h"

#include <stdbool.h>
#include <stdint.h>

struct observation {
	const struct execution *execution;
	/* its label names one */
	bool namespace_is_tenant;
	/* another namespace with the same label: whose the tenant's files are is not known. NULL: there is
	 * none; else wall clock of the first look that found one in a row */
	const char *tenant_rival;
	int64_t rival_ms;
	/* resolved; NULL if there is none */
	const struct skill *skill;
	/* of the sandbox that was made for it; NULL if none was made */
	const struct run_shape *shape;

	/* The Pod of the current attempt; NULL if there is none. */
	const struct pod *pod;
	/* that Pod has the name and is not ours: somebody else made it */
	bool pod_is_foreign;
	/* that Pod is of a pool, and was given to this Execution */
	bool claimed;
	/* it was given a waiting sandbox */
	bool warm;
	/* it was given one that is there no more */
	bool pod_lost;
	/* since the Pod's creation, or since it was given to this Execution */
	int64_t sandbox_age_ms;
	/* we created it and the watch has not shown it yet */
	bool pod_expected;
	/* the last refusal to create one, NULL: none; wall clock of the first in a row; the next try is due
	 * in so many ms */
	const struct trouble *refusal;
	int64_t refused_ms, refusal_retry_ms;
	/* wall clock of the last report on what it waits for; 0: none by this controller */
	int64_t reported_ms;

	/* What follows is asked only while there is no Pod. */
	enum pool_offer pool;
	/* what keeps the sandboxes of that pool from starting; NULL: nothing that is known */
	const struct trouble *pool_trouble;
	/* sandboxes of the tenant's that are not ready yet; how many more may start */
	int64_t tenant_starting, room;
	/* sandboxes that the tenant has now, this one not counted */
	int64_t tenant_sandboxes;
	/* until one more of the tenant may be asked for, since its namespace's quota refused one; ≤ 0: now */
	int64_t quota_left_ms;

	enum session_state session;
	/* in SESSION_DONE */
	const struct run_result *result;
	/* in SESSION_LOST, SESSION_STORE_FAILED */
	const char *session_problem;
	/* wall clock: first and last failure to store the result, 0 if none; the stream's loss, in
	 * SESSION_LOST */
	int64_t store_failed_ms, store_tried_ms, lost_ms;
	/* streams lost into this sandbox */
	unsigned stream_losses;
	/* wall clock of the script's start and of our CANCEL; 0: not yet */
	int64_t started_ms, cancel_sent_ms;
	/* timings so far; from the objects' own times, to the second, if another controller began it */
	double queue_ms, sandbox_ms, total_ms;

	/* the end is in the database, or none is configured */
	bool archived;
	/* that is under way; if it waits for another try, in so many ms, else 0 */
	bool archiving;
	int64_t archive_retry_ms;
	int64_t now_ms;
};

#endif
