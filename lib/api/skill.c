#include "lib/api/skill.h"

#include "lib/api/json.h"
#include "lib/base/digest.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

#include <stdlib.h>

#define MAX_FILES 4096
#define MAX_PATH_BYTES 1024
#define IDENTITY_MAX 4096 /* name, version and digest together */
#define MAX_PACKAGE_FILES 20000
#define MAX_PACKAGE_BYTES ((int64_t)512 << 20)
#define MAX_TIMEOUT_MS (24 * 60 * 60 * 1000)

static int read_annotations(struct str value, const struct json_path *path, int64_t max, void *target,
			    struct error *err)
{
	static const struct json_field fields[] = {
	    {API_UPLOADED_AT_ANNOTATION, json_read_time, offsetof(struct skill, uploaded_ms), 0},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_metadata(struct str value, const struct json_path *path, int64_t max, void *target,
			 struct error *err)
{
	static const struct json_field fields[] = {{"annotations", read_annotations, 0, 0}};
	struct skill *skill = target;
	if (object_meta_read(value, path, max, &skill->meta, err) != 0)
		return -1;
	struct error bad_annotation; /* anyone who may edit annotations could else hide the object from us */
	if (json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), skill, &bad_annotation) != 0 ||
	    skill->uploaded_ms == 0)
		skill->uploaded_ms = skill->meta.created_ms;
	return 0;
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

static int read_resources(struct str value, const struct json_path *path, int64_t max, void *target,
			  struct error *err)
{
	static const struct json_field fields[] = {
	    {"cpu", json_read_string, offsetof(struct skill, spec.cpu), JSON_NAME_MAX},
	    {"memory", json_read_string, offsetof(struct skill, spec.memory), JSON_NAME_MAX},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_file(struct str raw_key, struct str text, const struct json_path *path,
		     struct skill_file *file, struct error *err)
{
	struct str quoted = {raw_key.p - 1, raw_key.n + 2};
	if (json_read_string(quoted, path, MAX_PATH_BYTES, &file->path, err) != 0)
		return -1;
	struct json_path at = {path, file->path, 0};
	return json_read_string(text, &at, JSON_TEXT_MAX, &file->text, err);
}

static int read_files(struct str value, const struct json_path *path, int64_t max, void *target,
		      struct error *err)
{
	struct skill *skill = target;
	if (jsontext_kind_of(value) != JSONTEXT_OBJECT)
		return json_error(path, err, "must be an object of path and text");
	struct str key, text;
	size_t count = 0;
	for (size_t position = 0; jsontext_next_member(value, &position, &key, &text);)
		count++;
	if (count > (size_t)max)
		return json_error(path, err, "has %zu files, more than %lld", count, (long long)max);
	if (count == 0)
		return 0;
	skill->spec.files = calloc(count, sizeof(*skill->spec.files));
	if (!skill->spec.files)
		return error_no_memory(err);
	skill->spec.file_count = count;
	size_t position = 0;
	for (size_t i = 0; i < count && jsontext_next_member(value, &position, &key, &text); i++)
		if (read_file(key, text, path, &skill->spec.files[i], err) != 0)
			return -1;
	return 0;
}

static int read_packages(struct str value, const struct json_path *path, int64_t max, void *target,
			 struct error *err)
{
	static const struct json_field fields[] = {
	    {"lock", json_read_string, offsetof(struct skill_packages, lock), JSON_NAME_MAX},
	    {"files", json_read_count, offsetof(struct skill_packages, files), MAX_PACKAGE_FILES},
	    {"bytes", json_read_count, offsetof(struct skill_packages, bytes), MAX_PACKAGE_BYTES},
	};
	struct skill_packages *packages = target;
	if (blob_ref_read(value, path, max, &packages->blob, err) != 0 ||
	    json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), packages, err) != 0)
		return -1;
	if (!packages->lock || !digest_is_text(str_of(packages->lock)))
		return json_error(&(struct json_path){path, "lock", 0}, err,
				  "must be \"sha256:\" and 64 lower-case hex digits");
	return 0;
}

static int read_source(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	static const struct json_field fields[] = {
	    {"bundle", blob_ref_read, offsetof(struct skill, spec.bundle), 0},
	    {"packages", read_packages, offsetof(struct skill, spec.packages), 0},
	    {"build", json_read_bool, offsetof(struct skill, spec.build), 0},
	    {"files", read_files, 0, MAX_FILES},
	};
	(void)max;
	struct skill *skill = target;
	if (json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), skill, err) != 0)
		return -1;
	if (skill->spec.bundle.digest && skill->spec.file_count)
		return json_error(path, err, "must have either bundle or files, not both");
	if (skill->spec.packages.blob.digest && !skill->spec.bundle.digest)
		return json_error(path, err, "must have bundle where it has packages");
	if (skill->spec.build && (skill->spec.packages.blob.digest || !skill->spec.bundle.digest))
		return json_error(path, err, "must have bundle, and no packages, where it has build");
	return 0;
}

