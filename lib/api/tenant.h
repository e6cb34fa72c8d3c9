/* A tenant's namespace: a Namespace with the label API_TENANT_LABEL. */
#ifndef SKILLBOX_API_TENANT_H
#define SKILLBOX_API_TENANT_H

#include "lib/api/meta.h"

struct tenant {
	struct object_meta meta; /* of the Namespace */
	char *name;              /* the label's value; NULL if there is none */
};

/* The reason of a condition and of Events: several namespaces have the label of one tenant. */
#define API_AMBIGUOUS_TENANT "AmbiguousTenant"

struct tenant *tenant_from_json(struct str json, struct error *err);
struct tenant *tenant_free(struct tenant *tenant);

#endif
