#include "apiserver/http/serve.h"

#include "apiserver/http/answer.h"
#include "apiserver/http/auth.h"
#include "apiserver/http/request.h"
#include "apiserver/key/db_keys.h"
#include "apiserver/key/touch.h"
#include "lib/base/id.h"
#include "lib/base/json_write.h"
#include "lib/base/log.h"
#include "lib/base/utf8.h"

#include <inttypes.h>

#define JSON_BODY_MAX ((int64_t)16 << 20)
#define UNUSED_BODY_MAX ((int64_t)64 << 10)
/* Keys from addresses that send too many wrong ones: so many are looked up in the database at a time. */
#define DOUBTFUL_MAX 8
#define UNHEARD_MAX 1024 /* bytes of a message */

/* Admission */

static int64_t body_limit(const struct apiserver_config *config, enum route_body body)
{
	switch (body) {
	case ROUTE_BODY_JSON:
		return JSON_BODY_MAX;
	case ROUTE_BODY_SKILL:
		return config->max_skill_size + CONFIG_MULTIPART_OVERHEAD;
	case ROUTE_BODY_BLOB:
		return config->policy.max_files_size + CONFIG_FILES_OVERHEAD;
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
				 request->operation.server->config->max_skill_size);
	return error_set(err, ERR_TOO_LARGE, "the request body is larger than %" PRId64 " bytes, the limit%s",
			 request->body_max,
			 request->route->body == ROUTE_BODY_JSON
			     ? "; put what stays the same into the skill's archive"
			     : "");
}

/* Nothing is unpacked here: a small text could become any number of bytes. */
static int check_encoding(struct request *request, struct error *err)
{
	struct str header, coding;
	if (request->route->body == ROUTE_BODY_NONE ||
	    !http_exchange_header(request->exchange, "Content-Encoding", &header))
		return 0;
	for (bool more = true; more;) {
		more = str_split_once(header, ',', &coding, &header);
		coding = str_trim(coding);
		if (coding.n == 0 || str_eq_ignore_case(coding, STR("identity")))
			continue;
		answer_header(request, "Accept-Encoding", "identity");
		return error_set(
		    err, ERR_UNSUPPORTED_MEDIA_TYPE,
		    "Content-Encoding %.*s is not supported: send the body as it is, without that header%s",
		    utf8_shown(coding), coding.p,
		    request->route->body == ROUTE_BODY_SKILL ? " (a zip is compressed already)" : "");
	}
	return 0;
}

/* Each means one thing: a proxy in front may have gone by the other one. */
static int check_repeated(const struct request *request, struct error *err)
{
	static const char *const once[] = {"Authorization", "X-Tenant-ID", "Idempotency-Key", "Content-Type"};
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (http_exchange_header_count(request->exchange, once[i]) > 1)
			return error_set(err, ERR_BAD_REQUEST, "the header %s is there twice: send it once",
					 once[i]);
	return 0;
}

static int copy_caller(struct caller *to, const struct auth_caller *from, struct error *err)
{
	to->scopes = from->scopes;
	snprintf(to->key_id, sizeof(to->key_id), "%s", from->key->id);
	to->key_created_ms = from->key->created_ms;
	to->tenant = str_dup(str_of(from->tenant));
	to->namespace = str_dup(str_of(from->namespace));
	to->key_name = str_dup(str_of(from->key->name));
	return to->tenant && to->namespace && to->key_name ? 0 : error_no_memory(err);
}

/* The key is there: may it do this? */
static int use_key(struct request *request, const struct api_key *key, struct error *err)
{
	struct apiserver *server = request->operation.server;
	struct caller *caller = request->operation.caller;
	struct str tenant;
	bool has_tenant = http_exchange_header(request->exchange, "X-Tenant-ID", &tenant);
	struct auth_caller admitted;
	rate_limiter_key_was_right(server->rate_limiter, &request->from, str_of(request->key_hash));
	if (auth_admit(server->cluster, key, has_tenant ? &tenant : NULL, request->route->scopes, &admitted,
		       err) != 0 ||
	    copy_caller(caller, &admitted, err) != 0)
		return -1;
	key_touch(server, caller, key);
	if (rate_limiter_tenant(server->rate_limiter, str_of(caller->tenant), err) == 0)
		return 0;
	measure_refusal(server->metrics, REFUSED_TENANT_RATE);
	return -1;
}

