#include "apiserver/execution/pending.h"

#include <stdio.h>

/* A controller renews its Lease more often by far (controller/heartbeat.h); clocks may differ by less. */
#define LATE_MS 10000
/* By the Lease's own time, for a server that has just begun to watch: clocks don't differ by as much. */
#define LONG_AGO_MS (5 * 60 * 1000)

static bool is_pending(const struct execution *execution)
{
	return strcmp(execution_rest_status(execution), "pending") == 0;
}

/* Is the last sign of life too old? By our own clock, from the moment at which we saw it. */
static bool is_late(const struct apiserver *server, const struct lease *lease)
{
	int64_t allowed_ms = lease->duration_seconds * 1000 + LATE_MS;
	int64_t unseen_ms =
	    (clock_monotonic_us(server->clock) - cluster_lease_seen_us(server->cluster)) / 1000;
	return unseen_ms > allowed_ms ||
	       clock_wall_ms(server->clock) - lease->renewed_ms > allowed_ms + LONG_AGO_MS;
}

const char *pending_stalled(const struct apiserver *server, const struct shared_execution *shared,
			    char ret[PENDING_MESSAGE_SIZE])
{
	char since[CLOCK_RFC3339_SIZE], how[128];
	if (!is_pending(shared->execution) || shared->requested_ms == 0 /* made this moment */ ||
	    clock_wall_ms(server->clock) - shared->requested_ms < PENDING_PATIENCE_MS ||
	    !informer_has_synced(cluster_informer(server->cluster, CLUSTER_LEASES)))
		return NULL;
	const struct lease *lease = cluster_controller_lease(server->cluster);
	if (!lease) {
		snprintf(how, sizeof(how), "none has ever run here");
	} else if (!lease->holder[0]) {
		snprintf(how, sizeof(how), "none has begun to");
	} else if (is_late(server, lease)) {
		clock_format_rfc3339(lease->renewed_ms, false, since);
		snprintf(how, sizeof(how), "the last one was heard of at %s", since);
	} else {
		return NULL;
	}
	snprintf(
	    ret, PENDING_MESSAGE_SIZE,
	    "no controller works on executions: %s (Lease %.63s in namespace %.63s); it runs when one does, "
	    "see to the Deployment of the controller",
	    how, API_CONTROLLER_LEASE, server->namespace);
	return ret;
}

const char *pending_message(const struct apiserver *server, const struct shared_execution *shared,
			    char ret[PENDING_MESSAGE_SIZE])
{
	const char *stalled = pending_stalled(server, shared, ret);
	if (stalled || !is_pending(shared->execution))
		return stalled;
	const char *message = shared->execution->status.succeeded.message;
	return message && *message ? message : NULL;
}
