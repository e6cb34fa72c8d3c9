/* One request: from the daemon's calls (headers; pieces of the body; all of it; over) to the handler's. */
#include "lib/http/server/server_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

/* An answer that is given while the body comes (not at its begin) can only be sent behind the body. */
#define MAX_DISCARD (64U << 20)
#define MAX_DISCARD_MS 30000
#define UNHEARD_MAX 4096

/* What is refused before the handler sees it */

struct header_survey {
	unsigned content_lengths, transfer_encodings, hosts;
	bool malformed;
};

static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static enum MHD_Result survey_header(void *context, enum MHD_ValueKind kind, const char *name,
				     const char *value)
{
	(void)kind;
	struct header_survey *survey = context;
	const char *c = name;
	while (is_token_char(*c))
		c++;
	if (c == name ||
	    *c != '\0') /* also "Content-Length : 5", which the daemon takes for a name with a blank */
		survey->malformed = true;
	for (c = value ? value : ""; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			survey->malformed = true;
	survey->content_lengths += strcasecmp(name, "content-length") == 0;
	survey->transfer_encodings += strcasecmp(name, "transfer-encoding") == 0;
	survey->hosts += strcasecmp(name, "host") == 0;
	return MHD_YES;
}

/* Up to 0.9.76, the daemon takes a line that begins with a colon for the end of the headers, so that what
 * follows would be read as a body or as the next request; it also takes bare LFs for ends of lines, and joins
 * folded lines without a blank. All this leaves a trace: names and values point into the request's bytes, so
 * behind the version and behind each value there must be CR LF, then the next name, and behind the last value
 * two CR LF and the headers' end. */
static enum MHD_Result check_place(void *context, enum MHD_ValueKind kind, const char *name, size_t name_size,
				   const char *value, size_t value_size)
{
	(void)kind;
	(void)name_size;
	const char **end = context;
	*end = *end && value && name == *end + 2 ? value + value_size : NULL;
	return MHD_YES;
}

static bool is_contiguous(const struct http_exchange *exchange, const char *version)
{
#if MHD_VERSION < 0x00097700
	const char *end = version + strlen(version);
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, check_place, &end);
	return info && end && end + 4 == exchange->method + info->header_size;
#else
	(void)exchange;
	(void)version;
	(void)check_place;
	return true;
#endif
}

static enum MHD_Result take_first(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	(void)value;
	*(const char **)context = name;
	return MHD_NO;
}

/* A NUL byte in the target ends the path for the daemon, and for nobody else: behind the path there must be
 * the query's first name (a NUL is in place of the '?') or the version. */
static bool is_whole_target(const struct http_exchange *exchange, const char *version)
{
	const char *behind = exchange->target + strlen(exchange->target) + 1, *query = NULL;
	MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, take_first, &query);
	return behind == version || behind == query || (behind + 1 == version && *behind == '\0');
}

/* The daemon is generous about where a body ends; a proxy in front that reads the same headers differently
 * could be made to take one request for two. So whatever is ambiguous is refused, and the connection closed.
 */
static const char *why_refused(struct http_exchange *exchange, const char *version)
{
	struct header_survey survey = {0};
	struct str coding, length;
	MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, survey_header, &survey);
	if (survey.malformed || !is_contiguous(exchange, version))
		return "a header line is malformed: a name is followed by ':' at once, lines end with CR LF, "
		       "none is folded";
	if (!is_whole_target(exchange, version))
		return "the request's target has a NUL byte";
	if (survey.hosts > 1)
		return "more than one Host header";
	if (survey.transfer_encodings && survey.content_lengths)
		return "both Transfer-Encoding and Content-Length: send one of them";
	if (survey.content_lengths > 1)
		return "more than one Content-Length header";
	if (survey.transfer_encodings > 1)
		return "more than one Transfer-Encoding header";
	if (http_exchange_header(exchange, "Transfer-Encoding", &coding)) {
		if (!str_eq_ignore_case(str_trim(coding), STR("chunked")) || strcmp(version, "HTTP/1.1") != 0)
			return "a Transfer-Encoding that isn't supported: send chunked, in HTTP/1.1";
		exchange->has_body = true;
		http_framing_begin(exchange);
	}
	if (http_exchange_header(exchange, "Content-Length", &length)) {
		if (!str_to_i64(length, 0, INT64_MAX, &exchange->content_length))
			return "malformed Content-Length header: it must be one number";
		exchange->has_body = exchange->content_length > 0;
	}
	return NULL;
}

