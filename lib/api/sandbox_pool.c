#include "lib/api/sandbox_pool.h"

#include "lib/api/json.h"
#include "lib/base/json_write.h"

#include <stdlib.h>

#define FIELD(name) offsetof(struct sandbox_pool, name)

static int read_skill_ref(struct str value, const struct json_path *path, int64_t max, void *target,
			  struct error *err)
{
	static const struct json_field fields[] = {
	    {"name", json_read_string, FIELD(spec.skill_name), JSON_NAME_MAX},
	    {"version", json_read_string, FIELD(spec.skill_version), JSON_NAME_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_resources(struct str value, const struct json_path *path, int64_t max, void *target,
			  struct error *err)
{
	static const struct json_field fields[] = {
	    {"cpu", json_read_string, FIELD(spec.cpu), JSON_NAME_MAX},
	    {"memory", json_read_string, FIELD(spec.memory), JSON_NAME_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_preload(struct str value, const struct json_path *path, int64_t max, void *target,
			struct error *err)
{
	struct sandbox_pool *pool = target;
	return json_read_list(value, path, max, sizeof(char *), json_read_string,
			      (void **)&pool->spec.preload, &pool->spec.preload_count, err);
}

static int read_spec(struct str value, const struct json_path *path, struct sandbox_pool *pool,
		     struct error *err)
{
	static const struct json_field fields[] = {
	    {"skillRef", read_skill_ref, 0, 0},
	    {"image", json_read_string, FIELD(spec.image), JSON_NAME_MAX},
	    {"lang", json_read_string, FIELD(spec.lang), JSON_NAME_MAX},
	    {"runtimeClassName", json_read_string, FIELD(spec.runtime_class), JSON_NAME_MAX},
	    {"resources", read_resources, 0, 0},
	    {"preload", read_preload, 0, SANDBOX_POOL_MAX_PRELOAD},
	    {"replicas", json_read_count, FIELD(spec.replicas), SANDBOX_POOL_MAX_REPLICAS},
	};
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), pool, err);
}

static void clear_spec(struct sandbox_pool *pool)
{
	free(pool->spec.skill_name);
	free(pool->spec.skill_version);
	free(pool->spec.image);
	free(pool->spec.lang);
	free(pool->spec.runtime_class);
	free(pool->spec.cpu);
	free(pool->spec.memory);
	for (size_t i = 0; i < pool->spec.preload_count; i++)
		free(pool->spec.preload[i]);
	free(pool->spec.preload);
	memset(&pool->spec, 0, sizeof(pool->spec));
}

/* A spec that can't be read is the user's fault and must show in the status: keep the object, say why. */
static int read_spec_or_reason(struct str value, const struct json_path *path, int64_t max, void *target,
			       struct error *err)
{
	(void)max;
	struct sandbox_pool *pool = target;
	struct error why;
	if (read_spec(value, path, pool, &why) == 0)
		return 0;
	clear_spec(pool);
	return json_keep_reason(&why, &pool->invalid, err);
}

static int read_conditions(struct str value, const struct json_path *path, int64_t max, void *target,
			   struct error *err)
{
	(void)max;
	return condition_read(value, path, "Ready", &((struct sandbox_pool *)target)->status.ready, err);
}

static int read_reserved(struct str value, const struct json_path *path, int64_t max, void *target,
			 struct error *err)
{
	static const struct json_field fields[] = {
	    {"cpu", json_read_string, FIELD(status.reserved_cpu), JSON_NAME_MAX},
	    {"memory", json_read_string, FIELD(status.reserved_memory), JSON_NAME_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_status(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	static const struct json_field fields[] = {
	    {"conditions", read_conditions, 0, 0},
	    {"replicas", json_read_count, FIELD(status.replicas), INT32_MAX},
	    {"ready", json_read_count, FIELD(status.ready_count), INT32_MAX},
	    {"claimed", json_read_count, FIELD(status.claimed), INT32_MAX},
	    {"selector", json_read_string, FIELD(status.selector), JSON_MESSAGE_MAX},
	    {"skillVersion", json_read_string, FIELD(status.skill_version), JSON_NAME_MAX},
	    {"skillDigest", json_read_string, FIELD(status.skill_digest), JSON_NAME_MAX},
	    {"reserved", read_reserved, 0, 0},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int default_empty(struct sandbox_pool *pool, struct error *err)
{
	char **texts[] = {&pool->spec.skill_name, &pool->spec.skill_version, &pool->spec.image,
			  &pool->spec.lang,       &pool->spec.runtime_class, &pool->spec.cpu,
			  &pool->spec.memory};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!*texts[i] && !(*texts[i] = str_dup(STR(""))))
			return error_no_memory(err);
	return 0;
}

struct sandbox_pool *sandbox_pool_from_json(struct str json, struct error *err)
{
	static const struct json_field fields[] = {
	    {"metadata", object_meta_read, FIELD(meta), 0},
	    {"spec", read_spec_or_reason, 0, 0},
	    {"status", read_status, 0, 0},
	};
	if (json_check_object(json, err) != 0)
		return NULL;
	struct sandbox_pool *pool = calloc(1, sizeof(*pool));
	if (!pool) {
		error_no_memory(err);
		return NULL;
	}
	if (json_read_object(str_trim(json), NULL, fields, JSON_FIELD_COUNT(fields), pool, err) != 0 ||
	    default_empty(pool, err) != 0) {
		error_wrap(err, "SandboxPool");
		return sandbox_pool_free(pool);
	}
	if (!pool->meta.name || !pool->meta.namespace || !pool->meta.uid) {
		error_set(err, ERR_BAD_REQUEST, "SandboxPool: metadata is incomplete");
		return sandbox_pool_free(pool);
	}
	return pool;
}

struct sandbox_pool *sandbox_pool_free(struct sandbox_pool *pool)
{
	if (!pool)
		return NULL;
	object_meta_clear(&pool->meta);
	free(pool->invalid);
	clear_spec(pool);
	condition_clear(&pool->status.ready);
	free(pool->status.selector);
	free(pool->status.skill_version);
	free(pool->status.skill_digest);
	free(pool->status.reserved_cpu);
	free(pool->status.reserved_memory);
	free(pool);
	return NULL;
}

/* In a merge patch what isn't there any more must be taken away. */
static void put_or_remove(struct buffer *out, const char *key, const char *value)
{
	if (value)
		json_put_string(out, key, value);
	else
		json_put_raw(out, key, "null");
}

int sandbox_pool_status_patch(const struct sandbox_pool *pool, struct buffer *out, struct error *err)
{
	json_open(out, '{');
	json_key(out, "status");
	json_open(out, '{');
	condition_write(out, "Ready", &pool->status.ready);
	json_put_int(out, "replicas", pool->status.replicas);
	json_put_int(out, "ready", pool->status.ready_count);
	json_put_int(out, "claimed", pool->status.claimed);
	json_put_string(out, "selector", pool->status.selector);
	put_or_remove(out, "skillVersion", pool->status.skill_version);
	put_or_remove(out, "skillDigest", pool->status.skill_digest);
	json_key(out, "reserved");
	json_open(out, '{');
	json_put_string(out, "cpu", pool->status.reserved_cpu);
	json_put_string(out, "memory", pool->status.reserved_memory);
	json_close(out, '}');
	json_close(out, '}');
	json_close(out, '}');
	return buffer_check(out, "the status of the SandboxPool", err);
}
