/* Sandboxes that wait, for Executions that want one. */
#ifndef SKILLBOX_CONTROLLER_POOL_CLAIMS_H
#define SKILLBOX_CONTROLLER_POOL_CLAIMS_H

#include "controller/pool/demand.h"
#include "controller/sandbox/session.h"
#include "controller/sandbox/shape.h"
#include "controller/sandbox/trouble.h"
#include "lib/api/pod.h"
#include "lib/base/error.h"

#include <stdbool.h>

struct pools;

/* What pools have for a run in that namespace. recorded: the Pod that its status names; while it may be a
 * sandbox with this very run, for however long it takes to tell, the answer is POOL_SETTLING. May be NULL. */
enum pool_offer pools_offer(const struct pools *pools, const char *namespace, const struct pod *recorded,
			    const struct run_shape *shape);

/* What keeps a sandbox of those pools from starting, where the answer is POOL_COMING; NULL: nothing that is
 * known. */
const struct trouble *pools_trouble(const struct pools *pools, const char *namespace,
				    const struct run_shape *shape);

/* A sandbox that was given away, with its session, which is parked. The texts are the receiver's to free. */
struct claim {
	struct session *session;
	char *pod_name, *pod_uid;
};
/* Give a waiting sandbox to an Execution. -1 with err: there is none that can take it. */
int pools_claim(struct pools *pools, const char *namespace, const char *execution_id,
		const struct run_shape *shape, struct claim *ret, struct error *err);
/* A sandbox that has an Execution. The pools' texts. */
struct found_claim {
	const char *pod_name, *pod_uid;
	/* of that run; NULL: not known */
	const struct run_shape *shape;
};
/* The sandbox that runs this Execution already, as it told this controller; false if none did. */
bool pools_find_claimed(const struct pools *pools, const char *namespace, const char *execution_id,
			struct found_claim *ret);
/* The Execution is done with its sandbox, or gone: the sandbox goes, too. deleted: its DELETE is on its way.
 */
void pools_release(struct pools *pools, const char *namespace, const char *pod_name, bool deleted);

/* Somebody waits for a sandbox of the pools: woken when one is there, or when it had better have one of its
 * own; or demand_cancel. */
void pools_wait(struct pools *pools, struct demand *demand, const struct run_shape *shape);

#endif
