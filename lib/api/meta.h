/* What all Kubernetes objects share, and references to blobs. Structs own their strings (heap); x_free is
 * NULL-safe. */
#ifndef SKILLBOX_API_META_H
#define SKILLBOX_API_META_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_VERSION "skillbox.dev/v1alpha1"
#define API_BASE_PATH "/apis/skillbox.dev/v1alpha1"
#define API_TENANT_LABEL "skillbox.dev/tenant" /* on a namespace: its tenant */
/* On a Skill: RFC 3339 with ms; the newest is `latest`. */
#define API_UPLOADED_AT_ANNOTATION "skillbox.dev/uploaded-at"

struct object_meta {
	char *namespace, *name, *uid, *resource_version;
	char *owner_uid;    /* of the controller owner reference; NULL if none */
	int64_t created_ms; /* wall clock; creationTimestamp has whole seconds */
	int64_t deleted_ms; /* deletionTimestamp, 0 if none */
	int64_t generation;
};

struct blob_ref {
	char *digest; /* "sha256:…"; NULL: no reference */
	int64_t size; /* bytes */
};

struct env_var {
	char *name, *value;
};

struct condition {
	char *status; /* "True", "False", "Unknown"; NULL: condition absent */
	char *reason; /* CamelCase */
	char *message;
	int64_t transition_ms;
	int64_t observed_generation;
};

/* Free what a struct holds and zero it. */
void object_meta_clear(struct object_meta *meta);
void blob_ref_clear(struct blob_ref *ref);
void env_var_clear(struct env_var *variable);
void condition_clear(struct condition *condition);

/* json_read_fn of lib/api/json.h; the target's type is in the name. */
struct json_path;
int object_meta_read(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err);
int blob_ref_read(struct str value, const struct json_path *path, int64_t max, void *target,
		  struct error *err);
int env_var_read(struct str value, const struct json_path *path, int64_t max, void *target,
		 struct error *err);

/* From a list of conditions the one of that type; *ret stays as it is if there is none. */
int condition_read(struct str list, const struct json_path *path, const char *type, struct condition *ret,
		   struct error *err);

/* "key":{"digest":…,"size":…}; nothing if there is no reference. */
void blob_ref_write(struct buffer *out, const char *key, const struct blob_ref *ref);
/* "conditions":[…]; nothing if the condition is absent. */
void condition_write(struct buffer *out, const char *type, const struct condition *condition);

#endif
