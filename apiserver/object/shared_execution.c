#include "apiserver/object/shared_execution.h"

#include "lib/api/json.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"

#include <stdlib.h>

static int read_annotations(struct str value, const struct json_path *path, int64_t max, void *target,
			    struct error *err)
{
	static const struct json_field fields[] = {
	    {REQUEST_DIGEST_ANNOTATION, json_read_string, offsetof(struct shared_execution, request_digest),
	     JSON_NAME_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_metadata(struct str value, const struct json_path *path, int64_t max, void *target,
			 struct error *err)
{
	static const struct json_field fields[] = {{"annotations", read_annotations, 0, 0}};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

struct shared_execution *shared_execution_from_json(struct str json, struct error *err)
{
	static const struct json_field fields[] = {{"metadata", read_metadata, 0, 0}};
	struct shared_execution *shared = calloc(1, sizeof(*shared));
	if (!shared) {
		error_no_memory(err);
		return NULL;
	}
	shared->references = 1;
	shared->size = (int64_t)json.n;
	shared->execution = execution_from_json(json, err); /* checks the text, too */
	if (!shared->execution) {
		shared_execution_unref(shared);
		return NULL;
	}
	/* Annotations are anybody's to write: what can't be read counts as absent. */
	(void)json_read_object(str_trim(json), NULL, fields, JSON_FIELD_COUNT(fields), shared, NULL);
	shared->requested_ms = shared->execution->requested_ms;
	if (!shared->request_digest && !(shared->request_digest = str_dup(STR("")))) {
		error_no_memory(err);
		shared_execution_unref(shared);
		return NULL;
	}
	return shared;
}

struct shared_execution *shared_execution_from_execution(struct execution *execution, struct error *err)
{
	struct shared_execution *shared = calloc(1, sizeof(*shared));
	char *digest = shared ? str_dup(STR("")) : NULL;
	if (!digest) {
		free(shared);
		execution_free(execution);
		error_no_memory(err);
		return NULL;
	}
	*shared = (struct shared_execution){.execution = execution,
					    .requested_ms = execution->requested_ms,
					    .request_digest = digest,
					    .references = 1};
	return shared;
}

struct shared_execution *shared_execution_ref(const struct shared_execution *shared)
{
	struct shared_execution *counted =
	    (struct shared_execution *)(uintptr_t)shared; /* the count is no part of the value */
	counted->references++;
	return counted;
}

void shared_execution_unref(struct shared_execution *shared)
{
	if (!shared || --shared->references > 0)
		return;
	execution_free(shared->execution);
	free(shared->request_digest);
	free(shared);
}

void shared_execution_keep_outline(struct shared_execution *shared)
{
	execution_drop_data(shared->execution);
	shared->is_outline = true;
}

int execution_to_post(const struct execution *execution, int64_t requested_ms, const char *request_digest,
		      struct buffer *out, struct error *err)
{
	static const char mark[] = "\"metadata\":{";
	cleanup_buffer struct buffer object = BUFFER(out->max);
	if (execution_to_json(execution, &object, err) != 0)
		return -1;
	/* apiVersion and kind come before it, so the first one is the object's. */
	const char *at = strstr(object.data, mark);
	if (!at)
		return error_set(err, ERR_INTERNAL, "the Execution's text has no metadata");
	size_t head = (size_t)(at - object.data) + sizeof(mark) - 1;
	buffer_append(out, object.data, head);
	json_key(out, "annotations");
	json_open(out, '{');
	json_put_time(out, REQUESTED_AT_ANNOTATION, requested_ms, true);
	if (request_digest && *request_digest)
		json_put_string(out, REQUEST_DIGEST_ANNOTATION, request_digest);
	buffer_append_c(out, "},");
	buffer_append(out, object.data + head, object.len - head);
	return out->failed
		   ? error_set(err, ERR_TOO_LARGE, "the execution's request is too large for one object")
		   : 0;
}

void execution_path(struct buffer *out, const char *namespace, const char *name)
{
	buffer_appendf(out, API_BASE_PATH "/namespaces/%s/" API_EXECUTIONS, namespace);
	if (name)
		buffer_appendf(out, "/%s", name);
}
