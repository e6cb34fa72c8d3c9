/* The Lease by which a controller shows that it works. */
#ifndef SKILLBOX_API_LEASE_H
#define SKILLBOX_API_LEASE_H

#include "lib/api/meta.h"
#include "lib/base/buffer.h"

#define API_LEASES_PATH "/apis/coordination.k8s.io/v1/namespaces/%s/leases"
/* Its name, in the namespace of the controller. */
#define API_CONTROLLER_LEASE "skillbox-controller"

struct lease {
	struct object_meta meta;
	/* "" : nobody */
	char *holder;
	/* 0: never */
	int64_t renewed_ms;
	int64_t duration_seconds;
};

struct lease *lease_from_json(struct str json, struct error *err);
/* NULL-safe; returns NULL. */
struct lease *lease_free(struct lease *lease);

/* The object to POST, which is a merge patch, too: that this holder is there now. */
int lease_to_json(const char *name, const char *holder, int64_t now_ms, int64_t duration_seconds,
		  struct buffer *out, struct error *err);

#endif
