/* What the controller knows of the cluster: a cache of each resource that it watches, and what can be looked
 * up there. It decides nothing and acts on nothing.
 *
 * Skills are outlines, and so are Executions whose data there is no room for (CACHE_MAX_…): who needs what is
 * missing reads the object.
 *
 * Objects that are returned or visited are valid until the loop turns. */
#ifndef SKILLBOX_CONTROLLER_CACHE_H
#define SKILLBOX_CONTROLLER_CACHE_H

#include "lib/api/execution.h"
#include "lib/api/pod.h"
#include "lib/api/sandbox_pool.h"
#include "lib/api/skill.h"
#include "lib/api/tenant.h"
#include "lib/kube/informer.h"
#include "lib/kube/workqueue.h"

#include <stdbool.h>

enum cache_resource {
	CACHE_TENANTS,
	CACHE_SKILLS,
	CACHE_EXECUTIONS,
	CACHE_PODS,
	CACHE_SANDBOX_POOLS,
	CACHE_RESOURCE_COUNT
};

/* "namespace/name": no longer than two names may be. */
#define CACHE_KEY_MAX 1024

/* Bytes that are kept so that an ordinary run needs no request for them, and what one namespace has of them
 * at most: instructions of Skills; input and variables of Executions that have not ended; all of those that
 * have, until they are archived. */
#define CACHE_MAX_INSTRUCTIONS ((size_t)16 << 20)
#define CACHE_MAX_INPUTS ((size_t)16 << 20)
#define CACHE_MAX_ENDED ((size_t)8 << 20)
#define CACHE_SHARE 2 /* a half */

struct cache_options {
	struct kube_ws *ws;
	/* Executions that ended stay whole for a while, for who archives them; otherwise only their outline
	 * does. */
	bool keeps_ended;
	/* As an informer's `changed`: old NULL: new; fresh NULL: deleted. */
	void (*changed)(void *context, enum cache_resource resource, const void *old, const void *fresh);
	/* As an informer's `unreadable`; kind is the object's, in the group API_VERSION names, NULL for those
	 * of others. */
	void (*unreadable)(void *context, const char *kind, const struct informer_name *object,
			   const struct error *why);
	void *context;
};

/* Begin to watch. NULL with err. */
struct cache *cache_start(const struct cache_options *options, struct error *err);
/* NULL-safe; returns NULL. */
struct cache *cache_free(struct cache *cache);

/* Is every list complete? Before that nothing is to be decided: what is missing would look lost. */
bool cache_has_synced(const struct cache *cache);
/* Which watch is not up, as a sentence; NULL: all are. */
const char *cache_problem(const struct cache *cache);
/* Does the watch of this resource follow the cluster now? A cache that may be old must not show that
 * something is gone. */
bool cache_is_live(const struct cache *cache, enum cache_resource resource);
/* For metrics. */
const struct informer *cache_informer(const struct cache *cache, enum cache_resource resource);
const char *cache_resource_name(enum cache_resource resource);

/* key: "namespace/name". NULL: there is none. */
const struct skill *cache_skill(const struct cache *cache, struct str key);
const struct execution *cache_execution(const struct cache *cache, struct str key);
/* It is archived: of an Execution that has ended the outline is enough. */
void cache_drop_data(struct cache *cache, struct str key);
const struct sandbox_pool *cache_sandbox_pool(const struct cache *cache, struct str key);
const struct pod *cache_pod(const struct cache *cache, const char *namespace, const char *name);
/* The Execution with this id (execution_id) or, for `of_uid`, with this UID, in whatever namespace. */
const struct execution *cache_execution_by_id(const struct cache *cache, const char *namespace,
					      const char *id);
const struct execution *cache_execution_of_uid(const struct cache *cache, const char *uid);
/* The tenant of a namespace, NULL if it belongs to none, or another namespace says that it is the same one's.
 */
const char *cache_tenant(const struct cache *cache, const char *namespace);
/* The tenant that its label names, whoever else has the same. */
const char *cache_tenant_label(const struct cache *cache, const char *namespace);
/* Another namespace with the same label, the first by name; NULL: there is none. */
const char *cache_tenant_rival(const struct cache *cache, const char *namespace);
/* The namespaces (struct tenant) with the label of this tenant; not those that are going. */
void cache_each_of_tenant(const struct cache *cache, const char *name,
			  bool (*visit)(void *context, const void *object), void *context);
/* What a skillRef means in that namespace; NULL: there is no such skill. version NULL, "" or "latest": the
 * newest upload. */
const struct skill *cache_find_skill(const struct cache *cache, const char *namespace, const char *name,
				     const char *version);

/* visit returns false to stop. */
void cache_each(const struct cache *cache, enum cache_resource resource,
		bool (*visit)(void *context, const void *object), void *context);
/* Pods that carry the UID of this SandboxPool as label. */
void cache_each_pod_of_pool(const struct cache *cache, const char *pool_uid,
			    bool (*visit)(void *context, const void *object), void *context);

/* Append "namespace/name" (name alone if there is no namespace). */
void cache_key(const struct object_meta *meta, struct buffer *out);
/* Put an object's key into a queue: look at it soon. */
void cache_enqueue(struct workqueue *queue, const struct object_meta *meta);

#endif
