#include "apiserver/key/keys.h"

#include "apiserver/audit.h"
#include "apiserver/http/call.h"
#include "apiserver/key/db_keys.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/kube/client.h"

#include <stdlib.h>

#define PATH_MAX_BYTES 1024
#define SECRET_MAX 16384
#define TOUCH_INTERVAL_MS (10 * 60 * 1000)
#define SEEN_TIMEOUT_MS 5000 /* of a change by this server's own watch */

void key_path(struct buffer *out, const char *namespace, const char *secret)
{
	buffer_appendf(out, "/api/v1/namespaces/%s/secrets", namespace);
	if (secret)
		buffer_appendf(out, "/%s", secret);
}

static void put_key(struct buffer *out, const struct api_key *key)
{
	json_put_string(out, "id", api_key_id(key));
	json_put_string(out, "name", key->name);
	json_put_string(out, "tenant", key->tenant);
	json_key(out, "scopes");
	json_open(out, '[');
	if (key->scopes & SCOPE_RUN)
		json_element_string(out, "run");
	if (key->scopes & SCOPE_PUSH)
		json_element_string(out, "push");
	if (key->scopes & SCOPE_ADMIN)
		json_element_string(out, "admin");
	json_close(out, ']');
	json_put_time(out, "created_at", key->created_ms, true);
	if (key->last_used_ms)
		json_put_time(out, "last_used_at", key->last_used_ms, true);
	else
		json_put_raw(out, "last_used_at", "null");
}

/* ---- reading one's writes
 *
 * A change of a Secret is answered when this server's own cache has it, so that the next request meets it.
 * If the watch is late the change is made all the same, and answered: a new key's text is nowhere else. */

struct change {
	struct request *request;
	bool present; /* what is waited for */
	void (*answer)(struct request *request);
};

/* wait_cb */
static bool on_seen(void *context, const void *object, bool timed_out)
{
	struct change *change = context;
	struct request *request = change->request;
	if (!timed_out && (object != NULL) != change->present)
		return false;
	if (timed_out)
		log_warn("a changed API key was not seen in time", "request_id", request->id, NULL);
	change->answer(request);
	request_unref(request);
	free(change);
	return true;
}

static void answer_when_seen(struct request *request, const char *secret, bool present,
			     void (*answer)(struct request *request))
{
	struct apiserver *server = request->server;
	struct change *change;
	if (cluster_has_key_secret(server->cluster, secret) == present ||
	    !(change = malloc(sizeof(*change)))) {
		answer(request);
		return;
	}
	*change = (struct change){request, present, answer};
	if (wait_add(server->waiters, WAIT_KEY, server->namespace, secret, SEEN_TIMEOUT_MS, on_seen, change,
		     NULL)) {
		request_ref(request);
		return;
	}
	free(change);
	answer(request);
}

/* ---- POST */

static const char what_failed[] = "the key could not be stored";

struct key_creation {
	struct api_key key;
	char text[API_KEY_SIZE];
};

static void creation_free(void *state)
{
	struct key_creation *creation = state;
	api_key_clear(&creation->key);
	explicit_bzero(creation->text, sizeof(creation->text));
	free(creation);
}

static int read_string(struct str body, const char *name, struct buffer *ret, struct error *err)
{
	struct str value;
	if (!jsontext_member(body, str_of(name), &value))
		return error_set(err, ERR_BAD_REQUEST, "'%s' is required", name);
	if (jsontext_kind_of(value) != JSONTEXT_STRING)
		return error_set(err, ERR_BAD_REQUEST, "'%s' must be a string", name);
	*ret = BUFFER(value.n);
	if (jsontext_decode_string(value, ret, err) != 0)
		return error_wrap(err, "'%s'", name);
	return 0;
}

static int read_scopes(struct str body, unsigned *ret, struct error *err)
{
	struct str list, element;
	unsigned scope;
	*ret = SCOPE_RUN | SCOPE_PUSH;
	if (!jsontext_member(body, STR("scopes"), &list) || jsontext_kind_of(list) == JSONTEXT_NULL)
		return 0;
	if (jsontext_kind_of(list) != JSONTEXT_ARRAY)
		return error_set(err, ERR_BAD_REQUEST, "'scopes' must be a list of run, push and admin");
	*ret = 0;
	for (size_t position = 0; jsontext_next_element(list, &position, &element);) {
		cleanup_buffer struct buffer text = BUFFER(element.n);
		if (jsontext_kind_of(element) != JSONTEXT_STRING)
			return error_set(err, ERR_BAD_REQUEST,
					 "'scopes' must be a list of run, push and admin");
		if (jsontext_decode_string(element, &text, err) != 0 ||
		    api_key_scopes_parse(buffer_str(&text), &scope, err) != 0)
			return error_wrap(err, "'scopes'");
		*ret |= scope;
	}
	return *ret ? 0
		    : error_set(err, ERR_BAD_REQUEST,
				"'scopes' must name at least one of run, push and admin");
}