static int read_spec(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	static const struct json_field fields[] = {
	    {"name", json_read_string, offsetof(struct skill, spec.name), JSON_NAME_MAX},
	    {"version", json_read_string, offsetof(struct skill, spec.version), JSON_NAME_MAX},
	    {"description", json_read_string, offsetof(struct skill, spec.description), JSON_TEXT_MAX},
	    {"instructions", json_read_string, offsetof(struct skill, spec.instructions), JSON_TEXT_MAX},
	    {"lang", json_read_string, offsetof(struct skill, spec.lang), JSON_NAME_MAX},
	    {"image", json_read_string, offsetof(struct skill, spec.image), JSON_NAME_MAX},
	    {"timeoutSeconds", read_seconds, offsetof(struct skill, spec.timeout_ms), MAX_TIMEOUT_MS},
	    {"timeoutMilliseconds", json_read_count, offsetof(struct skill, spec.timeout_ms), MAX_TIMEOUT_MS},
	    {"resources", read_resources, 0, 0},
	    {"inputSchema", json_read_value, offsetof(struct skill, spec.input_schema), JSON_TEXT_MAX},
	    {"outputSchema", json_read_value, offsetof(struct skill, spec.output_schema), JSON_TEXT_MAX},
	    {"entrypoint", json_read_string, offsetof(struct skill, spec.entrypoint), MAX_PATH_BYTES},
	    {"source", read_source, 0, 0},
	};
	(void)max;
	struct skill *skill = target;
	if (json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), skill, err) != 0)
		return -1;
	if (!skill->spec.name || !skill->spec.name[0])
		return json_error(&(struct json_path){path, "name", 0}, err, "is missing");
	if (!skill->spec.version || !skill->spec.version[0])
		return json_error(&(struct json_path){path, "version", 0}, err, "is missing");
	return 0;
}

static int read_conditions(struct str value, const struct json_path *path, int64_t max, void *target,
			   struct error *err)
{
	(void)max;
	return condition_read(value, path, "Ready", &((struct skill *)target)->status.ready, err);
}

