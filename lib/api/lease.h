/* The Lease by which a controller shows that it works, and from which each start of one takes its generation.
 */
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
	/* How often it was taken: the generation of whoever took it last. */
	int64_t transitions;
};
#define LEASE_TRANSITIONS_MAX INT32_MAX

struct lease *lease_from_json(struct str json, struct error *err);
/* NULL-safe; returns NULL. */
struct lease *lease_free(struct lease *lease);

/* What is to be written. Nothing is owned. */
struct lease_write {
	const char *name;
	/* Only if it has this version; NULL: whichever it has. */
	const char *resource_version;
	/* NULL: whoever it is */
	const char *holder;
	int64_t now_ms, duration_seconds;
	/* 0: as they are */
	int64_t transitions;
};
/* The object to POST, which is a merge patch, too. */
int lease_to_json(const struct lease_write *write, struct buffer *out, struct error *err);

#endif
