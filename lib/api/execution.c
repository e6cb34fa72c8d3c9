#include "lib/api/execution.h"

#include "lib/api/json.h"
#include "lib/base/id.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

#include <stdlib.h>

#define MAX_ENV 256
#define MAX_FILES 10000
#define MAX_LAYERS 64
#define MAX_TIMEOUT_MS (24 * 60 * 60 * 1000)
#define MAX_TTL_SECONDS (366LL * 24 * 60 * 60)
#define MAX_MS (366LL * 24 * 60 * 60 * 1000)

static int read_skill_ref(struct str value, const struct json_path *path, int64_t max, void *target,
			  struct error *err)
{
	static const struct json_field fields[] = {
	    {"name", json_read_string, offsetof(struct execution, spec.skill_name), JSON_NAME_MAX},
	    {"version", json_read_string, offsetof(struct execution, spec.skill_version), JSON_NAME_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

/* What both forms of the input must be. Duplicate keys and numbers of any size are the skill's business. */
static int check_input(const char *input, const struct json_path *path, struct error *err)
{
	struct error why;
	if (jsontext_check(str_of(input), &(struct jsontext_rules){.max_depth = JSONTEXT_ANY_DEPTH}, &why) !=
	    0)
		return why.code == ERR_NO_MEMORY ? error_no_memory(err)
						 : json_error(path, err, "%s", why.message);
	return json_check_depth(str_of(input), path, err);
}

static int only_one_input(const struct execution *execution, const struct json_path *path, struct error *err)
{
	if (execution->spec.input || execution->spec.input_ref.digest)
		return json_error(path, err, "only one of input, inputText and inputRef may be given");
	return 0;
}

static int read_input(struct str value, const struct json_path *path, int64_t max, void *target,
		      struct error *err)
{
	struct execution *execution = target;
	if (only_one_input(execution, path, err) != 0)
		return -1;
	return json_read_value(value, path, max, &execution->spec.input, err);
}

static int read_input_text(struct str value, const struct json_path *path, int64_t max, void *target,
			   struct error *err)
{
	struct execution *execution = target;
	if (only_one_input(execution, path, err) != 0 ||
	    json_read_string(value, path, max, &execution->spec.input, err) != 0)
		return -1;
	return check_input(execution->spec.input, path, err);
}

static int read_input_ref(struct str value, const struct json_path *path, int64_t max, void *target,
			  struct error *err)
{
	struct execution *execution = target;
	if (only_one_input(execution, path, err) != 0)
		return -1;
	return blob_ref_read(value, path, max, &execution->spec.input_ref, err);
}

static int read_env(struct str value, const struct json_path *path, int64_t max, void *target,
		    struct error *err)
{
	struct execution *execution = target;
	return json_read_list(value, path, max, sizeof(*execution->spec.env), env_var_read,
			      (void **)&execution->spec.env, &execution->spec.env_count, err);
}

static int read_seconds(struct str value, const struct json_path *path, int64_t max, void *target,
			struct error *err)
{
	int64_t seconds, *timeout_ms = target;
	if (json_read_count(value, path, max / 1000, &seconds, err) != 0)
		return -1;
	if (*timeout_ms == 0)
		*timeout_ms = seconds * 1000;
	return 0;
}

static int read_spec(struct str value, const struct json_path *path, struct execution *execution,
		     struct error *err)
{
	static const struct json_field fields[] = {
	    {"skillRef", read_skill_ref, 0, 0},
	    {"input", read_input, 0, JSON_TEXT_MAX},
	    {"inputText", read_input_text, 0, JSON_TEXT_MAX},
	    {"inputRef", read_input_ref, 0, 0},
	    {"env", read_env, 0, MAX_ENV},
	    {"timeoutSeconds", read_seconds, offsetof(struct execution, spec.timeout_ms), MAX_TIMEOUT_MS},
	    {"timeoutMilliseconds", json_read_count, offsetof(struct execution, spec.timeout_ms),
	     MAX_TIMEOUT_MS},
	    {"ttlSecondsAfterFinished", json_read_count, offsetof(struct execution, spec.ttl_seconds),
	     MAX_TTL_SECONDS},
	    {"cancel", json_read_bool, offsetof(struct execution, spec.cancel), 0},
	};
	if (json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), execution, err) != 0)
		return -1;
	if (!execution->spec.skill_name || !execution->spec.skill_name[0])
		return json_error(&(struct json_path){path, "skillRef.name", 0}, err, "is missing");
	return 0;
}

static void free_text(char **text)
{
	free(*text);
	*text = NULL;
}

static void clear_input(struct execution *execution)
{
	free_text(&execution->spec.input);
	for (size_t i = 0; i < execution->spec.env_count; i++)
		env_var_clear(&execution->spec.env[i]);
	free(execution->spec.env);
	execution->spec.env = NULL;
	execution->spec.env_count = 0;
}

static void clear_spec(struct execution *execution)
{
	clear_input(execution);
	blob_ref_clear(&execution->spec.input_ref);
	free(execution->spec.skill_name);
	free(execution->spec.skill_version);
	memset(&execution->spec, 0, sizeof(execution->spec));
	execution->spec.ttl_seconds = -1;
}

/* A spec that can't be read is the user's fault and must show in the status: keep the object, say why. */
static int read_spec_or_reason(struct str value, const struct json_path *path, int64_t max, void *target,
			       struct error *err)
{
	(void)max;
	struct execution *execution = target;
	struct error why;
	if (read_spec(value, path, execution, &why) == 0)
		return 0;
	clear_spec(execution);
	return json_keep_reason(&why, &execution->invalid, err);
}

static int read_conditions(struct str value, const struct json_path *path, int64_t max, void *target,
			   struct error *err)
{
	(void)max;
	return condition_read(value, path, "Succeeded", &((struct execution *)target)->status.succeeded, err);
}

static int read_exit_code(struct str value, const struct json_path *path, int64_t max, void *target,
			  struct error *err)
{
	struct execution *execution = target;
	execution->status.has_exit_code = true;
	return json_read_int(value, path, max, &execution->status.exit_code, err);
}

static int read_files(struct str value, const struct json_path *path, int64_t max, void *target,
		      struct error *err)
{
	struct execution *execution = target;
	return json_read_list(value, path, max, sizeof(*execution->status.files), json_read_string,
			      (void **)&execution->status.files, &execution->status.file_count, err);
}

static int read_timings(struct str value, const struct json_path *path, int64_t max, void *target,
			struct error *err)
{
	static const struct json_field fields[] = {
	    {"queue", json_read_number, offsetof(struct execution_timings, queue), MAX_MS},
	    {"sandbox", json_read_number, offsetof(struct execution_timings, sandbox), MAX_MS},
	    {"start", json_read_number, offsetof(struct execution_timings, start), MAX_MS},
	    {"run", json_read_number, offsetof(struct execution_timings, run), MAX_MS},
	    {"collect", json_read_number, offsetof(struct execution_timings, collect), MAX_MS},
	    {"total", json_read_number, offsetof(struct execution_timings, total), MAX_MS},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

#define STATUS(member) offsetof(struct execution, status.member)

static int read_status(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	static const struct json_field fields[] = {
	    {"conditions", read_conditions, 0, 0},
	    {"startTime", json_read_time, STATUS(started_ms), 0},
	    {"completionTime", json_read_time, STATUS(completed_ms), 0},
	    {"podName", json_read_string, STATUS(pod_name), JSON_NAME_MAX},
	    {"attempt", json_read_count, STATUS(attempt), INT32_MAX},
	    {"exitCode", read_exit_code, 0, INT32_MAX},
	    {"output", json_read_string, STATUS(output), JSON_TEXT_MAX},
	    {"outputRef", blob_ref_read, STATUS(output_ref), 0},
	    {"error", json_read_string, STATUS(error), JSON_MESSAGE_MAX},
	    {"errorCode", json_read_string, STATUS(error_code), JSON_NAME_MAX},
	    {"logs", json_read_string, STATUS(logs), JSON_TEXT_MAX},
	    {"logsRef", blob_ref_read, STATUS(logs_ref), 0},
	    {"logsTruncated", json_read_bool, STATUS(logs_truncated), 0},
	    {"files", read_files, 0, MAX_FILES},
	    {"filesRef", blob_ref_read, STATUS(files_ref), 0},
	    {"durationMilliseconds", json_read_count, STATUS(duration_ms), MAX_MS},
	    {"timings", read_timings, STATUS(timings), 0},
	    {"warm", json_read_bool, STATUS(warm), 0},
	    {"skillVersion", json_read_string, STATUS(skill_version), JSON_NAME_MAX},
	    {"skillDigest", json_read_string, STATUS(skill_digest), JSON_NAME_MAX},
	    {"image", json_read_string, STATUS(image), JSON_NAME_MAX},
	    {"imageID", json_read_string, STATUS(image_id), JSON_NAME_MAX},
	    {"isolation", isolation_read, STATUS(isolation), MAX_LAYERS},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_annotations(struct str value, const struct json_path *path, int64_t max, void *target,
			    struct error *err)
{
	static const struct json_field fields[] = {
	    {REQUESTED_AT_ANNOTATION, json_read_time, offsetof(struct execution, requested_ms), 0},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_metadata(struct str value, const struct json_path *path, int64_t max, void *target,
			 struct error *err)
{
	static const struct json_field fields[] = {{"annotations", read_annotations, 0, 0}};
	struct execution *execution = target;
	if (object_meta_read(value, path, max, &execution->meta, err) != 0)
		return -1;
	struct error bad_annotation; /* annotations are anybody's to write: a bad one counts as absent */
	if (json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), execution, &bad_annotation) !=
		0 ||
	    execution->requested_ms == 0)
		execution->requested_ms = execution->meta.created_ms;
	return 0;
}

static int read_execution(struct str json, struct execution *execution, struct error *err)
{
	static const struct json_field fields[] = {
	    {"metadata", read_metadata, 0, 0},
	    {"spec", read_spec_or_reason, 0, 0},
	    {"status", read_status, 0, 0},
	};
	execution->spec.ttl_seconds = -1;
	execution->status.timings = (struct execution_timings){-1, -1, -1, -1, -1, -1};
	if (json_read_object(str_trim(json), NULL, fields, JSON_FIELD_COUNT(fields), execution, err) != 0)
		return -1;
	if (!execution->meta.name)
		return error_set(err, ERR_BAD_REQUEST, "metadata: is missing");
	if (!execution->spec.skill_name && !execution->invalid &&
	    !(execution->invalid = str_dup(STR("spec: is missing"))))
		return error_no_memory(err);
	if ((!execution->spec.skill_name && !(execution->spec.skill_name = str_dup(STR("")))) ||
	    (!execution->spec.skill_version && !(execution->spec.skill_version = str_dup(STR("")))))
		return error_no_memory(err);
	return 0;
}

struct execution *execution_from_json(struct str json, struct error *err)
{
	if (json_check_object(json, err) != 0)
		return NULL;
	struct execution *execution = calloc(1, sizeof(*execution));
	if (!execution) {
		error_no_memory(err);
		return NULL;
	}
	return read_execution(json, execution, err) == 0 ? execution : execution_free(execution);
}

static void clear_output(struct execution *execution)
{
	free_text(&execution->status.output);
	free_text(&execution->status.logs);
	for (size_t i = 0; i < execution->status.file_count; i++)
		free(execution->status.files[i]);
	free(execution->status.files);
	execution->status.files = NULL;
	execution->status.file_count = 0;
}

static void clear_result(struct execution *execution)
{
	clear_output(execution);
	blob_ref_clear(&execution->status.output_ref);
	blob_ref_clear(&execution->status.logs_ref);
	blob_ref_clear(&execution->status.files_ref);
	free_text(&execution->status.skill_version);
	free_text(&execution->status.skill_digest);
	free_text(&execution->status.image);
	free_text(&execution->status.image_id);
	execution->status.isolation = isolation_unref(execution->status.isolation);
}

static size_t text_size(const char *text)
{
	return text ? strlen(text) : 0;
}

size_t execution_data_size(const struct execution *execution)
{
	size_t bytes = text_size(execution->spec.input) + text_size(execution->status.output) +
		       text_size(execution->status.logs);
	for (size_t i = 0; i < execution->spec.env_count; i++)
		bytes += sizeof(*execution->spec.env) + text_size(execution->spec.env[i].name) +
			 text_size(execution->spec.env[i].value);
	for (size_t i = 0; i < execution->status.file_count; i++)
		bytes += sizeof(*execution->status.files) + text_size(execution->status.files[i]);
	return bytes;
}

void execution_drop_data(struct execution *execution)
{
	clear_input(execution);
	clear_output(execution);
	execution->is_outline = true;
}

void execution_keep_outline(struct execution *execution)
{
	clear_input(execution);
	blob_ref_clear(&execution->spec.input_ref);
	clear_result(execution);
	execution->is_outline = true;
}

static void clear_status(struct execution *execution)
{
	clear_result(execution);
	condition_clear(&execution->status.succeeded);
	free(execution->status.pod_name);
	free(execution->status.error);
	free(execution->status.error_code);
}

struct execution *execution_free(struct execution *execution)
{
	if (!execution)
		return NULL;
	object_meta_clear(&execution->meta);
	free(execution->invalid);
	free(execution->refused_env);
	clear_spec(execution);
	clear_status(execution);
	free(execution);
	return NULL;
}

static int put_env(struct buffer *out, const struct execution *execution, struct error *err)
{
	if (!execution->spec.env_count)
		return 0;
	json_key(out, "env");
	json_open(out, '[');
	for (size_t i = 0; i < execution->spec.env_count; i++) {
		json_open(out, '{');
		json_put_string(out, "name", execution->spec.env[i].name);
		if (json_put_text(out, "value", execution->spec.env[i].value, err) != 0)
			return error_wrap(err, "env[%zu]", i);
		json_close(out, '}');
	}
	json_close(out, ']');
	return 0;
}

static int put_spec(struct buffer *out, const struct execution *execution, struct error *err)
{
	json_key(out, "spec");
	json_open(out, '{');
	json_key(out, "skillRef");
	json_open(out, '{');
	json_put_string(out, "name", execution->spec.skill_name);
	if (execution->spec.skill_version && execution->spec.skill_version[0])
		json_put_string(out, "version", execution->spec.skill_version);
	json_close(out, '}');
	if (execution->spec.input && check_input(execution->spec.input, NULL, err) != 0)
		return error_wrap(err, "input");
	json_put_string(out, "inputText", execution->spec.input);
	blob_ref_write(out, "inputRef", &execution->spec.input_ref);
	if (put_env(out, execution, err) != 0)
		return -1;
	if (execution->spec.timeout_ms % 1000)
		json_put_int(out, "timeoutMilliseconds", execution->spec.timeout_ms);
	else if (execution->spec.timeout_ms)
		json_put_int(out, "timeoutSeconds", execution->spec.timeout_ms / 1000);
	if (execution->spec.ttl_seconds >= 0)
		json_put_int(out, "ttlSecondsAfterFinished", execution->spec.ttl_seconds);
	if (execution->spec.cancel)
		json_put_bool(out, "cancel", true);
	json_close(out, '}');
	return 0;
}

int execution_to_json(const struct execution *execution, struct buffer *out, struct error *err)
{
	buffer_append_c(out, "{\"apiVersion\":\"" API_VERSION "\",\"kind\":\"Execution\"");
	json_key(out, "metadata");
	json_open(out, '{');
	json_put_string(out, "name", execution->meta.name);
	json_put_string(out, "namespace", execution->meta.namespace);
	json_close(out, '}');
	if (put_spec(out, execution, err) != 0)
		return -1;
	json_close(out, '}');
	return buffer_check(out, "the Execution", err);
}

void execution_put_timings(const struct execution_timings *timings, struct buffer *out)
{
	const struct {
		const char *name;
		double ms;
	} rows[] = {
	    {"queue", timings->queue}, {"sandbox", timings->sandbox}, {"start", timings->start},
	    {"run", timings->run},     {"collect", timings->collect}, {"total", timings->total},
	};
	json_key(out, "timings");
	json_open(out, '{');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].ms >= 0)
			json_put_number(out, rows[i].name, rows[i].ms);
	json_close(out, '}');
}

static int check_bounds(const struct execution *execution, struct error *err)
{
	size_t bytes = 0;
	for (size_t i = 0; i < execution->status.file_count; i++) {
		size_t n = strlen(execution->status.files[i]);
		if (n > EXECUTION_MAX_PATH)
			return error_set(err, ERR_TOO_LARGE, "files[%zu] has %zu bytes, more than %d", i, n,
					 EXECUTION_MAX_PATH);
		bytes += n;
	}
	if (execution->status.file_count > EXECUTION_MAX_FILES || bytes > EXECUTION_MAX_FILES_BYTES)
		return error_set(
		    err, ERR_TOO_LARGE, "files has %zu names of %zu bytes, more than %d names or %d bytes",
		    execution->status.file_count, bytes, EXECUTION_MAX_FILES, EXECUTION_MAX_FILES_BYTES);
	if (execution->status.isolation && execution->status.isolation->count > EXECUTION_MAX_LAYERS)
		return error_set(err, ERR_TOO_LARGE, "isolation has %zu layers, more than %d",
				 execution->status.isolation->count, EXECUTION_MAX_LAYERS);
	return 0;
}

static void put_result(struct buffer *out, const struct execution *execution)
{
	if (execution->status.has_exit_code)
		json_put_int(out, "exitCode", execution->status.exit_code);
	json_put_string(out, "output", execution->status.output);
	blob_ref_write(out, "outputRef", &execution->status.output_ref);
	json_put_message(out, "error", execution->status.error, EXECUTION_MAX_ERROR);
	json_put_string(out, "errorCode", execution->status.error_code);
	json_put_string(out, "logs", execution->status.logs);
	blob_ref_write(out, "logsRef", &execution->status.logs_ref);
	if (execution->status.logs_truncated)
		json_put_bool(out, "logsTruncated", true);
	if (execution->status.file_count) {
		json_key(out, "files");
		json_open(out, '[');
		for (size_t i = 0; i < execution->status.file_count; i++)
			json_element_string(out, execution->status.files[i]);
		json_close(out, ']');
	}
	blob_ref_write(out, "filesRef", &execution->status.files_ref);
}

static void put_isolation(struct buffer *out, const struct execution *execution)
{
	const struct isolation *isolation = execution->status.isolation;
	if (!isolation || isolation->count == 0)
		return;
	json_key(out, "isolation");
	json_open(out, '[');
	for (size_t i = 0; i < isolation->count; i++) {
		const struct execution_layer *layer = &isolation->layers[i];
		json_open(out, '{');
		json_put_string(out, "name", layer->name);
		json_put_bool(out, "active", layer->active);
		if (layer->detail && layer->detail[0])
			json_put_message(out, "detail", layer->detail, EXECUTION_MAX_LAYER_DETAIL);
		json_close(out, '}');
	}
	json_close(out, ']');
}

int execution_status_patch(const struct execution *execution, bool guard, struct buffer *out,
			   struct error *err)
{
	if (guard && !execution->meta.resource_version)
		return error_set(err, ERR_INTERNAL, "a guarded patch needs metadata.resourceVersion");
	if (check_bounds(execution, err) != 0)
		return -1;
	buffer_append_byte(out, '{');
	if (guard) {
		json_key(out, "metadata");
		json_open(out, '{');
		json_put_string(out, "resourceVersion", execution->meta.resource_version);
		json_close(out, '}');
	}
	json_key(out, "status");
	json_open(out, '{');
	condition_write(out, "Succeeded", &execution->status.succeeded);
	if (execution->status.started_ms)
		json_put_time(out, "startTime", execution->status.started_ms, true);
	if (execution->status.completed_ms)
		json_put_time(out, "completionTime", execution->status.completed_ms, true);
	json_put_string(out, "podName", execution->status.pod_name);
	if (execution->status.attempt)
		json_put_int(out, "attempt", execution->status.attempt);
	put_result(out, execution);
	if (execution_is_finished(execution) && execution->status.completed_ms) {
		json_put_int(out, "durationMilliseconds", execution->status.duration_ms);
		execution_put_timings(&execution->status.timings, out);
		json_put_bool(out, "warm", execution->status.warm);
	}
	json_put_string(out, "skillVersion", execution->status.skill_version);
	json_put_string(out, "skillDigest", execution->status.skill_digest);
	json_put_string(out, "image", execution->status.image);
	json_put_string(out, "imageID", execution->status.image_id);
	put_isolation(out, execution);
	json_close(out, '}');
	json_close(out, '}');
	return buffer_check(out, "the status of the Execution", err);
}

bool execution_is_finished(const struct execution *execution)
{
	struct str status = str_of(execution->status.succeeded.status);
	return str_eq(status, STR("True")) || str_eq(status, STR("False"));
}

const char *execution_rest_status(const struct execution *execution)
{
	struct str status = str_of(execution->status.succeeded.status);
	struct str reason = str_of(execution->status.succeeded.reason);
	if (str_eq(status, STR("True")))
		return "success";
	if (!str_eq(status, STR("False")))
		return str_eq(reason, STR(REASON_RUNNING)) ? "running" : "pending";
	if (str_eq(reason, STR(REASON_TIMED_OUT)))
		return "timeout";
	return str_eq(reason, STR(REASON_CANCELLED)) ? "cancelled" : "failed";
}

const char *execution_id(const struct execution *execution)
{
	const struct object_meta *meta = &execution->meta;
	if (id_is_uuid(str_of(meta->name)) || !meta->uid)
		return meta->name;
	return meta->uid;
}
