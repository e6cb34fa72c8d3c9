#include "lib/db/execution_row.h"

#include "lib/api/json.h"
#include "lib/base/json_write.h"

#include <stdlib.h>

/* In the order of the statements' columns. */
enum column {
	ID,
	UID,
	TENANT,
	NAMESPACE,
	NAME,
	SKILL_NAME,
	SKILL_VERSION,
	STATUS,
	REASON,
	MESSAGE,
	EXIT_CODE,
	ERROR_TEXT,
	ERROR_CODE,
	DURATION_MS,
	TIMINGS,
	WARM,
	RAN_VERSION,
	SKILL_DIGEST,
	IMAGE,
	IMAGE_ID,
	POD_NAME,
	ATTEMPT,
	ISOLATION,
	FILES_LIST,
	FILES_DIGEST,
	FILES_SIZE,
	LOGS_TRUNCATED,
	CREATED_MS,
	STARTED_MS,
	FINISHED_MS,
	INPUT,
	INPUT_DIGEST,
	INPUT_SIZE,
	OUTPUT,
	OUTPUT_DIGEST,
	OUTPUT_SIZE,
	LOGS,
	LOGS_DIGEST,
	LOGS_SIZE,
	COLUMN_COUNT
};

#define TEXT_MAX ((size_t)4 << 20) /* of lists and timings, as JSON */

static const char *const timing_names[] = {"queue", "sandbox", "start", "run", "collect", "total"};

/* There */

static void put_buffer(struct db_parameters *parameters, const struct buffer *text)
{
	if (text->failed) {
		parameters->failed = true;
		parameters->too_large = !text->no_memory;
	} else {
		db_put_text(parameters, text->data);
	}
}

static void put_timings(struct db_parameters *parameters, const struct execution_timings *timings)
{
	const double values[] = {timings->queue, timings->sandbox, timings->start,
				 timings->run,   timings->collect, timings->total};
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
	json_open(&text, '{');
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (values[i] >= 0)
			json_put_number(&text, timing_names[i], values[i]);
	json_close(&text, '}');
	put_buffer(parameters, &text);
}

static void put_isolation(struct db_parameters *parameters, const struct execution *execution)
{
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
	json_open(&text, '[');
	const struct isolation *isolation = execution->status.isolation;
	for (size_t i = 0; isolation && i < isolation->count; i++) {
		const struct execution_layer *layer = &isolation->layers[i];
		json_open(&text, '{');
		json_put_string(&text, "name", layer->name);
		json_put_bool(&text, "active", layer->active);
		json_put_string(&text, "detail", layer->detail);
		json_close(&text, '}');
	}
	json_close(&text, ']');
	put_buffer(parameters, &text);
}

static void put_files(struct db_parameters *parameters, const struct execution *execution)
{
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
	json_open(&text, '[');
	for (size_t i = 0; i < execution->status.file_count; i++)
		json_element_string(&text, execution->status.files[i]);
	json_close(&text, ']');
	put_buffer(parameters, &text);
}

static void put_ref(struct db_parameters *parameters, const struct blob_ref *ref)
{
	db_put_text(parameters, ref->digest);
	db_put_int(parameters, ref->size);
}

static void put_outcome(struct db_parameters *p, const struct execution *execution)
{
	db_put_text(p, execution_rest_status(execution));
	db_put_text(p, execution->status.succeeded.reason);
	db_put_text(p, execution->status.succeeded.message);
	if (execution->status.has_exit_code)
		db_put_int(p, execution->status.exit_code);
	else
		db_put_text(p, NULL);
	db_put_text(p, execution->status.error);
	db_put_text(p, execution->status.error_code);
	db_put_int(p, execution->status.duration_ms);
	put_timings(p, &execution->status.timings);
	db_put_bool(p, execution->status.warm);
	db_put_text(p, execution->status.skill_version);
	db_put_text(p, execution->status.skill_digest);
	db_put_text(p, execution->status.image);
	db_put_text(p, execution->status.image_id);
	db_put_text(p, execution->status.pod_name);
	db_put_int(p, execution->status.attempt);
	put_isolation(p, execution);
	put_files(p, execution);
	put_ref(p, &execution->status.files_ref);
	db_put_bool(p, execution->status.logs_truncated);
}