/* The daemon's calls */

static enum MHD_Result queue_answer(struct http_exchange *exchange)
{
	if (!exchange->response)
		return MHD_NO; /* no memory for it: close */
	exchange->queued = true;
	return http_queue_response(exchange->connection, exchange->status, exchange->response);
}

/* The body is still coming or, with Expect: 100-continue, waits for our word. */
static enum MHD_Result queue_early_answer(struct http_exchange *exchange)
{
	exchange->linger_fd = fcntl(http_exchange_fd(exchange), F_DUPFD_CLOEXEC, 0);
	return queue_answer(exchange);
}

/* The handler may word it; its `begin` isn't called. */
static enum MHD_Result refuse(struct http_server *server, struct http_exchange *exchange, const char *why)
{
	if (server->handler.refuse) {
		exchange->begun = true;
		server->active++;
		server->handler.refuse(server->handler.context, exchange, why);
	}
	http_exchange_answer(exchange, 400, "text/plain; charset=utf-8", str_of(why));
	return queue_early_answer(exchange);
}

/* Its connection is one more than there may be. */
static enum MHD_Result refuse_surplus(struct http_server *server, struct http_exchange *exchange,
				      enum http_unheard why)
{
	cleanup_buffer struct buffer headers = BUFFER(UNHEARD_MAX), body = BUFFER(UNHEARD_MAX);
	const char *type = http_unheard_words(server, why, &headers, &body);
	server->counts.refused++;
	http_exchange_add_header(exchange, "Retry-After", "1");
	http_exchange_answer(exchange, http_unheard_status(why), type, buffer_str(&body));
	return queue_early_answer(exchange);
}

static enum MHD_Result on_headers(struct http_server *server, struct http_exchange *exchange,
				  const char *version)
{
	const struct http_connection *connection = http_connection_of(exchange->connection);
	if (connection && connection->is_surplus)
		return refuse_surplus(server, exchange, connection->why);
	const char *refusal = why_refused(exchange, version);
	if (refusal)
		return refuse(server, exchange, refusal);
	exchange->begun = true;
	server->active++;
	bool wanted = server->handler.begin(server->handler.context, exchange);
	if (exchange->held && !exchange->answered) {
		exchange->headers_again = true;
		http_exchange_suspend(exchange);
		return MHD_YES;
	}
	if (!wanted && !exchange->answered)
		http_exchange_answer(exchange, 500, "text/plain; charset=utf-8", STR("not answered"));
	if (exchange->answered && exchange->has_body)
		return queue_early_answer(exchange);
	return MHD_YES; /* without a body the last call follows at once, and the connection can be kept */
}

static enum MHD_Result on_piece(struct http_server *server, struct http_exchange *exchange, struct str piece)
{
	exchange->received += piece.n;
	if (!exchange->answered) {
		server->handler.body(server->handler.context, exchange, piece);
		return MHD_YES;
	}
	exchange->discarded += piece.n;
	if (exchange->discarded > MAX_DISCARD ||
	    uv_now(server->loop) - exchange->answered_at_ms > MAX_DISCARD_MS)
		return MHD_NO;
	return MHD_YES;
}

static enum MHD_Result on_complete(struct http_server *server, struct http_exchange *exchange)
{
	if (exchange->queued)
		return MHD_YES;
	if (!exchange->completed && !exchange->answered) {
		exchange->completed = true;
		server->handler.complete(server->handler.context, exchange);
	}
	if (exchange->answered)
		return queue_answer(exchange);
	http_exchange_suspend(exchange);
	return MHD_YES;
}

