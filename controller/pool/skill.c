#include "controller/pool/skill.h"

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
	if (has_digest && skill_awaits_build(skill)) {
		const char *message = skill->status.ready.message;
		*ret_reason = skill_build_has_failed(skill) ? SKILL_BUILD_FAILED : SKILL_BUILDING;
		error_set(err, ERR_INVALID_SKILL, "skill %s@%s is not ready: %s", skill->spec.name,
			  skill->spec.version, message ? message : "its packages are to be fetched");
		return false;
	}
	return has_digest;
}

int pool_resolve(struct pool *pool, const struct sandbox_pool *object, struct pool_shape *ret,
		 const char **ret_reason, struct error *err)
{
	const struct pool_services *services = &pool->pools->services;
	pool->skill = NULL;
	*ret_reason = "Invalid";
	if (object->invalid)
		return error_set(err, ERR_BAD_REQUEST, "%s", object->invalid);
	const char *rival = cache_tenant_rival(services->cache, pool->namespace);
	if (rival) {
		*ret_reason = API_AMBIGUOUS_TENANT;
		return error_set(err, ERR_BAD_REQUEST,
				 "namespace %.63s has the same label " API_TENANT_LABEL
				 ": no sandbox is made before it is taken from one",
				 rival);
	}
	if (object->spec.skill_name[0]) {
		const struct skill *skill = cache_find_skill(
		    services->cache, pool->namespace, object->spec.skill_name, object->spec.skill_version);
		if (!cache_tenant(services->cache, pool->namespace))
			return error_set(err, ERR_BAD_REQUEST,
					 "this namespace belongs to no tenant: label it " API_TENANT_LABEL
					 "=NAME, or apply the SandboxPool in a tenant's namespace");
		if (!is_usable(skill, object, ret_reason, err))
			return -1;
		pool->skill = skill;
	}
	return pool_shape_resolve(object, pool->skill, services->config, ret, err);
}
