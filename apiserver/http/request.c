/* The life of a request: admitted (route, key, scope, sizes), its body taken, handed to its handler, logged.
 */
#include "apiserver/http/request.h"

#include "apiserver/http/auth.h"
#include "apiserver/key/keys.h"
#include "lib/base/id.h"
#include "lib/base/log.h"

#include <inttypes.h>
#include <stdlib.h>

#define JSON_BODY_MAX ((int64_t)16 << 20)
#define MULTIPART_OVERHEAD ((int64_t)256 << 10) /* boundaries and other fields of a form */
#define FILES_OVERHEAD ((int64_t)16 << 20)      /* tar and gzip around files of the largest size */
#define UNUSED_BODY_MAX ((int64_t)64 << 10)

struct request *request_ref(struct request *request)
{
	request->references++;
	return request;
}

void request_set_state(struct request *request, void *state, void (*free_state)(void *state))
{
	if (request->free_state)
		request->free_state(request->state);
	request->state = state;
	request->free_state = free_state;
}

void request_unref(struct request *request)
{
	if (--request->references > 0)
		return;
	request_set_state(request, NULL, NULL);
	if (request->previous)
		request->previous->next = request->next;
	else
		request->server->requests = request->next;
	if (request->next)
		request->next->previous = request->previous;
	buffer_free(&request->body);
	buffer_free(&request->match.text);
	free(request->tenant);
	free(request->namespace);
	free(request);
}

static void choose_id(struct request *request)
{
	struct str given;
	bool usable = http_exchange_header(request->exchange, "X-Request-ID", &given) && given.n > 0 &&
		      given.n <= REQUEST_ID_MAX;
	for (size_t i = 0; usable && i < given.n; i++)
		usable = given.p[i] >= ' ' && given.p[i] <= '~';
	if (usable)
		memcpy(request->id, given.p, given.n); /* zeroed, so it ends */
	else
		id_uuid4(request->id);
}

static struct request *request_new(struct apiserver *server, struct http_exchange *exchange)
{
	struct request *request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	request->server = server;
	request->exchange = exchange;
	request->references = 1;
	request->started_us = clock_monotonic_us(server->clock);
	request->next = server->requests;
	if (request->next)
		request->next->previous = request;
	server->requests = request;
	choose_id(request);
	http_exchange_set_data(exchange, request);
	request_header(request, "X-Request-ID", request->id);
	request_header(request, "X-Content-Type-Options", "nosniff");
	return request;
}

/* ---- admission */

static int64_t body_limit(const struct apiserver_config *config, enum route_body body)
{
	switch (body) {
	case ROUTE_BODY_JSON:
		return JSON_BODY_MAX;
	case ROUTE_BODY_SKILL:
		return config->max_skill_size + MULTIPART_OVERHEAD;
	case ROUTE_BODY_BLOB:
		return config->policy.max_files_size + FILES_OVERHEAD;
	case ROUTE_BODY_NONE:
		break;
	}
	return UNUSED_BODY_MAX;
}

static int body_too_large(const struct request *request, struct error *err)
{
	if (request->route->body == ROUTE_BODY_SKILL)
		return error_set(err, ERR_TOO_LARGE,
				 "the skill is larger than %" PRId64
				 " bytes, the limit (SKILLBOX_MAX_SKILL_SIZE)",
				 request->server->config->max_skill_size);
	return error_set(err, ERR_TOO_LARGE, "the request body is larger than %" PRId64 " bytes, the limit",
			 request->body_max);
}

static int copy_caller(struct request *request, const struct auth_caller *caller, struct error *err)
{
	request->scopes = caller->scopes;
	snprintf(request->key_id, sizeof(request->key_id), "%s", api_key_id(caller->key));
	request->tenant = str_dup(str_of(caller->tenant));
	request->namespace = str_dup(str_of(caller->namespace));
	return request->tenant && request->namespace ? 0 : error_no_memory(err);
}