/* No key has that hash, or the server can't know yet. err: what the client is told, which may become another.
 */
static void note_wrong_key(struct request *request, struct error *err)
{
	struct apiserver *server = request->operation.server;
	if (err->code != ERR_UNAUTHORIZED)
		return;
	measure_key_lookup(server->metrics, LOOKUP_UNKNOWN);
	if (rate_limiter_key_was_wrong(server->rate_limiter, &request->from, err) != 0)
		measure_refusal(server->metrics, REFUSED_WRONG_KEYS);
}

static int find_route(struct request *request, const struct route_table *routes, struct error *err)
{
	struct http_exchange *exchange = request->exchange;
	struct str path = http_exchange_path(exchange);
	if (route_find(routes->rows, routes->count, http_exchange_method(exchange), path, &request->match,
		       err) != 0) {
		if (err->code == ERR_METHOD_NOT_ALLOWED)
			answer_header(request, "Allow", request->match.text.data);
		else if (str_eq(path, STR("/metrics")))
			error_set(
			    err, ERR_NOT_FOUND,
			    "metrics are not on this port, which faces clients, but on that of the probes "
			    "(SKILLBOX_HEALTH_PORT, %" PRId64 " here)",
			    request->operation.server->config->health_port);
		return -1;
	}
	request->route = request->match.route;
	return 0;
}

/* Whose share a body is of: with a signed link, the tenant in that. */
static const char *tenant_of(const struct request *request)
{
	return request->link_tenant ? request->link_tenant : request->operation.caller->tenant;
}

/* Who asks is settled: is the body wanted? False when the request was answered. */
static bool take(struct request *request)
{
	struct error err;
	int result = 0;
	request->body_max = body_limit(request->operation.server->config, request->route->body);
	if (request->operation.server->stopping && request->route->is_work) {
		measure_refusal(request->operation.server->metrics, REFUSED_STOPPING);
		result = error_set(&err, ERR_UNAVAILABLE, "the server is shutting down; try again");
	} else if (http_exchange_content_length(request->exchange) > request->body_max) {
		result = body_too_large(request, &err);
	} else {
		result = check_encoding(request, &err);
	}
	if (result == 0 && request->route->begin && !request->route->begin(request))
		return false;
	if (result == 0)
		result = body_begin(&request->taken, request->operation.server->usage, tenant_of(request),
				    http_exchange_content_length(request->exchange),
				    request->route->piece != NULL, &err);
	if (result != 0)
		answer_error(request, &err);
	return result == 0;
}

/* db_keys_cb: the connection was held since its headers. */
static void on_key(void *context, const struct api_key *key, const struct error *error)
{
	struct request *request = context;
	struct error err;
	int result = -1;
	request->operation.server->doubtful_lookups -= request->is_doubtful;
	if (key) {
		measure_key_lookup(request->operation.server->metrics, LOOKUP_DATABASE);
	} else if (!error) {
		auth_refuse_unknown(request->operation.server->cluster, &err);
		note_wrong_key(request, &err);
	}
	if (request->exchange && error) {
		answer_fault(request, "the API key could not be checked", error);
	} else if (request->exchange) {
		if (key)
			result = use_key(request, key, &err);
		if (result != 0)
			answer_error(request, &err);
		else if (take(request))
			http_exchange_go_on(request->exchange);
	}
	request_unref(request);
}

static bool ask_for_key(struct request *request)
{
	struct error err;
	struct apiserver *server = request->operation.server;
	request->is_doubtful =
	    rate_limiter_key(server->rate_limiter, &request->from, str_of(request->key_hash), &err) != 0;
	if (request->is_doubtful && server->doubtful_lookups >= DOUBTFUL_MAX) {
		measure_refusal(server->metrics, REFUSED_WRONG_KEYS);
		answer_error(request, &err);
		return false;
	}
	if (db_keys_ask(server->db_keys, str_of(request->key_hash), on_key, request, &err) != 0) {
		answer_fault(request, "the API key could not be checked", &err);
		return false;
	}
	server->doubtful_lookups += request->is_doubtful;
	request_ref(request);
	http_exchange_hold(request->exchange);
	return true;
}

