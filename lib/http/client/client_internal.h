/* What client.c (curl's multi handle on the loop) and request.c (one request and its attempts) share. */
#ifndef SKILLBOX_LIB_HTTP_CLIENT_CLIENT_INTERNAL_H
#define SKILLBOX_LIB_HTTP_CLIENT_CLIENT_INTERNAL_H

#include "lib/http/client/client.h"

#include <curl/curl.h>
#include <sys/queue.h>

struct http_client {
	uv_loop_t *loop;
	CURLM *multi;     /* NULL once http_client_free was called */
	uv_timer_t timer; /* when curl wants to be called */
	uv_idle_t idle;   /* active: at once */
	unsigned handles; /* open libuv handles; the memory goes with the last */
	LIST_HEAD(, http_request) requests;

	char *ca_file, *ca_pem, *client_cert_pem, *client_key_pem, *user_agent;
	bool insecure_skip_verify;
};

struct http_request {
	LIST_ENTRY(http_request) link;
	struct http_client *client; /* its memory outlives this object, whose timer is one of its handles */
	CURL *easy;
	uv_timer_t timer; /* waits before the next attempt */
	bool attached;    /* easy is in the multi handle */
	bool finished;    /* done was or is being called, or the request was cancelled */

	/* label: "GET https://host/path" for messages, without the query, which may hold a signature. */
	char *method, *label;
	struct curl_slist *headers;
	char *body;
	int body_fd;
	int64_t body_fd_size, body_fd_offset, body_fd_position; /* position: from offset on */
	int response_fd;
	off_t response_start; /* where in response_fd the body begins; -1: not seekable */
	int64_t max_response;
	unsigned timeout_ms, retries, attempt;
	bool retry_internal_errors, keep_headers;
	bool (*is_passing)(int status, struct str body);
	bool is_uncertain; /* of the attempts so far */
	http_done_cb done;
	void *context;
	void (*release)(void *context); /* set only once the request was accepted */

	/* of the attempt that runs */
	struct buffer response, kept_headers;
	int64_t received;
	size_t header_bytes;
	bool response_to_fd;  /* decided at the first body byte */
	struct error problem; /* set by a callback that stopped the transfer; code ERR_NONE if none */
	char curl_message[CURL_ERROR_SIZE];
};

/* The handle ended with `result`: retry or call done. */
void http_request_attempt_ended(struct http_request *request, CURLcode result);
/* Take it from curl and give its memory back, later. */
void http_request_discard(struct http_request *request);

void http_client_handle_opened(struct http_client *client);
void http_client_handle_closed(struct http_client *client);

#endif
