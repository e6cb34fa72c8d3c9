#include "apiserver/rest/keys.h"

#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "apiserver/key/keys.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#define CREATED_MAX 16384 /* bytes of an answer */

enum field { FIELD_NAME, FIELD_TENANT, FIELD_SCOPES, FIELD_COUNT };
static const char *const fields[FIELD_COUNT] = {"name", "tenant", "scopes"};

void rest_put_scopes(struct buffer *out, unsigned scopes)
{
	json_key(out, "scopes");
	json_open(out, '[');
	if (scopes & SCOPE_RUN)
		json_element_string(out, "run");
	if (scopes & SCOPE_PUSH)
		json_element_string(out, "push");
	if (scopes & SCOPE_ADMIN)
		json_element_string(out, "admin");
	if (scopes & SCOPE_OPERATOR)
		json_element_string(out, "operator");
	json_close(out, ']');
}

static void put_key(struct buffer *out, const struct api_key *key)
{
	json_put_string(out, "id", key->id);
	json_put_string(out, "name", key->name);
	json_put_string(out, "tenant", key->tenant);
	rest_put_scopes(out, key->scopes);
	json_put_time(out, "created_at", key->created_ms, true);
	if (key->last_used_ms)
		json_put_time(out, "last_used_at", key->last_used_ms, true);
	else
		json_put_raw(out, "last_used_at", "null");
}

/* POST */

static int read_string(const struct str values[FIELD_COUNT], enum field field, struct buffer *ret,
		       struct error *err)
{
	const char *name = fields[field];
	struct str value = values[field];
	if (!value.p)
		return error_set(err, ERR_BAD_REQUEST, "'%s' is required", name);
	if (jsontext_kind_of(value) != JSONTEXT_STRING)
		return error_set(err, ERR_BAD_REQUEST, "'%s' must be a string, not %.*s", name,
				 utf8_shown(value), value.p);
	*ret = BUFFER(value.n);
	if (jsontext_decode_string(value, ret, err) != 0)
		return error_wrap(err, "'%s'", name);
	return 0;
}

static int read_scopes(struct str list, unsigned *ret, struct error *err)
{
	struct str element;
	unsigned scope;
	*ret = SCOPE_RUN | SCOPE_PUSH;
	if (!list.p || jsontext_kind_of(list) == JSONTEXT_NULL)
		return 0;
	if (jsontext_kind_of(list) != JSONTEXT_ARRAY)
		return error_set(err, ERR_BAD_REQUEST,
				 "'scopes' must be a list of run, push and admin, not %.*s", utf8_shown(list),
				 list.p);
	*ret = 0;
	for (size_t position = 0; jsontext_next_element(list, &position, &element);) {
		cleanup_buffer struct buffer text = BUFFER(element.n);
		if (jsontext_kind_of(element) != JSONTEXT_STRING)
			return error_set(err, ERR_BAD_REQUEST,
					 "'scopes' must be a list of run, push and admin, not of %.*s",
					 utf8_shown(element), element.p);
		if (jsontext_decode_string(element, &text, err) != 0 ||
		    api_key_scopes_parse(buffer_str(&text), &scope, err) != 0)
			return error_wrap(err, "'scopes'");
		*ret |= scope;
	}
	return *ret ? 0
		    : error_set(err, ERR_BAD_REQUEST,
				"'scopes' must name at least one of run, push and admin");
}

static int read_wish(struct str body, struct buffer *tenant, struct buffer *name, struct key_wish *ret,
		     struct error *err)
{
	if (body.n == 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "the request body is empty: send {\"name\":…,\"tenant\":…,\"scopes\":[…]}");
	if (jsontext_check(body, NULL, err) != 0)
		return error_wrap(err, "the request body is not usable");
	if (jsontext_kind_of(body) != JSONTEXT_OBJECT)
		return error_set(err, ERR_BAD_REQUEST,
				 "the request body must be a JSON object: send "
				 "{\"name\":…,\"tenant\":…,\"scopes\":[…]}");
	struct str values[FIELD_COUNT];
	if (jsontext_read_fields(body, fields, FIELD_COUNT, values, err) != 0)
		return -1;
	if (read_string(values, FIELD_NAME, name, err) != 0 ||
	    read_string(values, FIELD_TENANT, tenant, err) != 0 ||
	    read_scopes(values[FIELD_SCOPES], &ret->scopes, err) != 0)
		return -1;
	ret->tenant = buffer_str(tenant);
	ret->name = buffer_str(name);
	return 0;
}

/* key_created_cb */
static void on_created(void *context, const struct api_key *key, const char *text,
		       const struct error *failure)
{
	struct request *request = context;
	cleanup_secret_buffer struct buffer body = BUFFER(CREATED_MAX);
	if (failure) {
		answer_failure(request, failure);
	} else {
		json_open(&body, '{');
		put_key(&body, key);
		json_put_string(&body, "key", text);
		json_close(&body, '}');
		answer_json(request, 201, &body);
	}
	request_unref(request);
}

void rest_key_create(struct request *request)
{
	struct error err;
	struct key_wish wish;
	cleanup_buffer struct buffer tenant = {0}, name = {0};
	if (read_wish(str_trim(request->body), &tenant, &name, &wish, &err) != 0) {
		answer_error(request, &err);
		return;
	}
	request_ref(request);
	key_create(request->operation.server, request->operation.caller, &wish, on_created, request);
}

/* GET */

/* key_listed_cb */
static void on_listed(void *context, const struct api_key *const *keys, size_t count,
		      const struct error *failure)
{
	struct request *request = context;
	cleanup_buffer struct buffer body = BUFFER(ANSWER_MAX);
	if (failure) {
		answer_failure(request, failure);
	} else {
		json_open(&body, '[');
		for (size_t i = 0; i < count; i++) {
			json_open(&body, '{');
			put_key(&body, keys[i]);
			json_close(&body, '}');
		}
		json_close(&body, ']');
		answer_json(request, 200, &body);
	}
	request_unref(request);
}

void rest_key_list(struct request *request)
{
	request_ref(request);
	key_list(request->operation.server, request->operation.caller, on_listed, request);
}

/* DELETE */

void rest_key_revoke(struct request *request)
{
	request_ref(request);
	key_revoke(request->operation.server, request->operation.caller, request->match.params[0],
		   answer_done, request);
}