/* A target in absolute form ("http://host/path"), as clients send it to a proxy, must be taken by any server
 * (RFC 9112, 3.2.2): what counts here is its path. */
static const char *path_of(const char *target)
{
	struct str text = str_of(target);
	size_t scheme = str_starts_with_ignore_case(text, STR("http://"))    ? strlen("http://")
			: str_starts_with_ignore_case(text, STR("https://")) ? strlen("https://")
									     : 0;
	if (scheme == 0)
		return target;
	const char *slash = strchr(target + scheme, '/');
	return slash ? slash : "/";
}

static struct http_exchange *exchange_new(struct http_server *server, struct MHD_Connection *connection,
					  const char *method, const char *path)
{
	struct http_exchange *exchange = calloc(1, sizeof(*exchange));
	if (!exchange)
		return NULL;
	exchange->server = server;
	exchange->connection = connection;
	exchange->method = method;
	exchange->target = path;
	exchange->path = path_of(path);
	exchange->content_length = -1;
	exchange->linger_fd = -1;
	exchange->queue = BUFFER(HTTP_STREAM_QUEUE);
	struct http_connection *own = http_connection_of(connection);
	if (own)
		http_connection_request(own, exchange);
	LIST_INSERT_HEAD(&server->exchanges, exchange, link);
	return exchange;
}

enum MHD_Result http_exchange_on_request(void *context, struct MHD_Connection *connection, const char *url,
					 const char *method, const char *version, const char *piece,
					 size_t *piece_size, void **exchange_slot)
{
	struct http_server *server = context;
	struct http_exchange *exchange = *exchange_slot;
	if (!exchange) {
		*exchange_slot = exchange = exchange_new(server, connection, method, url);
		return exchange ? on_headers(server, exchange, version) : MHD_NO;
	}
	http_exchange_had_turn(exchange);
	if (exchange->gone)
		return MHD_NO;
	if (exchange->is_misframed && !exchange->queued)
		return http_unheard_refuse(server, connection, HTTP_MALFORMED);
	if (exchange->headers_again) {
		exchange->headers_again = false;
		/* A connection that was suspended at its headers gets the call for them again; it brings no
		 * body, and doesn't mean that the body is complete. */
		if (*piece_size == 0)
			return exchange->answered && exchange->has_body ? queue_early_answer(exchange)
									: MHD_YES;
	}
	if (*piece_size == 0)
		return on_complete(server, exchange);
	struct str bytes = {piece, *piece_size};
	*piece_size = 0;
	return on_piece(server, exchange, bytes);
}

void http_exchange_on_completed(void *context, struct MHD_Connection *connection, void **exchange_slot,
				enum MHD_RequestTerminationCode why)
{
	struct http_server *server = context;
	struct http_exchange *exchange = *exchange_slot;
	struct http_connection *own = http_connection_of(connection);
	if (!exchange)
		return;
	*exchange_slot = NULL;
	if (own)
		http_connection_request(own, NULL);
	if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		http_exchange_end_half_closed(exchange);
	if (exchange->begun) {
		server->handler.end(server->handler.context, exchange);
		server->active--;
	}
	if (exchange->linger_fd >= 0 && why == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		http_linger(server, exchange->linger_fd);
	else if (exchange->linger_fd >= 0)
		close(exchange->linger_fd);
	if (exchange->response)
		MHD_destroy_response(exchange->response);
	for (size_t i = 0; i < exchange->header_count; i++)
		free(exchange->headers[i].value);
	for (struct http_text *next, *text = exchange->texts; text; text = next) {
		next = text->next;
		free(text);
	}
	buffer_free(&exchange->queue);
	LIST_REMOVE(exchange, link);
	free(exchange);
}

/* What the handler asks */

void http_exchange_hold(struct http_exchange *exchange)
{
	exchange->held = true;
}

void http_exchange_go_on(struct http_exchange *exchange)
{
	exchange->held = false;
	http_exchange_resume(exchange);
}

struct str http_exchange_method(const struct http_exchange *exchange)
{
	return str_of(exchange->method);
}

const struct sockaddr *http_exchange_peer(const struct http_exchange *exchange)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	return info ? info->client_addr : NULL;
}