static int read_creation(struct request *request, struct key_creation *creation, struct error *err)
{
	struct str body = str_trim(buffer_str(&request->body));
	cleanup_buffer struct buffer tenant = {0}, name = {0};
	unsigned scopes;
	if (body.n == 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "the request body is empty: send {\"name\":…,\"tenant\":…,\"scopes\":[…]}");
	if (jsontext_check(body, NULL, err) != 0)
		return error_wrap(err, "the request body is not usable");
	if (jsontext_kind_of(body) != JSONTEXT_OBJECT)
		return error_set(err, ERR_BAD_REQUEST, "the request body must be a JSON object");
	if (read_string(body, "name", &name, err) != 0 || read_string(body, "tenant", &tenant, err) != 0 ||
	    read_scopes(body, &scopes, err) != 0 ||
	    api_key_check_names(buffer_str(&tenant), buffer_str(&name), err) != 0)
		return -1;
	if (!cluster_tenant_namespace(request->server->cluster, buffer_str(&tenant)))
		return error_set(err, ERR_BAD_REQUEST,
				 "tenant \"%s\" has no namespace: label one " API_TENANT_LABEL "=%s first",
				 tenant.data, tenant.data);
	api_key_generate(creation->text);
	return api_key_make(str_of(creation->text), buffer_str(&tenant), buffer_str(&name), scopes,
			    clock_wall_ms(request->server->clock), &creation->key, err);
}

static void answer_created(struct request *request)
{
	const struct key_creation *creation = request->state;
	audit_note(request, "key.create", api_key_id(&creation->key));
	cleanup_buffer struct buffer body = BUFFER(SECRET_MAX);
	json_open(&body, '{');
	put_key(&body, &creation->key);
	json_put_string(&body, "key", creation->text);
	json_close(&body, '}');
	request_answer_json(request, 201, &body);
	if (body.data)
		explicit_bzero(body.data, body.len);
}

static void on_created(struct request *request, const struct kube_response *response)
{
	if (response->error && response->status != 409) /* 409: a repeated create met its own success */
		request_answer_kube(request, what_failed, response);
	else
		answer_when_seen(request, ((struct key_creation *)request->state)->key.secret, true,
				 answer_created);
}

static void on_put(struct request *request, const struct db_result *result, const struct error *error)
{
	struct key_creation *creation = request->state;
	struct error err;
	char id[64];
	if (!error && db_keys_check_put(result, &creation->key, id, &err) != 0)
		error = &err;
	char *name = error ? NULL : str_dup(str_of(id));
	if (error) {
		request_answer_fault(request, what_failed, error);
	} else if (!name) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
	} else {
		free(creation->key.secret);
		creation->key.secret = name;
		db_keys_forget(request->server->db_keys, str_of(creation->key.hash));
		answer_created(request);
	}
}

/* With a database a key is a row in it, else a Secret. */
static int store(struct request *request, const struct api_key *key, struct error *err)
{
	if (request->server->db)
		return call_db(request, DB_KEY_PUT, db_keys_put(key), on_put, err);
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES), body = BUFFER(SECRET_MAX);
	key_path(&path, request->server->namespace, NULL);
	if (path.failed)
		return error_no_memory(err);
	if (api_key_to_secret(key, request->server->namespace, &body, err) != 0)
		return -1;
	struct kube_call call = {.method = "POST", .path = path.data, .body = buffer_str(&body)};
	return call_kube(request, &call, on_created, err);
}

void key_create(struct request *request)
{
	struct error err;
	struct key_creation *creation = calloc(1, sizeof(*creation));
	if (!creation) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	request->state = creation;
	request->free_state = creation_free;
	if (read_creation(request, creation, &err) != 0) {
		request_answer_error(request, &err);
		return;
	}
	if (store(request, &creation->key, &err) != 0)
		request_answer_fault(request, what_failed, &err);
}

/* ---- GET */

static bool list_one(void *context, const void *object)
{
	struct buffer *out = context;
	json_open(out, '{');
	put_key(out, object);
	json_close(out, '}');
	return true;
}

/* result: of DB_KEY_LIST; NULL: there is no database. */
static void answer_list(struct request *request, const struct db_result *result)
{
	cleanup_buffer struct buffer body = BUFFER(REQUEST_ANSWER_MAX);
	struct error err;
	json_open(&body, '[');
	informer_each(cluster_informer(request->server->cluster, CLUSTER_KEYS), list_one, &body);
	for (size_t row = 0; result && row < db_result_rows(result); row++) {
		struct api_key *key = db_keys_row(result, row, &err);
		if (!key) {
			request_answer_fault(request, "the keys could not be read", &err);
			return;
		}
		list_one(&body, key);
		api_key_free(key);
	}
	json_close(&body, ']');
	request_answer_json(request, 200, &body);
}

