/* What the API server knows of the cluster: caches of Executions, Skills, tenants' namespaces, API keys, and
 * the Lease of the controller. Skills are outlines (lib/skill/outline.h), without their instructions.
 *
 * Everything found here is valid until the loop turns; hold an Execution longer with shared_execution_ref. */
#ifndef SKILLBOX_APISERVER_CLUSTER_H
#define SKILLBOX_APISERVER_CLUSTER_H

#include "apiserver/object/api_key.h"
#include "apiserver/object/execution_index.h"
#include "apiserver/object/shared_execution.h"
#include "lib/api/lease.h"
#include "lib/api/skill.h"
#include "lib/base/clock.h"
#include "lib/kube/informer.h"

struct cluster;

/* Bytes of a skill's description in the cache; what is more is cut. */
#define CLUSTER_MAX_DESCRIPTION ((size_t)2048)

struct cluster_options {
	const char *namespace; /* of the key Secrets; copied */
	/* An object came, changed or went (NULL). May be NULL. */
	void (*execution_changed)(void *context, const char *namespace, const char *name,
				  const struct shared_execution *fresh);
	void (*skill_changed)(void *context, const char *namespace, const char *name,
			      const struct skill *fresh);
	void (*key_changed)(void *context, const char *secret, const struct api_key *fresh);
	void (*problem)(void *context, const char *resource, const struct error *problem); /* may be NULL */
	void *context;
	const struct clock *clock; /* NULL: the system's */
	int64_t key_max_age_ms;    /* see cluster_check_age; 0: any */
};

/* ws NULL: no watches; a test feeds cluster_informer. */
struct cluster *cluster_new(struct kube_ws *ws, const struct cluster_options *options, struct error *err);
struct cluster *cluster_free(struct cluster *cluster); /* NULL-safe; returns NULL */

enum cluster_resource {
	CLUSTER_EXECUTIONS,
	CLUSTER_SKILLS,
	CLUSTER_NAMESPACES,
	CLUSTER_KEYS,
	CLUSTER_LEASES,
	CLUSTER_RESOURCE_COUNT
};
struct informer *cluster_informer(struct cluster *cluster, enum cluster_resource resource);

bool cluster_has_synced(const struct cluster *cluster); /* every first list was complete once */
/* NULL if all watches are up, else plain words ("the watch of executions is not up"). */
const char *cluster_problem(const struct cluster *cluster);

/* What gives rights, CLUSTER_KEYS and CLUSTER_NAMESPACES, may be no older than key_max_age_ms: a key that was
 * revoked meanwhile would go on working for as long as the watch is down. ERR_UNAVAILABLE. */
int cluster_check_age(const struct cluster *cluster, enum cluster_resource resource, struct error *err);

/* Does a Skill or an Execution of any tenant refer to a blob with this digest? */
bool cluster_names_blob(const struct cluster *cluster, struct str digest);

const struct api_key *cluster_key(const struct cluster *cluster, struct str hash);
bool cluster_has_key_secret(const struct cluster *cluster, const char *secret); /* by the Secret's name */
/* The namespace of a tenant; NULL: no namespace has its label, or several have. */
const char *cluster_tenant_namespace(const struct cluster *cluster, struct str tenant);
/* Do several? Which of them the tenant's is, is not known, and none of them is served. */
bool cluster_tenant_is_ambiguous(const struct cluster *cluster, struct str tenant);

/* By which a controller shows that it works, NULL: there is none; and when it was last seen to be renewed
 * (monotonic). */
const struct lease *cluster_controller_lease(const struct cluster *cluster);
int64_t cluster_lease_seen_us(const struct cluster *cluster);

/* By the id that REST clients use. */
const struct shared_execution *cluster_execution(const struct cluster *cluster, const char *namespace,
						 struct str id);
/* Those of each namespace in the order of lists, and how many there are. */
const struct execution_index *cluster_executions(const struct cluster *cluster);

/* The newest upload of name@version; version "" or "latest": of name. Unreadable and deleted ones are not
 * found. */
const struct skill *cluster_skill(const struct cluster *cluster, const char *namespace, struct str name,
				  struct str version);
void cluster_skills_each(const struct cluster *cluster, const char *namespace,
			 bool (*visit)(void *context, const void *skill), void *context);
/* All that are there, those included that can't be read. */
void cluster_skills_stored(const struct cluster *cluster, const char *namespace,
			   bool (*visit)(void *context, const void *skill), void *context);
/* One whose packages have this lock (struct skill_packages); NULL: there is none. */
const struct skill *cluster_skill_with_lock(const struct cluster *cluster, const char *namespace,
					    const char *lock);
/* All objects with that skill name, several of one version included. */
void cluster_skills_named(const struct cluster *cluster, const char *namespace, struct str name,
			  bool (*visit)(void *context, const void *skill), void *context);

#endif