/* *ret NULL: the database must be asked. */
static int find_key(struct request *request, const struct api_key **ret, struct error *err)
{
	struct apiserver *server = request->operation.server;
	struct str authorization;
	bool is_there = http_exchange_header(request->exchange, "Authorization", &authorization);
	request->from = rate_limiter_address(http_exchange_peer(request->exchange));
	if (auth_hash(is_there ? &authorization : NULL, request->key_hash, err) != 0)
		return -1;
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
static bool admit(struct request *request, const struct route_table *routes)
{
	struct error err;
	const struct api_key *key;
	if (find_route(request, routes, &err) != 0) {
		answer_error(request, &err);
		return false;
	}
	if (request->route->scopes == 0)
		return take(request);
	if (check_repeated(request, &err) == 0 && find_key(request, &key, &err) == 0) {
		if (!key)
			return ask_for_key(request);
		if (use_key(request, key, &err) == 0)
			return take(request);
	}
	answer_error(request, &err);
	return false;
}

/* The listener's calls */

static struct request *start(struct apiserver *server, struct http_exchange *exchange)
{
	struct request *request = request_new(server, exchange);
	if (request) {
		answer_header(request, "X-Request-ID", request->operation.caller->request_id);
		answer_header(request, "X-Content-Type-Options", "nosniff");
	} else {
		http_exchange_answer(
		    exchange, 503, ANSWER_JSON_TYPE,
		    STR("{\"error\":\"unavailable\",\"message\":\"out of memory\",\"request_id\":\"\"}"));
	}
	return request;
}

static bool on_begin(void *context, struct http_exchange *exchange)
{
	struct apiserver *server = context;
	struct request *request = start(server, exchange);
	return request && admit(request, &server->routes);
}

static bool on_begin_probe(void *context, struct http_exchange *exchange)
{
	struct apiserver *server = context;
	struct request *request = start(server, exchange);
	return request && admit(request, &server->probe_routes);
}

static void on_refuse(void *context, struct http_exchange *exchange, const char *why)
{
	struct request *request = start(context, exchange);
	if (request)
		answer_refuse(request, ERR_BAD_REQUEST, "the request's headers can't be used: %s", why);
}

/* Whom no handler hears of: what they are told, and by which code. */
static void append_unheard(const struct limits *limits, enum http_unheard why, enum error_code *ret_code,
			   struct buffer *out)
{
	*ret_code = ERR_BAD_REQUEST;
	switch (why) {
	case HTTP_SENT_TLS:
		buffer_append_c(out, "this port speaks plain HTTP, not TLS: use an http:// address, or have "
				     "SKILLBOX_TLS_CERT and SKILLBOX_TLS_KEY set");
		return;
	case HTTP_SENT_PLAIN:
		buffer_append_c(out, "this port speaks TLS, not plain HTTP: use an https:// address");
		return;
	case HTTP_TOO_MANY_CONNECTIONS:
		*ret_code = ERR_UNAVAILABLE;
		buffer_appendf(
		    out,
		    "this server has %" PRId64
		    " open connections, the limit (SKILLBOX_MAX_CONNECTIONS); try again in a moment",
		    limits->max_connections);
		return;
	case HTTP_TOO_MANY_OF_ADDRESS:
		*ret_code = ERR_UNAVAILABLE;
		buffer_appendf(
		    out,
		    "your address, which may be a proxy's, has %" PRId64
		    " open connections, the limit (SKILLBOX_MAX_CONNECTIONS_PER_ADDRESS); use those, "
		    "or try again in a moment",
		    limits->max_connections_per_address);
		return;
	case HTTP_MALFORMED:
		buffer_append_c(out, "the request is no well-formed HTTP/1.1: a request line, headers with a "
				     "Host, each line ended by CR LF, and a body as they say");
		return;
	case HTTP_CHUNK_TOO_LARGE:
		*ret_code = ERR_TOO_LARGE;
		buffer_append_c(out, "a chunk of the request's body is larger than any body may be");
		return;
	case HTTP_TARGET_TOO_LONG:
	case HTTP_HEADERS_TOO_LARGE:
		buffer_append_c(out, "the request's line and headers are larger than 60 KiB, the limit");
		return;
	case HTTP_FAILED:
		*ret_code = ERR_INTERNAL;
		buffer_append_c(out, "the request could not be read: out of memory");
		return;
	case HTTP_OTHER_VERSION:
		buffer_append_c(out, "this HTTP version is not supported: send HTTP/1.1");
		return;
	}
}

static void on_unheard(void *context, enum http_unheard why, struct buffer *headers, struct buffer *body)
{
	struct apiserver *server = context;
	char id[ID_UUID_SIZE];
	enum error_code code;
	cleanup_buffer struct buffer message = BUFFER(UNHEARD_MAX);
	append_unheard(&server->config->limits, why, &code, &message);
	if (code == ERR_UNAVAILABLE) {
		measure_refusal(server->metrics, REFUSED_CONNECTIONS);
		buffer_append_c(headers, "Retry-After: 1\r\n");
	}
	id_uuid4(id);
	buffer_appendf(headers, "X-Request-ID: %s\r\nX-Content-Type-Options: nosniff\r\n", id);
	json_open(body, '{');
	json_put_string(body, "error", error_code_name(code));
	json_put_str(body, "message", buffer_str(&message));
	json_put_string(body, "request_id", id);
	json_close(body, '}');
	log_debug(why == HTTP_SENT_TLS     ? "a client sent TLS to the plain port"
		  : why == HTTP_SENT_PLAIN ? "a client sent plain HTTP to the TLS port"
					   : "a client was refused before its request was read",
		  "request_id", id, "reason", message.data, NULL);
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
		answer_error(request, &err);
	} else if (request->route->body == ROUTE_BODY_NONE) {
		return; /* nobody reads it */
	} else if (body_add(&request->taken, piece, &err) != 0) {
		answer_error(request, &err);
	} else if (request->route->piece) {
		request->route->piece(request, piece);
	}
}

