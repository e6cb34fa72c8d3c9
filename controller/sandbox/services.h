/* What all sandboxes share, from whoever runs them; it outlives them. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_SERVICES_H
#define SKILLBOX_CONTROLLER_SANDBOX_SERVICES_H

#include "controller/config.h"
#include "controller/sandbox/bundle_cache.h"
#include "controller/sandbox/token.h"
#include "lib/base/clock.h"
#include "lib/blob/blob.h"
#include "lib/kube/reader.h"
#include "lib/kube/ws.h"

#include <uv.h>

struct session_services {
	uv_loop_t *loop;
	struct kube_ws *ws;
	struct blob_store *store;
	struct bundle_cache *bundles;
	/* of what the caches don't keep */
	struct reader *reader;
	const struct controller_config *config;
	const struct clock *clock;
	/* Of this start of the controller; larger than every earlier one. */
	uint64_t generation;
	/* A sandbox says that it has a newer controller. What a sandbox says is no proof. NULL: nobody asks.
	 */
	void (*superseded)(void *context);
	void *context;
	/* By which our Pods are known. */
	const struct token_key *token_key;
};

#endif
