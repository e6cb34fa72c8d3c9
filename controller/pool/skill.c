/* Pools bound to a skill: which one it is, and what follows from it. */
#include "controller/execution/reconcile.h"
#include "controller/pool/pools_internal.h"

/* Can it be run? Else *ret_reason and err tell. */
static bool is_usable(const struct skill *skill, const struct sandbox_pool *object, const char **ret_reason,
		      struct error *err)
{
	const char *version = object->spec.skill_version;
	if (!skill) {
		*ret_reason = "SkillNotFound";
		error_set(err, ERR_NOT_FOUND, "skill not found: %s@%s; sandboxes are made when it is there",
			  object->spec.skill_name, version[0] ? version : "latest");
		return false;
	}
	bool has_digest = skill->spec.bundle.digest || skill->status.digest;
	if (!has_digest) { /* texts in the object: they are checked by its own reconcile */
		const char *message = skill->status.ready.message;
		*ret_reason = "SkillNotReady";
		error_set(err, ERR_INVALID_SKILL, "skill %s@%s is not ready: %s", skill->spec.name,
			  skill->spec.version, message ? message : "it has not been checked yet");
	}
	return has_digest;
}

int pool_resolve(struct pool *pool, const struct sandbox_pool *object, struct pool_shape *ret,
		 const char **ret_reason, struct error *err)
{
	const struct controller *controller = pool->pools->controller;
	pool->skill = NULL;
	*ret_reason = "Invalid";
	if (object->spec.skill_name[0]) {
		const struct skill *skill = observe_skill(
		    controller, pool->namespace, object->spec.skill_name, object->spec.skill_version);
		if (!controller_tenant(controller, pool->namespace))
			return error_set(err, ERR_BAD_REQUEST,
					 "this namespace belongs to no tenant: label it " API_TENANT_LABEL
					 "=NAME, or apply the SandboxPool in a tenant's namespace");
		if (!is_usable(skill, object, ret_reason, err))
			return -1;
		pool->skill = skill;
	}
	return pool_shape_resolve(object, pool->skill, &controller->config, ret, err);
}

struct pool_users {
	struct controller *controller;
	const struct skill *skill;
};

static bool visit_bound(void *context, const void *object)
{
	const struct pool_users *users = context;
	const struct sandbox_pool *pool = object;
	if (strcmp(pool->spec.skill_name, users->skill->spec.name) == 0 &&
	    strcmp(pool->meta.namespace, users->skill->meta.namespace) == 0)
		controller_enqueue(users->controller->pool_queue, &pool->meta);
	return true;
}

void pools_skill_changed(struct pools *pools, const struct skill *skill)
{
	struct pool_users users = {pools->controller, skill};
	if (skill->spec.name[0])
		informer_each(pools->controller->sandbox_pools, visit_bound, &users);
}