static void on_complete(void *context, struct http_exchange *exchange)
{
	(void)context;
	struct request *request = http_exchange_data(exchange);
	struct error err;
	if (!request || request->status)
		return;
	if (body_end(&request->taken, &request->body, &err) == 0)
		request->route->handle(request);
	else
		answer_error(request, &err);
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
		 (double)(clock_monotonic_us(request->operation.server->clock) - request->started_us) /
		     1000.0);
	snprintf(method, sizeof(method), "%.*s", (int)m.n, m.p);
	snprintf(path, sizeof(path), "%.*s", (int)p.n, p.p);
	bool is_probe = request->status == 200 && request->route && request->route->scopes == 0 &&
			request->route->body == ROUTE_BODY_NONE && !str_starts_with(p, STR("/blobs/"));
	log_write(is_probe ? LOG_DEBUG : LOG_INFO, "request", "request_id",
		  request->operation.caller->request_id, "method", method, "path", path, "status", status,
		  "duration_ms", duration, "tenant", request->operation.caller->tenant, NULL);
}

static void measure(const struct request *request)
{
	const struct apiserver *server = request->operation.server;
	struct measured_request ended = {.route = request->route ? request->route->pattern : NULL,
					 .method = http_exchange_method(request->exchange),
					 .status = request->status,
					 .us = clock_monotonic_us(server->clock) - request->started_us,
					 .body_bytes = request->body_received};
	measure_request(server->metrics, &ended);
}

static void on_end(void *context, struct http_exchange *exchange)
{
	(void)context;
	struct request *request = http_exchange_data(exchange);
	if (!request)
		return;
	log_access(request);
	measure(request);
	request->exchange = NULL;
	if (request->gone)
		request->gone(request->gone_context);
	request->gone = NULL;
	usage_release(&request->hold);
	request_unref(request);
}

struct http_handler serve_http_handler(struct apiserver *server)
{
	return (struct http_handler){on_begin, on_body, on_complete, on_end, server, on_refuse, on_unheard};
}

struct http_handler serve_probe_handler(struct apiserver *server)
{
	return (struct http_handler){on_begin_probe, on_body, on_complete, on_end, server, on_refuse, NULL};
}
