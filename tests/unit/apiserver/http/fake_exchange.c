#include "tests/unit/apiserver/http/fake_exchange.h"

#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#define BODY_MAX ((size_t)1 << 20)

static bool find(const struct fake_field *fields, const char *name, struct str *ret)
{
	for (size_t i = 0; i < FAKE_FIELDS_MAX && fields[i].name; i++) {
		if (strcasecmp(fields[i].name, name) == 0) {
			*ret = str_of(fields[i].value);
			return true;
		}
	}
	return false;
}

struct str http_exchange_method(const struct http_exchange *exchange)
{
	return str_of(exchange->method ? exchange->method : "GET");
}

struct str http_exchange_path(const struct http_exchange *exchange)
{
	return str_of(exchange->path ? exchange->path : "/");
}

bool http_exchange_query(const struct http_exchange *exchange, const char *name, struct str *ret)
{
	return find(exchange->query, name, ret);
}

bool http_exchange_header(const struct http_exchange *exchange, const char *name, struct str *ret)
{
	return find(exchange->headers, name, ret);
}

static unsigned count(const struct fake_field *fields, const char *name)
{
	unsigned found = 0;
	for (size_t i = 0; i < FAKE_FIELDS_MAX && fields[i].name; i++)
		found += strcasecmp(fields[i].name, name) == 0;
	return found;
}

unsigned http_exchange_query_count(const struct http_exchange *exchange, const char *name)
{
	return count(exchange->query, name);
}

unsigned http_exchange_header_count(const struct http_exchange *exchange, const char *name)
{
	return count(exchange->headers, name);
}

const struct sockaddr *http_exchange_peer(const struct http_exchange *exchange)
{
	(void)exchange;
	return NULL;
}

int64_t http_exchange_content_length(const struct http_exchange *exchange)
{
	return exchange->content_length;
}

void http_exchange_hold(struct http_exchange *exchange)
{
	exchange->is_held = true;
}

void http_exchange_go_on(struct http_exchange *exchange)
{
	exchange->is_held = false;
}

void http_exchange_set_data(struct http_exchange *exchange, void *data)
{
	exchange->data = data;
}

void *http_exchange_data(const struct http_exchange *exchange)
{
	return exchange->data;
}

int http_exchange_add_header(struct http_exchange *exchange, const char *name, const char *value)
{
	size_t i = 0;
	while (i < FAKE_FIELDS_MAX && exchange->answer_headers[i].name)
		i++;
	if (i == FAKE_FIELDS_MAX || exchange->status)
		return -1;
	exchange->answer_headers[i].name = name;
	snprintf(exchange->answer_headers[i].value, sizeof(exchange->answer_headers[i].value), "%s", value);
	return 0;
}

static void give(struct http_exchange *exchange, int status, const char *content_type)
{
	exchange->status = status;
	exchange->answers++;
	snprintf(exchange->type, sizeof(exchange->type), "%s", content_type ? content_type : "");
	exchange->body = BUFFER(BODY_MAX);
}

void http_exchange_answer(struct http_exchange *exchange, int status, const char *content_type,
			  struct str body)
{
	give(exchange, status, content_type);
	buffer_append_str(&exchange->body, body);
}

void http_exchange_answer_file(struct http_exchange *exchange, int status, const char *content_type, int fd,
			       int64_t size)
{
	give(exchange, status, content_type);
	char piece[256];
	int64_t n;
	for (int64_t at = 0; at < size && (n = pread(fd, piece, sizeof(piece), at)) > 0; at += n)
		buffer_append(&exchange->body, piece, (size_t)n);
	close(fd);
}

int http_exchange_stream_start(struct http_exchange *exchange, int status, const char *content_type,
			       void (*drained)(void *context, struct http_exchange *exchange), void *context)
{
	(void)drained;
	(void)context;
	give(exchange, status, content_type);
	exchange->is_stream = true;
	return 0;
}

bool http_exchange_stream_write(struct http_exchange *exchange, struct str piece)
{
	return buffer_append_str(&exchange->body, piece) == 0;
}

void http_exchange_stream_finish(struct http_exchange *exchange)
{
	exchange->is_finished = true;
}

const char *fake_answer_header(const struct http_exchange *exchange, const char *name)
{
	for (size_t i = 0; i < FAKE_FIELDS_MAX && exchange->answer_headers[i].name; i++)
		if (strcmp(exchange->answer_headers[i].name, name) == 0)
			return exchange->answer_headers[i].value;
	return NULL;
}

void fake_exchange_clear(struct http_exchange *exchange)
{
	buffer_free(&exchange->body);
	*exchange = (struct http_exchange){0};
}
