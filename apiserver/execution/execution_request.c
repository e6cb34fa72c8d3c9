#include "apiserver/execution/execution_request.h"

#include "lib/base/clock.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"
#include "lib/frame/frame.h"
#include "lib/policy/names.h"

#include <stdlib.h>

#define REFUSED_MAX 1024 /* bytes of the names of variables that are refused */

enum field { FIELD_SKILL, FIELD_VERSION, FIELD_INPUT, FIELD_ENV, FIELD_TIMEOUT, FIELD_ASYNC, FIELD_COUNT };
static const char *const fields[FIELD_COUNT] = {"skill", "version", "input", "env", "timeout", "async"};

/* Raw values, {0}: not there. */
struct members {
	struct str values[FIELD_COUNT];
};

bool prefer_is_async(struct str header)
{
	struct str item, preference, parameters;
	for (bool more = true; more;) {
		more = str_split_once(header, ',', &item, &header);
		str_split_once(item, ';', &preference, &parameters);
		if (str_eq_ignore_case(str_trim(preference), STR("respond-async")))
			return true;
	}
	return false;
}

/* A member that is there and not null. */
static bool member(const struct members *members, enum field field, struct str *ret)
{
	*ret = members->values[field];
	return ret->p && jsontext_kind_of(*ret) != JSONTEXT_NULL;
}

/* A text without NULs, such as `example`; *ret stays NULL if the member is absent. */
static int read_text(const struct members *members, enum field field, const char *example, char **ret,
		     struct error *err)
{
	const char *name = fields[field];
	struct str value;
	if (!member(members, field, &value))
		return 0;
	if (jsontext_kind_of(value) != JSONTEXT_STRING)
		return error_set(err, ERR_BAD_REQUEST, "'%s' must be a string such as \"%s\", not %.*s", name,
				 example, utf8_shown(value), value.p);
	cleanup_buffer struct buffer text = BUFFER(value.n);
	if (jsontext_decode_string(value, &text, err) != 0)
		return error_wrap(err, "'%s'", name);
	if (text.len && memchr(text.data, '\0', text.len))
		return error_set(err, ERR_BAD_REQUEST, "'%s' must not contain a NUL character", name);
	*ret = buffer_steal(&text);
	return *ret ? 0 : error_no_memory(err);
}

static int read_skill(const struct members *members, struct execution_request *ret, struct error *err)
{
	if (read_text(members, FIELD_SKILL, "hello", &ret->skill, err) != 0 ||
	    read_text(members, FIELD_VERSION, "1.0.0", &ret->version, err) != 0)
		return -1;
	if (!ret->skill || !ret->skill[0])
		return error_set(err, ERR_BAD_REQUEST, "'skill' is required");
	struct str skill = str_of(ret->skill), version = str_of(ret->version);
	if (!skill_name_is_valid(skill))
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "'skill' must be letters, digits, '.', '_' and '-', at most %d of them, not \"%.*s\"",
		    SKILL_NAME_MAX, utf8_shown(skill), skill.p);
	if (version.n == 0) {
		free(ret->version);
		ret->version = str_dup(STR("latest"));
		return ret->version ? 0 : error_no_memory(err);
	}
	if (!str_eq(version, STR("latest")) && !skill_version_is_valid(version))
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "'version' must be \"latest\" or like 1.0.0, 1.0 or 1.0.0-rc.1, not \"%.*s\"",
		    utf8_shown(version), version.p);
	return 0;
}

static int read_options(const struct members *members, struct execution_request *ret, struct error *err)
{
	struct str value;
	cleanup_free char *timeout = NULL;
	if (member(members, FIELD_ASYNC, &value)) {
		ret->async = jsontext_kind_of(value) == JSONTEXT_TRUE;
		if (!ret->async && jsontext_kind_of(value) != JSONTEXT_FALSE)
			return error_set(err, ERR_BAD_REQUEST, "'async' must be true or false, not %.*s",
					 utf8_shown(value), value.p);
	}
	if (read_text(members, FIELD_TIMEOUT, "30s", &timeout, err) != 0)
		return -1;
	if (timeout && duration_parse(str_of(timeout), &ret->timeout_ms, NULL) != 0)
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "'timeout' must be a duration from 1ms to 24h such as \"90s\" or \"1m30s\", not \"%.*s\"",
		    utf8_shown(str_of(timeout)), timeout);
	ret->input = member(members, FIELD_INPUT, &value) ? value : STR("{}");
	return 0;
}

static void env_clear(struct execution_request *request)
{
	for (size_t i = 0; i < request->env_count; i++) {
		free(request->env[i].name);
		free(request->env[i].value);
	}
	free(request->env);
	request->env = NULL;
	request->env_count = 0;
}

static bool env_has(const struct execution_request *request, struct str name)
{
	for (size_t i = 0; i < request->env_count; i++)
		if (str_eq(str_of(request->env[i].name), name))
			return true;
	return false;
}

/* Decode a JSON string; NUL bytes are for the caller to find. */
static int decode(struct str quoted, struct buffer *out, struct error *err)
{
	*out = BUFFER(quoted.n);
	return jsontext_decode_string(quoted, out, err);
}

