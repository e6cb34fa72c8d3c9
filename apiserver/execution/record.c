#include "apiserver/execution/record.h"

#include "lib/api/json.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"

#include <stdlib.h>

static int read_annotations(struct str value, const struct json_path *path, int64_t max, void *target,
			    struct error *err)
{
	static const struct json_field fields[] = {
	    {REQUEST_DIGEST_ANNOTATION, json_read_string, offsetof(struct record, request_digest),
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

struct record *record_from_json(struct str json, struct error *err)
{
	static const struct json_field fields[] = {{"metadata", read_metadata, 0, 0}};
	struct record *record = calloc(1, sizeof(*record));
	if (!record) {
		error_no_memory(err);
		return NULL;
	}
	record->references = 1;
	record->execution = execution_from_json(json, err); /* checks the text, too */
	if (!record->execution) {
		record_unref(record);
		return NULL;
	}
	/* Annotations are anybody's to write: what can't be read counts as absent. */
	(void)json_read_object(str_trim(json), NULL, fields, JSON_FIELD_COUNT(fields), record, NULL);
	record->requested_ms = record->execution->requested_ms;
	if (!record->request_digest && !(record->request_digest = str_dup(STR("")))) {
		error_no_memory(err);
		record_unref(record);
		return NULL;
	}
	return record;
}

struct record *record_from_execution(struct execution *execution, struct error *err)
{
	struct record *record = calloc(1, sizeof(*record));
	char *digest = record ? str_dup(STR("")) : NULL;
	if (!digest) {
		free(record);
		execution_free(execution);
		error_no_memory(err);
		return NULL;
	}
	*record = (struct record){execution, execution->requested_ms, digest, 1, false};
	return record;
}

struct record *record_ref(const struct record *record)
{
	struct record *counted = (struct record *)(uintptr_t)record; /* the count is no part of the value */
	counted->references++;
	return counted;
}

void record_unref(struct record *record)
{
	if (!record || --record->references > 0)
		return;
	execution_free(record->execution);
	free(record->request_digest);
	free(record);
}

void record_keep_outline(struct record *record)
{
	execution_drop_data(record->execution);
	record->is_outline = true;
}

int record_to_json(const struct execution *execution, int64_t requested_ms, const char *request_digest,
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