/* The key is there: may it do this? */
static int use_key(struct request *request, const struct api_key *key, struct error *err)
{
	struct str tenant;
	bool has_tenant = http_exchange_header(request->exchange, "X-Tenant-ID", &tenant);
	struct auth_caller caller;
	guard_key_was_right(request->server->guard, &request->from, str_of(request->key_hash));
	if (auth_admit(request->server->cluster, key, has_tenant ? &tenant : NULL, request->route->scopes,
		       &caller, err) != 0 ||
	    copy_caller(request, &caller, err) != 0)
		return -1;
	key_touch(request, key);
	if (guard_tenant(request->server->guard, str_of(caller.tenant), err) == 0)
		return 0;
	measure_refusal(request->server->metrics, REFUSED_TENANT_RATE);
	return -1;
}

/* No key has that hash, or the server can't know yet. */
static void note_wrong_key(struct request *request, const struct error *err)
{
	if (err->code != ERR_UNAUTHORIZED)
		return;
	measure_key_lookup(request->server->metrics, LOOKUP_UNKNOWN);
	guard_key_was_wrong(request->server->guard, &request->from);
}

static int find_route(struct request *request, struct error *err)
{
	struct http_exchange *exchange = request->exchange;
	if (route_find(route_table, route_count, http_exchange_method(exchange), http_exchange_path(exchange),
		       &request->match, err) != 0) {
		if (err->code == ERR_METHOD_NOT_ALLOWED)
			request_header(request, "Allow", request->match.text.data);
		return -1;
	}
	request->route = request->match.route;
	return 0;
}

/* Who asks is settled: is the body wanted? False when the request was answered. */
static bool take(struct request *request)
{
	struct error err;
	int result = 0;
	request->body_max = body_limit(request->server->config, request->route->body);
	request->body = BUFFER((size_t)request->body_max);
	if (request->server->stopping && request->route->is_work) {
		measure_refusal(request->server->metrics, REFUSED_STOPPING);
		result = error_set(&err, ERR_UNAVAILABLE, "the server is shutting down; try again");
	} else if (http_exchange_content_length(request->exchange) > request->body_max) {
		result = body_too_large(request, &err);
	}
	if (result == 0)
		return !request->route->begin || request->route->begin(request);
	request_answer_error(request, &err);
	return false;
}

/* db_keys_cb: the connection was held since its headers. */
static void on_key(void *context, const struct api_key *key, const struct error *error)
{
	struct request *request = context;
	struct error err;
	int result = -1;
	if (key) {
		measure_key_lookup(request->server->metrics, LOOKUP_DATABASE);
	} else if (!error) {
		auth_refuse_unknown(request->server->cluster, &err);
		note_wrong_key(request, &err);
	}
	if (request->exchange && error) {
		request_answer_fault(request, "the API key could not be checked", error);
	} else if (request->exchange) {
		if (key)
			result = use_key(request, key, &err);
		if (result != 0)
			request_answer_error(request, &err);
		else if (take(request))
			http_exchange_go_on(request->exchange);
	}
	request_unref(request);
}

static bool ask_for_key(struct request *request)
{
	struct error err;
	if (db_keys_ask(request->server->db_keys, str_of(request->key_hash), on_key, request, &err) != 0) {
		request_answer_fault(request, "the API key could not be checked", &err);
		return false;
	}
	request_ref(request);
	http_exchange_hold(request->exchange);
	return true;
}

