/* libcurl's multi handle on a libuv loop: curl tells which sockets and which time it waits for, the loop
 * tells curl when they are ready. The callers' callbacks run after curl has returned, never inside one of
 * curl's callbacks, so they may send, cancel and free as they like. */
#include "lib/http/client/client_internal.h"

#include <stdlib.h>

#define DEFAULT_CONNECTIONS 16

struct socket_watch {
	uv_poll_t poll;
	struct http_client *client;
	curl_socket_t socket;
};

static void client_release(struct http_client *client)
{
	free(client->ca_file);
	free(client->ca_pem);
	free(client->client_cert_pem);
	if (client->client_key_pem)
		explicit_bzero(client->client_key_pem, strlen(client->client_key_pem));
	free(client->client_key_pem);
	free(client->user_agent);
	free(client);
	curl_global_cleanup();
}

void http_client_handle_opened(struct http_client *client)
{
	client->handles++;
}

void http_client_handle_closed(struct http_client *client)
{
	if (--client->handles == 0)
		client_release(client);
}

/* Hand finished transfers to their requests. A callback may free the client: its memory stays until the loop
 * has closed the handles, its multi handle doesn't. */
static void collect_finished(struct http_client *client)
{
	int left;
	CURLMsg *message;
	while (client->multi && (message = curl_multi_info_read(client->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		struct http_request *request = NULL;
		CURLcode result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
		http_request_attempt_ended(request, result);
	}
}

static void on_socket_ready(uv_poll_t *poll, int status, int events)
{
	struct socket_watch *watch = poll->data;
	struct http_client *client = watch->client; /* curl may take the watch away below */
	int ready = 0, running;
	if (status < 0)
		ready = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		ready |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		ready |= CURL_CSELECT_OUT;
	curl_multi_socket_action(client->multi, watch->socket, ready, &running);
	collect_finished(client);
}

static void on_due(struct http_client *client)
{
	int running;
	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_finished(client);
}

static void on_time(uv_timer_t *timer)
{
	on_due(timer->data);
}

static void on_idle(uv_idle_t *idle)
{
	uv_idle_stop(idle);
	on_due(idle->data);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct socket_watch *watch = handle->data;
	http_client_handle_closed(watch->client);
	free(watch);
}

static struct socket_watch *watch_new(struct http_client *client, curl_socket_t socket)
{
	struct socket_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return NULL;
	if (uv_poll_init_socket(client->loop, &watch->poll, socket) != 0) {
		free(watch);
		return NULL;
	}
	watch->client = client;
	watch->socket = socket;
	watch->poll.data = watch;
	http_client_handle_opened(client);
	curl_multi_assign(client->multi, socket, watch);
	return watch;
}

/* CURLMOPT_SOCKETFUNCTION; -1 makes curl give the transfers up with an error. */
static int on_socket_wish(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context)
{
	(void)easy;
	struct http_client *client = context;
	struct socket_watch *watch = socket_context;
	if (what == CURL_POLL_REMOVE) {
		if (watch) {
			curl_multi_assign(client->multi, socket, NULL);
			uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
		}
		return 0;
	}
	if (!watch && !(watch = watch_new(client, socket)))
		return -1;
	int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return uv_poll_start(&watch->poll, events, on_socket_ready) == 0 ? 0 : -1;
}

/* CURLMOPT_TIMERFUNCTION. "At once" is an idle handle: a timer of 0 ms that is started in its own callback
 * would run again before the loop looks at any socket, and one of 1 ms would be late. */
static int on_time_wish(CURLM *multi, long timeout_ms, void *context)
{
	(void)multi;
	struct http_client *client = context;
	uv_idle_stop(&client->idle);
	uv_timer_stop(&client->timer);
	if (timeout_ms == 0)
		uv_idle_start(&client->idle, on_idle);
	else if (timeout_ms > 0)
		uv_timer_start(&client->timer, on_time, (uint64_t)timeout_ms, 0);
	return 0;
}

static int copy_options(struct http_client *client, const struct http_client_options *options)
{
	const char *agent = options->user_agent ? options->user_agent : "skillbox/" SKILLBOX_VERSION;
	client->insecure_skip_verify = options->insecure_skip_verify;
	client->user_agent = str_dup(str_of(agent));
	if (!client->user_agent)
		return -1;
	if (options->ca_file && !(client->ca_file = str_dup(str_of(options->ca_file))))
		return -1;
	if (options->ca_pem.n && !(client->ca_pem = str_dup(options->ca_pem)))
		return -1;
	if (options->client_cert_pem.n && !(client->client_cert_pem = str_dup(options->client_cert_pem)))
		return -1;
	if (options->client_key_pem.n && !(client->client_key_pem = str_dup(options->client_key_pem)))
		return -1;
	return 0;
}

static int multi_setup(struct http_client *client, unsigned max_connections)
{
	CURLM *multi = client->multi = curl_multi_init();
	if (!multi)
		return -1;
	long connections = max_connections ? (long)max_connections : DEFAULT_CONNECTIONS;
	return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish) ||
		       curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) ||
		       curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_time_wish) ||
		       curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) ||
		       curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections) ||
		       curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections)
		   ? -1
		   : 0;
}

static void on_handle_closed(uv_handle_t *handle)
{
	http_client_handle_closed(handle->data);
}

struct http_client *http_client_new(uv_loop_t *loop, const struct http_client_options *options,
				    struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		error_set(err, ERR_INTERNAL, "libcurl can't be initialised");
		return NULL;
	}
	struct http_client *client = calloc(1, sizeof(*client));
	if (!client) {
		curl_global_cleanup();
		error_no_memory(err);
		return NULL;
	}
	client->loop = loop;
	LIST_INIT(&client->requests);
	if (copy_options(client, options) != 0 || multi_setup(client, options->max_connections) != 0 ||
	    uv_timer_init(loop, &client->timer) != 0) {
		curl_multi_cleanup(client->multi);
		client_release(client);
		error_no_memory(err);
		return NULL;
	}
	uv_idle_init(loop, &client->idle);
	client->timer.data = client->idle.data = client;
	client->handles = 2;
	return client;
}

struct http_client *http_client_free(struct http_client *client)
{
	if (!client || !client->multi)
		return NULL;
	while (!LIST_EMPTY(&client->requests))
		http_request_discard(LIST_FIRST(&client->requests));
	curl_multi_cleanup(
	    client->multi); /* takes idle connections away: on_socket_wish closes their watches */
	client->multi = NULL;
	uv_close((uv_handle_t *)&client->timer, on_handle_closed);
	uv_close((uv_handle_t *)&client->idle, on_handle_closed);
	return NULL;
}