struct db_parameters *execution_row_write(const struct execution *execution, const char *id,
					  const char *tenant, struct error *err)
{
	struct db_parameters *p = db_parameters_new();
	if (!p) {
		error_no_memory(err);
		return NULL;
	}
	db_put_text(p, id);
	db_put_text(p, execution->meta.uid);
	db_put_text(p, tenant);
	db_put_text(p, execution->meta.namespace);
	db_put_text(p, execution->meta.name);
	db_put_text(p, execution->spec.skill_name ? execution->spec.skill_name : "");
	db_put_text(p, execution->spec.skill_version);
	put_outcome(p, execution);
	db_put_time(p, execution->requested_ms);
	db_put_time(p, execution->status.started_ms);
	db_put_time(p, execution->status.completed_ms);
	db_put_text(p, execution->spec.input);
	put_ref(p, &execution->spec.input_ref);
	db_put_text(p, execution->status.output);
	put_ref(p, &execution->status.output_ref);
	db_put_text(p, execution->status.logs);
	put_ref(p, &execution->status.logs_ref);
	if (!p->failed && p->count == COLUMN_COUNT)
		return p;
	if (p->failed && !p->too_large)
		error_no_memory(err);
	else
		error_set(err, ERR_TOO_LARGE, "the row of execution %s is too large", id);
	return db_parameters_free(p);
}

/* And back */

static int take_text(const struct db_result *result, size_t row, enum column column, char **ret,
		     struct error *err)
{
	const char *text = db_result_text(result, row, column);
	if (!text)
		return 0;
	*ret = str_dup(str_of(text));
	return *ret ? 0 : error_no_memory(err);
}

static int take_ref(const struct db_result *result, size_t row, enum column digest, struct blob_ref *ret,
		    struct error *err)
{
	ret->size = db_result_int(result, row, (size_t)digest + 1);
	return take_text(result, row, digest, &ret->digest, err);
}

static int take_timings(const char *text, struct execution_timings *ret, struct error *err)
{
	static const struct json_field fields[] = {
	    {"queue", json_read_number, offsetof(struct execution_timings, queue), INT64_MAX / 2},
	    {"sandbox", json_read_number, offsetof(struct execution_timings, sandbox), INT64_MAX / 2},
	    {"start", json_read_number, offsetof(struct execution_timings, start), INT64_MAX / 2},
	    {"run", json_read_number, offsetof(struct execution_timings, run), INT64_MAX / 2},
	    {"collect", json_read_number, offsetof(struct execution_timings, collect), INT64_MAX / 2},
	    {"total", json_read_number, offsetof(struct execution_timings, total), INT64_MAX / 2},
	};
	*ret = (struct execution_timings){-1, -1, -1, -1, -1, -1};
	if (!text)
		return 0;
	if (json_check_object(str_of(text), err) != 0)
		return -1;
	return json_read_object(str_of(text), NULL, fields, JSON_FIELD_COUNT(fields), ret, err);
}

static int read_file(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	(void)max;
	return json_read_string(value, path, EXECUTION_MAX_PATH, target, err);
}

static int read_files(struct str value, const struct json_path *path, int64_t max, void *target,
		      struct error *err)
{
	struct execution *execution = target;
	return json_read_list(value, path, max, sizeof(char *), read_file, (void **)&execution->status.files,
			      &execution->status.file_count, err);
}

/* A list stands in an object of its own, since only those are checked as a whole: as the one field. */
static int take_list(const char *text, const struct json_field *field, struct execution *execution,
		     struct error *err)
{
	cleanup_buffer struct buffer object = BUFFER(TEXT_MAX);
	if (!text)
		return 0;
	buffer_appendf(&object, "{\"%s\":%s}", field->name, text);
	if (buffer_check(&object, field->name, err) != 0)
		return -1;
	if (json_check_object(buffer_str(&object), err) != 0)
		return -1;
	return json_read_object(buffer_str(&object), NULL, field, 1, execution, err);
}

static int take_lists(const struct db_result *result, size_t row, struct execution *e, struct error *err)
{
	static const struct json_field files = {"files", read_files, 0, EXECUTION_MAX_FILES};
	static const struct json_field isolation = {
	    "isolation", isolation_read, offsetof(struct execution, status.isolation), EXECUTION_MAX_LAYERS};
	if (take_list(db_result_text(result, row, FILES_LIST), &files, e, err) != 0)
		return error_wrap(err, "files_list");
	if (take_list(db_result_text(result, row, ISOLATION), &isolation, e, err) != 0)
		return error_wrap(err, "isolation");
	return 0;
}