static void on_listed(struct request *request, const struct db_result *result, const struct error *error)
{
	if (error)
		request_answer_fault(request, "the keys could not be read", error);
	else
		answer_list(request, result);
}

void key_list(struct request *request)
{
	struct error err;
	if (!request->server->db)
		answer_list(request, NULL);
	else if (call_db(request, DB_KEY_LIST, NULL, on_listed, &err) != 0)
		request_answer_fault(request, "the keys could not be read", &err);
}

/* ---- DELETE */

struct search {
	struct str id;
	char secret[256]; /* "" until found */
};

static bool match_id(void *context, const void *object)
{
	struct search *search = context;
	const struct api_key *key = object;
	if (!str_eq(search->id, str_of(api_key_id(key))))
		return true;
	snprintf(search->secret, sizeof(search->secret), "%s", key->secret);
	return false;
}

static void refuse_unknown(struct request *request)
{
	struct str id = request->match.params[0];
	request_refuse(request, ERR_NOT_FOUND, "key not found: %.*s", (int)(id.n < 64 ? id.n : 64), id.p);
}

static void answer_revoked(struct request *request)
{
	char id[65];
	snprintf(id, sizeof(id), "%.*s", (int)request->match.params[0].n, request->match.params[0].p);
	audit_note(request, "key.revoke", id);
	request_answer_text(request, 204, NULL, STR(""));
}

static void on_revoked(struct request *request, const struct kube_response *response)
{
	if (response->error && response->status != 404)
		request_answer_kube(request, "the key could not be revoked", response);
	else
		answer_when_seen(request, request->state, false, answer_revoked);
}

static void on_row_revoked(struct request *request, const struct db_result *result, const struct error *error)
{
	if (error) {
		request_answer_fault(request, "the key could not be revoked", error);
	} else if (db_result_rows(result) == 0) {
		refuse_unknown(request);
	} else {
		db_keys_forget(request->server->db_keys, str_of(db_result_text(result, 0, DB_KEY_HASH)));
		answer_revoked(request);
	}
}

static void revoke_row(struct request *request, struct str id)
{
	struct error err;
	char text[ID_UUID_SIZE];
	struct db_parameters *parameters = db_parameters_new();
	snprintf(text, sizeof(text), "%.*s", (int)id.n, id.p);
	db_put_text(parameters, text);
	db_put_time(parameters, clock_wall_ms(request->server->clock));
	if (call_db(request, DB_KEY_REVOKE, parameters, on_row_revoked, &err) != 0)
		request_answer_fault(request, "the key could not be revoked", &err);
}

void key_revoke(struct request *request)
{
	struct error err;
	struct search search = {.id = request->match.params[0]};
	informer_each(cluster_informer(request->server->cluster, CLUSTER_KEYS), match_id, &search);
	if (!search.secret[0]) {
		if (request->server->db && id_is_uuid(search.id))
			revoke_row(request, search.id);
		else
			refuse_unknown(request);
		return;
	}
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	key_path(&path, request->server->namespace, search.secret);
	request_set_state(request, str_dup(str_of(search.secret)), free);
	struct kube_call call = {.method = "DELETE", .path = path.data};
	if (path.failed || !request->state || call_kube(request, &call, on_revoked, &err) != 0)
		request_refuse(request, ERR_UNAVAILABLE,
			       "the key could not be revoked; try again in a moment");
}

/* ---- use */

static void on_touched(struct request *request, const struct kube_response *response)
{
	if (response->error && response->status != 404)
		log_warn("last_used_at of a key could not be noted", "request_id", request->id, "reason",
			 response->error->message, NULL);
}

void key_touch(struct request *request, const struct api_key *key)
{
	int64_t now = clock_wall_ms(request->server->clock);
	if (id_is_uuid(str_of(key->secret))) { /* of the database; Secrets' names have a prefix */
		db_keys_touch(request->server->db_keys, key);
		return;
	}
	if (now - key->last_used_ms < TOUCH_INTERVAL_MS)
		return;
	((struct api_key *)(uintptr_t)key)->last_used_ms =
	    now; /* until the watch brings it, and if the call fails */
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES), body = BUFFER(256);
	key_path(&path, request->server->namespace, key->secret);
	buffer_append_c(&body, "{\"metadata\":{\"annotations\":{");
	json_put_time(&body, API_KEY_USED_ANNOTATION, now, true);
	buffer_append_c(&body, "}}}");
	struct kube_call call = {.method = "PATCH",
				 .path = path.data,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = buffer_str(&body)};
	if (!path.failed && !body.failed && call_kube(request, &call, on_touched, &err) != 0)
		log_warn("last_used_at of a key could not be noted", "request_id", request->id, "reason",
			 err.message, NULL);
}
