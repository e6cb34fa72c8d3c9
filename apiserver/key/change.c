#include "apiserver/key/change.h"

#include "lib/base/log.h"

#include <stdlib.h>

#define SEEN_TIMEOUT_MS 5000 /* of a change by this server's own watch */

struct change {
	struct operation *operation; /* a reference */
	bool present;                /* what is waited for */
	void (*seen)(struct operation *operation);
};

/* wait_cb */
static bool on_changed(void *context, const void *object, bool timed_out)
{
	struct change *change = context;
	struct operation *operation = change->operation;
	if (!timed_out && (object != NULL) != change->present)
		return false;
	if (timed_out)
		log_warn("a changed API key was not seen in time", "request_id",
			 operation->caller->request_id, NULL);
	change->seen(operation);
	operation_unref(operation);
	free(change);
	return true;
}

void key_change_await(struct operation *operation, const char *secret, bool present,
		      void (*seen)(struct operation *operation))
{
	struct apiserver *server = operation->server;
	struct change *change;
	if (cluster_has_key_secret(server->cluster, secret) == present ||
	    !(change = malloc(sizeof(*change)))) {
		seen(operation);
		return;
	}
	*change = (struct change){operation, present, seen};
	if (wait_add(server->waiters, WAIT_KEY, server->namespace, secret, SEEN_TIMEOUT_MS, on_changed,
		     change, NULL)) {
		operation_ref(operation);
		return;
	}
	free(change);
	seen(operation);
}