static int read_build(struct str value, const struct json_path *path, int64_t max, void *target,
		      struct error *err)
{
	static const struct json_field fields[] = {
	    {"key", json_read_string, offsetof(struct skill, status.build.key), JSON_NAME_MAX},
	    {"log", json_read_string, offsetof(struct skill, status.build.log), SKILL_BUILD_LOG_MAX},
	    {"attempt", json_read_count, offsetof(struct skill, status.build.attempt), INT32_MAX},
	    {"tries", json_read_count, offsetof(struct skill, status.build.tries), INT32_MAX},
	    {"uploadTime", json_read_time, offsetof(struct skill, status.build.uploaded_ms), 0},
	    {"startTime", json_read_time, offsetof(struct skill, status.build.started_ms), 0},
	    {"completionTime", json_read_time, offsetof(struct skill, status.build.completed_ms), 0},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int read_status(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err)
{
	static const struct json_field fields[] = {
	    {"conditions", read_conditions, 0, 0},
	    {"digest", json_read_string, offsetof(struct skill, status.digest), JSON_NAME_MAX},
	    {"packages", read_packages, offsetof(struct skill, status.packages), 0},
	    {"build", read_build, 0, 0},
	};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static void clear_packages(struct skill_packages *packages)
{
	blob_ref_clear(&packages->blob);
	free(packages->lock);
}

static void clear_spec(struct skill *skill)
{
	free(skill->spec.name);
	free(skill->spec.version);
	free(skill->spec.description);
	free(skill->spec.instructions);
	free(skill->spec.lang);
	free(skill->spec.image);
	free(skill->spec.cpu);
	free(skill->spec.memory);
	free(skill->spec.input_schema);
	free(skill->spec.output_schema);
	free(skill->spec.entrypoint);
	blob_ref_clear(&skill->spec.bundle);
	clear_packages(&skill->spec.packages);
	for (size_t i = 0; skill->spec.files && i < skill->spec.file_count; i++) {
		free(skill->spec.files[i].path);
		free(skill->spec.files[i].text);
	}
	free(skill->spec.files);
	memset(&skill->spec, 0, sizeof(skill->spec));
}

/* Strings that are always there for callers: "" when absent. */
static int fill_defaults(struct skill *skill, struct error *err)
{
	char **const strings[] = {
	    &skill->spec.name,         &skill->spec.version, &skill->spec.description,
	    &skill->spec.instructions, &skill->spec.lang,    &skill->spec.image,
	    &skill->spec.cpu,          &skill->spec.memory,  &skill->spec.entrypoint,
	};
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (!*strings[i] && !(*strings[i] = str_dup(STR(""))))
			return error_no_memory(err);
	return 0;
}

/* A spec that can't be read is the user's fault and must show in the status: keep the object, say why. */
static int read_spec_or_reason(struct str value, const struct json_path *path, int64_t max, void *target,
			       struct error *err)
{
	struct skill *skill = target;
	struct error why;
	skill->size = (int64_t)value.n;
	if (read_spec(value, path, max, skill, &why) == 0)
		return 0;
	clear_spec(skill);
	return json_keep_reason(&why, &skill->invalid, err);
}

static int read_skill(struct str json, struct skill *skill, struct error *err)
{
	static const struct json_field fields[] = {
	    {"metadata", read_metadata, 0, 0},
	    {"spec", read_spec_or_reason, 0, 0},
	    {"status", read_status, 0, 0},
	};
	if (json_read_object(str_trim(json), NULL, fields, JSON_FIELD_COUNT(fields), skill, err) != 0)
		return -1;
	if (!skill->meta.name)
		return error_set(err, ERR_BAD_REQUEST, "metadata: is missing");
	if (!skill->spec.name && !skill->invalid && !(skill->invalid = str_dup(STR("spec: is missing"))))
		return error_no_memory(err);
	return fill_defaults(skill, err);
}

struct skill *skill_from_json(struct str json, struct error *err)
{
	if (json_check_object(json, err) != 0)
		return NULL;
	struct skill *skill = calloc(1, sizeof(*skill));
	if (!skill) {
		error_no_memory(err);
		return NULL;
	}
	return read_skill(json, skill, err) == 0 ? skill : skill_free(skill);
}

struct skill *skill_free(struct skill *skill)
{
	if (!skill)
		return NULL;
	object_meta_clear(&skill->meta);
	free(skill->invalid);
	clear_spec(skill);
	free(skill->files_verdict.path);
	free(skill->files_verdict.problem);
	free(skill->files_digest);
	condition_clear(&skill->status.ready);
	free(skill->status.digest);
	clear_packages(&skill->status.packages);
	free(skill->status.build.key);
	free(skill->status.build.log);
	free(skill);
	return NULL;
}

static void put_non_empty(struct buffer *out, const char *key, const char *value)
{
	if (value && value[0])
		json_put_string(out, key, value);
}

static int put_schema(struct buffer *out, const char *key, const char *schema, struct error *err)
{
	if (schema && jsontext_check(str_of(schema), NULL, err) != 0)
		return error_wrap(err, "%s", key);
	json_put_raw(out, key, schema);
	return 0;
}

static void put_packages(struct buffer *out, const struct skill_packages *packages)
{
	if (!packages->blob.digest)
		return;
	json_key(out, "packages");
	json_open(out, '{');
	json_put_string(out, "digest", packages->blob.digest);
	json_put_int(out, "size", packages->blob.size);
	json_put_string(out, "lock", packages->lock);
	json_put_int(out, "files", packages->files);
	json_put_int(out, "bytes", packages->bytes);
	json_close(out, '}');
}

static int put_source(struct buffer *out, const struct skill *skill, struct error *err)
{
	json_key(out, "source");
	json_open(out, '{');
	blob_ref_write(out, "bundle", &skill->spec.bundle);
	put_packages(out, &skill->spec.packages);
	if (skill->spec.build)
		json_put_bool(out, "build", true);
	if (skill->spec.file_count) {
		json_key(out, "files");
		json_open(out, '{');
		for (size_t i = 0; i < skill->spec.file_count; i++)
			if (json_put_text(out, skill->spec.files[i].path, skill->spec.files[i].text, err) !=
			    0)
				return -1;
		json_close(out, '}');
	}
	json_close(out, '}');
	return 0;
}

static void put_resources(struct buffer *out, const struct skill *skill)
{
	bool cpu = skill->spec.cpu && skill->spec.cpu[0],
	     memory = skill->spec.memory && skill->spec.memory[0];
	if (!cpu && !memory)
		return;
	json_key(out, "resources");
	json_open(out, '{');
	put_non_empty(out, "cpu", skill->spec.cpu);
	put_non_empty(out, "memory", skill->spec.memory);
	json_close(out, '}');
}

static int put_spec(struct buffer *out, const struct skill *skill, struct error *err)
{
	json_key(out, "spec");
	json_open(out, '{');
	json_put_string(out, "name", skill->spec.name);
	json_put_string(out, "version", skill->spec.version);
	if (json_put_text(out, "description", skill->spec.description, err) != 0 ||
	    json_put_text(out, "instructions", skill->spec.instructions, err) != 0)
		return -1;
	put_non_empty(out, "lang", skill->spec.lang);
	put_non_empty(out, "image", skill->spec.image);
	if (skill->spec.timeout_ms % 1000)
		json_put_int(out, "timeoutMilliseconds", skill->spec.timeout_ms);
	else if (skill->spec.timeout_ms)
		json_put_int(out, "timeoutSeconds", skill->spec.timeout_ms / 1000);
	put_resources(out, skill);
	put_non_empty(out, "entrypoint", skill->spec.entrypoint);
	if (put_schema(out, "inputSchema", skill->spec.input_schema, err) != 0 ||
	    put_schema(out, "outputSchema", skill->spec.output_schema, err) != 0 ||
	    put_source(out, skill, err) != 0)
		return -1;
	json_close(out, '}');
	return 0;
}

int skill_to_json(const struct skill *skill, struct buffer *out, struct error *err)
{
	buffer_append_c(out, "{\"apiVersion\":\"" API_VERSION "\",\"kind\":\"Skill\"");
	json_key(out, "metadata");
	json_open(out, '{');
	json_put_string(out, "name", skill->meta.name);
	json_put_string(out, "namespace", skill->meta.namespace);
	if (skill->uploaded_ms) {
		json_key(out, "annotations");
		json_open(out, '{');
		json_put_time(out, API_UPLOADED_AT_ANNOTATION, skill->uploaded_ms, true);
		json_close(out, '}');
	}
	json_close(out, '}');
	if (put_spec(out, skill, err) != 0)
		return -1;
	json_close(out, '}');
	return buffer_check(out, "the Skill", err);
}

/* A time that is 0 takes back what an earlier build wrote. */
static void put_time_or_null(struct buffer *out, const char *key, int64_t ms)
{
	if (ms)
		json_put_time(out, key, ms, true);
	else
		json_put_raw(out, key, "null");
}

static void put_build(struct buffer *out, const struct skill_build *build)
{
	json_key(out, "build");
	json_open(out, '{');
	json_put_string(out, "key", build->key);
	json_put_message(out, "log", build->log ? build->log : "", SKILL_BUILD_LOG_MAX);
	json_put_int(out, "attempt", build->attempt);
	json_put_int(out, "tries", build->tries);
	put_time_or_null(out, "uploadTime", build->uploaded_ms);
	put_time_or_null(out, "startTime", build->started_ms);
	put_time_or_null(out, "completionTime", build->completed_ms);
	json_close(out, '}');
}

int skill_status_patch(const struct skill *skill, struct buffer *out, struct error *err)
{
	buffer_append_c(out, "{\"status\":{");
	condition_write(out, "Ready", &skill->status.ready);
	json_put_string(out, "digest", skill->status.digest);
	put_packages(out, &skill->status.packages);
	if (skill->status.build.uploaded_ms)
		put_build(out, &skill->status.build);
	buffer_append_c(out, "}}");
	return buffer_check(out, "the status of the Skill", err);
}

const struct skill_packages *skill_packages(const struct skill *skill)
{
	return skill->spec.build ? &skill->status.packages : &skill->spec.packages;
}

bool skill_awaits_build(const struct skill *skill)
{
	return skill->spec.build && !skill->status.packages.blob.digest;
}

bool skill_build_has_failed(const struct skill *skill)
{
	return skill_awaits_build(skill) && skill->status.build.completed_ms &&
	       skill->status.build.uploaded_ms == skill->uploaded_ms;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int skill_object_name(struct str name, struct str version, struct str digest, struct buffer *out,
		      struct error *err)
{
	enum { READABLE = 52 }; /* with "-" and 10 digits 63 bytes: a name that also fits into a label */
	cleanup_buffer struct buffer hashed = BUFFER(IDENTITY_MAX);
	buffer_append_str(&hashed, name);
	buffer_append_byte(&hashed, '\0');
	buffer_append_str(&hashed, version);
	buffer_append_byte(&hashed, '\0');
	buffer_append_str(&hashed, digest);
	char hex[DIGEST_HEX_SIZE];
	if (hashed.failed)
		return error_set(err, ERR_BAD_REQUEST, "the skill's name, version and digest are too long");
	if (digest_sha256_hex(buffer_str(&hashed), hex, err) != 0)
		return -1;

	char readable[READABLE];
	size_t n = 0;
	for (size_t i = 0; i < name.n && n < sizeof(readable); i++) {
		char c = name.p[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (is_alphanumeric(c))
			readable[n++] = c;
		else if (n > 0 && readable[n - 1] != '-')
			readable[n++] = '-';
	}
	while (n > 0 && readable[n - 1] == '-')
		n--;
	buffer_appendf(out, "%.*s%s%.10s", (int)n, readable, n ? "-" : "", hex);
	return buffer_check(out, "the object's name", err);
}