static int take_identity(const struct db_result *result, size_t row, struct execution *e, struct error *err)
{
	/* The id takes the place of the name, which may be no UUID. */
	if (take_text(result, row, ID, &e->meta.name, err) != 0 ||
	    take_text(result, row, UID, &e->meta.uid, err) != 0 ||
	    take_text(result, row, NAMESPACE, &e->meta.namespace, err) != 0 ||
	    take_text(result, row, SKILL_NAME, &e->spec.skill_name, err) != 0 ||
	    take_text(result, row, SKILL_VERSION, &e->spec.skill_version, err) != 0)
		return -1;
	e->requested_ms = e->meta.created_ms = db_result_int(result, row, CREATED_MS);
	e->spec.ttl_seconds = -1;
	return e->meta.name ? 0 : error_set(err, ERR_INTERNAL, "a row without id");
}

static int take_outcome(const struct db_result *result, size_t row, struct execution *e, struct error *err)
{
	const char *status = db_result_text(result, row, STATUS);
	bool succeeded = status && strcmp(status, "success") == 0;
	e->status.succeeded.status = str_dup(succeeded ? STR("True") : STR("False"));
	if (!e->status.succeeded.status)
		return error_no_memory(err);
	e->status.has_exit_code = !db_result_is_null(result, row, EXIT_CODE);
	e->status.exit_code = db_result_int(result, row, EXIT_CODE);
	e->status.duration_ms = db_result_int(result, row, DURATION_MS);
	e->status.warm = db_result_bool(result, row, WARM);
	e->status.attempt = db_result_int(result, row, ATTEMPT);
	e->status.logs_truncated = db_result_bool(result, row, LOGS_TRUNCATED);
	e->status.started_ms = db_result_int(result, row, STARTED_MS);
	e->status.completed_ms = db_result_int(result, row, FINISHED_MS);
	if (take_text(result, row, REASON, &e->status.succeeded.reason, err) != 0 ||
	    take_text(result, row, MESSAGE, &e->status.succeeded.message, err) != 0 ||
	    take_text(result, row, ERROR_TEXT, &e->status.error, err) != 0 ||
	    take_text(result, row, ERROR_CODE, &e->status.error_code, err) != 0 ||
	    take_text(result, row, RAN_VERSION, &e->status.skill_version, err) != 0 ||
	    take_text(result, row, SKILL_DIGEST, &e->status.skill_digest, err) != 0 ||
	    take_text(result, row, IMAGE, &e->status.image, err) != 0 ||
	    take_text(result, row, IMAGE_ID, &e->status.image_id, err) != 0 ||
	    take_text(result, row, POD_NAME, &e->status.pod_name, err) != 0 ||
	    take_ref(result, row, FILES_DIGEST, &e->status.files_ref, err) != 0)
		return -1;
	if (take_timings(db_result_text(result, row, TIMINGS), &e->status.timings, err) != 0)
		return error_wrap(err, "timings");
	return take_lists(result, row, e, err);
}

static int take_texts(const struct db_result *result, size_t row, struct execution *e, struct error *err)
{
	if (take_text(result, row, INPUT, &e->spec.input, err) != 0 ||
	    take_ref(result, row, INPUT_DIGEST, &e->spec.input_ref, err) != 0 ||
	    take_text(result, row, OUTPUT, &e->status.output, err) != 0 ||
	    take_ref(result, row, OUTPUT_DIGEST, &e->status.output_ref, err) != 0 ||
	    take_text(result, row, LOGS, &e->status.logs, err) != 0)
		return -1;
	return take_ref(result, row, LOGS_DIGEST, &e->status.logs_ref, err);
}

struct execution *execution_row_read(const struct db_result *result, size_t row, struct error *err)
{
	struct execution *execution = calloc(1, sizeof(*execution));
	if (!execution) {
		error_no_memory(err);
		return NULL;
	}
	if (take_identity(result, row, execution, err) == 0 &&
	    take_outcome(result, row, execution, err) == 0 && take_texts(result, row, execution, err) == 0)
		return execution;
	error_wrap(err, "row of execution %s",
		   db_result_text(result, row, ID) ? db_result_text(result, row, ID) : "?");
	return execution_free(execution);
}
