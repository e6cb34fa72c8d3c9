#include "apiserver/http/request.h"

#include "lib/base/id.h"

#include <stdlib.h>

struct request *request_of(struct operation *operation)
{
	return (struct request *)operation;
}

struct request *request_ref(struct request *request)
{
	return request_of(operation_ref(&request->operation));
}

void request_unref(struct request *request)
{
	operation_unref(&request->operation);
}

void request_set_state(struct request *request, void *state, void (*free_state)(void *state))
{
	if (request->free_state)
		request->free_state(request->state);
	request->state = state;
	request->free_state = free_state;
}

static void request_free(struct operation *operation)
{
	struct request *request = request_of(operation);
	request_set_state(request, NULL, NULL);
	usage_release(&request->hold);
	body_clear(&request->taken);
	buffer_free(&request->match.text);
	free(request);
}

static void choose_id(struct request *request)
{
	char *id = request->operation.caller->request_id;
	struct str given;
	bool usable = http_exchange_header(request->exchange, "X-Request-ID", &given) && given.n > 0 &&
		      given.n <= CALLER_REQUEST_ID_MAX;
	for (size_t i = 0; usable && i < given.n; i++)
		usable = given.p[i] >= ' ' && given.p[i] <= '~';
	if (usable)
		memcpy(id, given.p, given.n); /* zeroed, so it ends */
	else
		id_uuid4(id);
}

struct request *request_new(struct apiserver *server, struct http_exchange *exchange)
{
	struct caller *caller = caller_new();
	struct request *request = caller ? calloc(1, sizeof(*request)) : NULL;
	if (request) {
		operation_init(&request->operation, server, caller, request_free);
		request->exchange = exchange;
		request->started_us = clock_monotonic_us(server->clock);
		choose_id(request);
		http_exchange_set_data(exchange, request);
	}
	caller_unref(caller);
	return request;
}
