#include "lib/api/meta.h"

#include "lib/api/json.h"
#include "lib/base/digest.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

#include <stdlib.h>

#define MAX_CONDITIONS 64
#define MAX_MESSAGE 8192 /* bytes, when written; the CRD has the same bound */

void object_meta_clear(struct object_meta *meta)
{
	free(meta->namespace);
	free(meta->name);
	free(meta->uid);
	free(meta->resource_version);
	free(meta->owner_uid);
	*meta = (struct object_meta){0};
}

void blob_ref_clear(struct blob_ref *ref)
{
	free(ref->digest);
	*ref = (struct blob_ref){0};
}

void env_var_clear(struct env_var *variable)
{
	free(variable->name);
	free(variable->value);
	*variable = (struct env_var){0};
}

void condition_clear(struct condition *condition)
{
	free(condition->status);
	free(condition->reason);
	free(condition->message);
	*condition = (struct condition){0};
}

struct owner {
	char *uid;
	bool controller;
};

static const struct json_field owner_fields[] = {
    {"uid", json_read_string, offsetof(struct owner, uid), JSON_NAME_MAX},
    {"controller", json_read_bool, offsetof(struct owner, controller), 0},
};

static int read_owners(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	size_t position = 0, index = 0;
	struct str element;
	if (jsontext_kind_of(value) != JSONTEXT_ARRAY)
		return json_error(path, err, "must be a list");
	(void)max; /* there may be as many as the object's bytes hold: metadata must stay readable */
	for (; jsontext_next_element(value, &position, &element); index++) {
		struct json_path at = {path, NULL, index};
		struct owner owner = {0};
		if (json_read_object(element, &at, owner_fields, JSON_FIELD_COUNT(owner_fields), &owner,
				     err) != 0) {
			free(owner.uid);
			return -1;
		}
		char **owner_uid = target;
		if (owner.controller && !*owner_uid)
			*owner_uid = owner.uid;
		else
			free(owner.uid);
	}
	return 0;
}

static const struct json_field meta_fields[] = {
    {"namespace", json_read_string, offsetof(struct object_meta, namespace), JSON_NAME_MAX},
    {"name", json_read_string, offsetof(struct object_meta, name), JSON_NAME_MAX},
    {"uid", json_read_string, offsetof(struct object_meta, uid), JSON_NAME_MAX},
    {"resourceVersion", json_read_string, offsetof(struct object_meta, resource_version), JSON_NAME_MAX},
    {"creationTimestamp", json_read_time, offsetof(struct object_meta, created_ms), 0},
    {"deletionTimestamp", json_read_time, offsetof(struct object_meta, deleted_ms), 0},
    {"generation", json_read_count, offsetof(struct object_meta, generation), INT64_MAX},
    {"ownerReferences", read_owners, offsetof(struct object_meta, owner_uid), 0},
};

int object_meta_read(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	(void)max;
	struct object_meta *meta = target;
	if (json_read_object(value, path, meta_fields, JSON_FIELD_COUNT(meta_fields), meta, err) != 0)
		return -1;
	if (!meta->name || !meta->name[0])
		return json_error(&(struct json_path){path, "name", 0}, err, "is missing");
	return 0;
}

static const struct json_field blob_ref_fields[] = {
    {"digest", json_read_string, offsetof(struct blob_ref, digest), JSON_NAME_MAX},
    {"size", json_read_count, offsetof(struct blob_ref, size), INT64_MAX},
};

int blob_ref_read(struct str value, const struct json_path *path, int64_t max, void *target,
		  struct error *err)
{
	(void)max;
	struct blob_ref *ref = target;
	if (json_read_object(value, path, blob_ref_fields, JSON_FIELD_COUNT(blob_ref_fields), ref, err) != 0)
		return -1;
	/* The digest becomes part of paths and URLs: nothing but a digest may pass. */
	if (!ref->digest || !digest_is_text(str_of(ref->digest)))
		return json_error(&(struct json_path){path, "digest", 0}, err,
				  "must be \"sha256:\" and 64 lower-case hex digits");
	return 0;
}

static const struct json_field env_var_fields[] = {
    {"name", json_read_string, offsetof(struct env_var, name), JSON_NAME_MAX},
    {"value", json_read_string, offsetof(struct env_var, value), JSON_TEXT_MAX},
};

int env_var_read(struct str value, const struct json_path *path, int64_t max, void *target, struct error *err)
{
	(void)max;
	struct env_var *variable = target;
	if (json_read_object(value, path, env_var_fields, JSON_FIELD_COUNT(env_var_fields), variable, err) !=
	    0)
		return -1;
	if (!variable->name || !variable->name[0])
		return json_error(&(struct json_path){path, "name", 0}, err, "is missing");
	if (!variable->value && !(variable->value = str_dup(STR(""))))
		return error_no_memory(err);
	return 0;
}

struct typed_condition {
	char *type;
	struct condition condition;
};

static const struct json_field condition_fields[] = {
    {"type", json_read_string, offsetof(struct typed_condition, type), JSON_NAME_MAX},
    {"status", json_read_string, offsetof(struct typed_condition, condition.status), JSON_NAME_MAX},
    {"reason", json_read_string, offsetof(struct typed_condition, condition.reason), JSON_NAME_MAX},
    {"message", json_read_string, offsetof(struct typed_condition, condition.message), JSON_MESSAGE_MAX},
    {"lastTransitionTime", json_read_time, offsetof(struct typed_condition, condition.transition_ms), 0},
    {"observedGeneration", json_read_count, offsetof(struct typed_condition, condition.observed_generation),
     INT64_MAX},
};

int condition_read(struct str list, const struct json_path *path, const char *type, struct condition *ret,
		   struct error *err)
{
	size_t position = 0, index = 0;
	struct str element;
	if (jsontext_kind_of(list) != JSONTEXT_ARRAY)
		return json_error(path, err, "must be a list");
	for (; jsontext_next_element(list, &position, &element); index++) {
		struct json_path at = {path, NULL, index};
		struct typed_condition read = {0};
		if (index >= MAX_CONDITIONS)
			return json_error(path, err, "has more than %d elements", MAX_CONDITIONS);
		int result = json_read_object(element, &at, condition_fields,
					      JSON_FIELD_COUNT(condition_fields), &read, err);
		bool wanted = result == 0 && str_eq(str_of(read.type), str_of(type)) &&
			      read.condition.status && !ret->status;
		free(read.type);
		if (wanted)
			*ret = read.condition;
		else
			condition_clear(&read.condition);
		if (result != 0)
			return -1;
	}
	return 0;
}

void blob_ref_write(struct buffer *out, const char *key, const struct blob_ref *ref)
{
	if (!ref->digest)
		return;
	json_key(out, key);
	json_open(out, '{');
	json_put_string(out, "digest", ref->digest);
	json_put_int(out, "size", ref->size);
	json_close(out, '}');
}

void condition_write(struct buffer *out, const char *type, const struct condition *condition)
{
	if (!condition->status)
		return;
	json_key(out, "conditions");
	json_open(out, '[');
	json_open(out, '{');
	json_put_string(out, "type", type);
	json_put_string(out, "status", condition->status);
	json_put_int(out, "observedGeneration", condition->observed_generation);
	json_put_time(out, "lastTransitionTime", condition->transition_ms, false);
	json_put_string(out, "reason", condition->reason ? condition->reason : "Unknown");
	json_put_message(out, "message", condition->message ? condition->message : "", MAX_MESSAGE);
	json_close(out, '}');
	json_close(out, ']');
}
