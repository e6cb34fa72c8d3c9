#include "tests/unit/lib/kube/fake_client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct http_request {
	struct kube_client *client;
	kube_done_cb done;
	void *context;
	char *path;
	size_t max_response;
	uv_timer_t timer;
};

void fake_client_init(struct kube_client *client, uv_loop_t *loop, unsigned port, fake_answer_cb answer,
		      void *context)
{
	*client = (struct kube_client){.loop = loop, .answer = answer, .context = context, .token = ""};
	snprintf(client->server, sizeof client->server, "http://127.0.0.1:%u", port);
	client->config.server = client->server;
}

uv_loop_t *kube_client_loop(const struct kube_client *client)
{
	return client->loop;
}

const struct kube_config *kube_client_config(const struct kube_client *client)
{
	return &client->config;
}

struct str kube_client_token(struct kube_client *client)
{
	return str_of(client->token);
}

bool kube_name_is_valid(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!islower((unsigned char)s.p[i]) && !isdigit((unsigned char)s.p[i]) && s.p[i] != '-')
			return false;
	return s.n > 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct http_request *request = handle->data;

	free(request->path);
	free(request);
}

static void on_turn(uv_timer_t *timer)
{
	struct http_request *request = timer->data;
	struct kube_client *client = request->client;
	cleanup_buffer struct buffer body = BUFFER(64 << 20);
	struct kube_response response = {0};
	struct error error;

	response.status = client->answer(client->context, request->path, &body);
	if (response.status == 0) {
		client->waiting++;
		return; /* until it is cancelled */
	}
	response.body = buffer_str(&body);
	if (request->max_response && body.len > request->max_response) {
		error_set(&error, ERR_TOO_LARGE, "the response is larger than %zu bytes",
			  request->max_response);
		response = (struct kube_response){.error = &error};
	} else if (response.status >= 300) {
		error_set(&error, error_code_from_http_status(response.status), "%s",
			  body.data ? body.data : "");
		response.error = &error;
	}
	if (response.body.n > client->largest)
		client->largest = response.body.n;
	uv_close((uv_handle_t *)timer, on_closed);
	request->done(request->context, &response);
}

struct http_request *kube_client_call(struct kube_client *client, const struct kube_call *call,
				      struct error *err)
{
	struct http_request *request = calloc(1, sizeof *request);

	(void)err;
	if (!request)
		abort();
	client->calls++;
	request->client = client;
	request->done = call->done;
	request->context = call->context;
	request->max_response = call->max_response;
	request->path = str_dup(str_of(call->path));
	uv_timer_init(client->loop, &request->timer);
	request->timer.data = request;
	uv_timer_start(&request->timer, on_turn, 0, 0);
	return request;
}

void http_request_cancel(struct http_request *request)
{
	request->client->cancelled++;
	uv_close((uv_handle_t *)&request->timer, on_closed);
}