/* *ret NULL: the database must be asked. */
static int find_key(struct request *request, const struct api_key **ret, struct error *err)
{
	struct apiserver *server = request->server;
	struct str authorization;
	bool is_there = http_exchange_header(request->exchange, "Authorization", &authorization);
	request->from = guard_address(http_exchange_peer(request->exchange));
	if (auth_hash(is_there ? &authorization : NULL, request->key_hash, err) != 0)
		return -1;
	if (guard_key(server->guard, &request->from, str_of(request->key_hash), err) != 0) {
		measure_refusal(server->metrics, REFUSED_WRONG_KEYS);
		return -1;
	}
	switch (auth_find_key(server->cluster, server->db_keys, request->key_hash, ret, err)) {
	case AUTH_FOUND:
		measure_key_lookup(server->metrics, LOOKUP_SECRET);
		return 0;
	case AUTH_CACHED:
		measure_key_lookup(server->metrics, LOOKUP_CACHE);
		return 0;
	case AUTH_ASK:
		*ret = NULL;
		return 0;
	case AUTH_REFUSED:
		break;
	}
	note_wrong_key(request, err);
	return -1;
}

/* Route, key, sizes. False when the request was answered. */
static bool admit(struct request *request)
{
	struct error err;
	const struct api_key *key;
	if (find_route(request, &err) != 0) {
		request_answer_error(request, &err);
		return false;
	}
	if (request->route->scopes == 0)
		return take(request);
	if (find_key(request, &key, &err) == 0) {
		if (!key)
			return ask_for_key(request);
		if (use_key(request, key, &err) == 0)
			return take(request);
	}
	request_answer_error(request, &err);
	return false;
}

/* ---- the listener's calls */

static bool on_begin(void *context, struct http_exchange *exchange)
{
	struct request *request = request_new(context, exchange);
	if (!request) {
		http_exchange_answer(
		    exchange, 503, REQUEST_JSON_TYPE,
		    STR("{\"error\":\"unavailable\",\"message\":\"out of memory\",\"request_id\":\"\"}"));
		return false;
	}
	return admit(request);
}

static void on_body(void *context, struct http_exchange *exchange, struct str piece)
{
	(void)context;
	struct request *request = http_exchange_data(exchange);
	struct error err;
	if (!request || request->status)
		return;
	request->body_received += (int64_t)piece.n;
	if (request->body_received > request->body_max) {
		body_too_large(request, &err);
		request_answer_error(request, &err);
	} else if (request->route->piece) {
		request->route->piece(request, piece);
	} else if (buffer_append_str(&request->body, piece) != 0) {
		error_no_memory(&err);
		request_answer_error(request, &err);
	}
}

static void on_complete(void *context, struct http_exchange *exchange)
{
	(void)context;
	struct request *request = http_exchange_data(exchange);
	if (request && !request->status)
		request->route->handle(request);
}

/* One line a request. Probes that succeed would drown the rest. The query stays out of it: it may hold a
 * signature. */
static void log_access(const struct request *request)
{
	char status[16], duration[32], method[16], path[512];
	struct str m = http_exchange_method(request->exchange), p = http_exchange_path(request->exchange);
	snprintf(status, sizeof(status), "%d",
		 request->status ? request->status : 499); /* 499: the client hung up */
	snprintf(duration, sizeof(duration), "%.3f",
		 (double)(clock_monotonic_us(request->server->clock) - request->started_us) / 1000.0);
	snprintf(method, sizeof(method), "%.*s", (int)m.n, m.p);
	snprintf(path, sizeof(path), "%.*s", (int)p.n, p.p);
	bool is_probe = request->status == 200 && request->route && request->route->scopes == 0 &&
			request->route->body == ROUTE_BODY_NONE && !str_starts_with(p, STR("/blobs/"));
	log_write(is_probe ? LOG_DEBUG : LOG_INFO, "request", "request_id", request->id, "method", method,
		  "path", path, "status", status, "duration_ms", duration, "tenant", request->tenant, NULL);
}

static void on_end(void *context, struct http_exchange *exchange)
{
	(void)context;
	struct request *request = http_exchange_data(exchange);
	if (!request)
		return;
	log_access(request);
	measure_request(request);
	request->exchange = NULL;
	request_unref(request);
}

struct http_handler request_http_handler(struct apiserver *server)
{
	return (struct http_handler){on_begin, on_body, on_complete, on_end, server};
}