static int check_variable(struct str name, struct str text, const struct execution_request *request,
			  size_t bytes, struct error *err)
{
	if (text.n > FRAME_MAX_ENV_VALUE)
		return error_set(err, ERR_INVALID_ENV,
				 "environment variable %.*s: its value has %zu bytes, more than %u, the "
				 "limit; pass large values in 'input'",
				 utf8_shown(name), name.p, text.n, FRAME_MAX_ENV_VALUE);
	if (text.n && memchr(text.p, '\0', text.n))
		return error_set(err, ERR_INVALID_ENV,
				 "environment variable %.*s: its value contains a NUL character",
				 utf8_shown(name), name.p);
	if (env_has(request, name))
		return error_set(err, ERR_BAD_REQUEST, "'env' has %.*s twice: send it once", utf8_shown(name),
				 name.p);
	if (request->env_count == EXECUTION_REQUEST_MAX_ENV)
		return error_set(err, ERR_INVALID_ENV, "'env' has more than %u variables, the limit",
				 EXECUTION_REQUEST_MAX_ENV);
	if (bytes > EXECUTION_REQUEST_MAX_ENV_BYTES)
		return error_set(err, ERR_INVALID_ENV,
				 "the names and values in 'env' have together more than %zu bytes, the "
				 "limit; pass large values in 'input'",
				 EXECUTION_REQUEST_MAX_ENV_BYTES);
	return 0;
}

static int read_variable(struct str raw_key, struct str value, struct execution_request *ret,
			 struct buffer *refused, size_t *bytes, struct error *err)
{
	cleanup_buffer struct buffer name = {0}, text = {0};
	if (decode((struct str){raw_key.p - 1, raw_key.n + 2}, &name, err) != 0)
		return error_wrap(err, "'env': a name");
	struct str n = buffer_str(&name);
	if (jsontext_kind_of(value) != JSONTEXT_STRING)
		return error_set(err, ERR_BAD_REQUEST,
				 "'env.%.*s' must be a string, not %.*s: put it in quotes, or leave it out",
				 utf8_shown(n), n.p ? n.p : "", utf8_shown(value), value.p);
	if (decode(value, &text, err) != 0)
		return error_wrap(err, "'env.%.*s'", utf8_shown(n), n.p ? n.p : "");
	if (!frame_env_name_is_allowed(n)) {
		buffer_appendf(refused, "%s\"%.*s\"", refused->len ? ", " : "", (int)n.n, n.p ? n.p : "");
		return 0;
	}
	*bytes += n.n + text.len;
	if (check_variable(n, buffer_str(&text), ret, *bytes, err) != 0)
		return -1;
	char *own_name = buffer_steal(&name), *own_value = buffer_steal(&text);
	if (!own_name || !own_value) {
		free(own_name);
		free(own_value);
		return error_no_memory(err);
	}
	ret->env[ret->env_count++] = (struct env_var){own_name, own_value};
	return 0;
}

static int read_env(const struct members *members, struct execution_request *ret, struct error *err)
{
	struct str env, key, value;
	if (!member(members, FIELD_ENV, &env))
		return 0;
	if (jsontext_kind_of(env) != JSONTEXT_OBJECT)
		return error_set(err, ERR_BAD_REQUEST, "'env' must be an object of strings, not %.*s",
				 utf8_shown(env), env.p);
	ret->env = calloc(EXECUTION_REQUEST_MAX_ENV, sizeof(*ret->env));
	if (!ret->env)
		return error_no_memory(err);
	cleanup_buffer struct buffer refused = BUFFER(REFUSED_MAX);
	size_t bytes = 0;
	for (size_t position = 0; jsontext_next_member(env, &position, &key, &value);)
		if (read_variable(key, value, ret, &refused, &bytes, err) != 0)
			return -1;
	if (refused.len == 0 && !refused.failed)
		return 0;
	return error_set(err, ERR_INVALID_ENV,
			 "environment variables that may not be set: %s%s; choose other names",
			 refused.data ? refused.data : "", refused.failed ? " and more" : "");
}

int execution_request_parse(struct str body, struct execution_request *ret, struct error *err)
{
	*ret = (struct execution_request){0};
	body = str_trim(body);
	if (body.n == 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "the request body is empty: send a JSON object such as "
				 "{\"skill\":\"NAME\",\"input\":{}}");
	if (jsontext_check(body, NULL, err) != 0)
		return error_wrap(err, "the request body is not usable");
	if (jsontext_kind_of(body) != JSONTEXT_OBJECT)
		return error_set(err, ERR_BAD_REQUEST,
				 "the request body must be a JSON object such as "
				 "{\"skill\":\"NAME\",\"input\":{}}, not %.*s",
				 utf8_shown(body), body.p);
	struct members members;
	if (jsontext_read_fields(body, fields, FIELD_COUNT, members.values, err) != 0)
		return -1;
	if (read_skill(&members, ret, err) == 0 && read_options(&members, ret, err) == 0 &&
	    read_env(&members, ret, err) == 0)
		return 0;
	execution_request_clear(ret);
	return -1;
}

void execution_request_clear(struct execution_request *request)
{
	free(request->skill);
	free(request->version);
	env_clear(request);
	*request = (struct execution_request){0};
}