struct str http_exchange_path(const struct http_exchange *exchange)
{
	return str_of(exchange->path);
}

bool http_exchange_header(const struct http_exchange *exchange, const char *name, struct str *ret)
{
	const char *value = NULL;
	size_t size = 0;
	if (MHD_lookup_connection_value_n(exchange->connection, MHD_HEADER_KIND, name, strlen(name), &value,
					  &size) != MHD_YES ||
	    !value)
		return false;
	*ret = (struct str){value, size};
	return true;
}

struct header_count {
	const char *name;
	unsigned count;
};

static enum MHD_Result count_header(void *context, enum MHD_ValueKind kind, const char *name,
				    const char *value)
{
	struct header_count *count = context;
	(void)kind;
	(void)value;
	count->count += strcasecmp(name, count->name) == 0;
	return MHD_YES;
}

unsigned http_exchange_header_count(const struct http_exchange *exchange, const char *name)
{
	struct header_count count = {name, 0};
	MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_header, &count);
	return count.count;
}

int64_t http_exchange_content_length(const struct http_exchange *exchange)
{
	return exchange->content_length;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX to bytes ('+' became a blank in the daemon); what isn't an escape stays as it is. */
static size_t percent_decode(const char *from, size_t n, char *to)
{
	size_t out = 0;
	for (size_t i = 0; i < n; i++) {
		int high = from[i] == '%' && i + 2 < n ? hex_digit(from[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(from[i + 2]) : -1;
		if (low >= 0) {
			to[out++] = (char)(high * 16 + low);
			i += 2;
		} else {
			to[out++] = from[i];
		}
	}
	to[out] = '\0';
	return out;
}

struct query_search {
	struct str name;
	const char *value; /* of the first; NULL: not found */
	size_t size;
	unsigned count;
};

static enum MHD_Result search_query(void *context, enum MHD_ValueKind kind, const char *name,
				    size_t name_size, const char *value, size_t value_size)
{
	(void)kind;
	struct query_search *search = context;
	char decoded[256];
	if (name_size >= sizeof(decoded))
		return MHD_YES;
	struct str found = {decoded, percent_decode(name, name_size, decoded)};
	if (!str_eq(found, search->name))
		return MHD_YES;
	if (search->count++ > 0)
		return MHD_YES;
	search->value = value ? value : "";
	search->size = value ? value_size : 0;
	return MHD_YES;
}

unsigned http_exchange_query_count(const struct http_exchange *exchange, const char *name)
{
	struct query_search search = {.name = str_of(name)};
	MHD_get_connection_values_n(exchange->connection, MHD_GET_ARGUMENT_KIND, search_query, &search);
	return search.count;
}

bool http_exchange_query(const struct http_exchange *exchange, const char *name, struct str *ret_decoded)
{
	struct query_search search = {.name = str_of(name)};
	MHD_get_connection_values_n(exchange->connection, MHD_GET_ARGUMENT_KIND, search_query, &search);
	if (!search.value)
		return false;
	struct http_text *text = malloc(sizeof(*text) + search.size + 1);
	if (!text)
		return false;
	/* The decoded text is kept with the exchange, which the caller sees as unchanged. */
	struct http_exchange *owner = (struct http_exchange *)exchange;
	text->next = owner->texts;
	owner->texts = text;
	*ret_decoded = (struct str){text->bytes, percent_decode(search.value, search.size, text->bytes)};
	return true;
}

void http_exchange_set_data(struct http_exchange *exchange, void *data)
{
	exchange->data = data;
}

void *http_exchange_data(const struct http_exchange *exchange)
{
	return exchange->data;
}
