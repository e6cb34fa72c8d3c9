/* HTTP/1.1 requests over libcurl's multi interface on a libuv loop: keep-alive pool, timeouts, retries,
 * streaming bodies from and to files. No redirects, no proxies, http and https only. Used for the Kubernetes
 * API and for blobs. (HTTP/1.1 only: curl before 8.1 had HTTP/2 upload bugs.) Everything runs on the loop's
 * thread. */
#ifndef SKILLBOX_LIB_HTTP_CLIENT_CLIENT_H
#define SKILLBOX_LIB_HTTP_CLIENT_CLIENT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct http_client;
struct http_request;

struct http_client_options {
	const char *ca_file;                        /* PEM file, or NULL for the system's; copied */
	struct str ca_pem;                          /* PEM in memory, instead of ca_file; copied */
	struct str client_cert_pem, client_key_pem; /* mutual TLS; copied; empty for none */
	bool insecure_skip_verify;
	unsigned max_connections; /* to one host; 0 means 16 */
	const char *user_agent;   /* NULL: "skillbox/VERSION" */
};

struct http_client *http_client_new(uv_loop_t *loop, const struct http_client_options *options,
				    struct error *err);
/* Cancels what runs (callbacks are not called), closes handles; the memory goes when the loop has run its
 * close callbacks. NULL-safe, returns NULL. */
struct http_client *http_client_free(struct http_client *client);

struct http_response {
	int status;      /* HTTP status, or 0 when none came: then error says why */
	struct str body; /* NUL-terminated; valid during the callback; empty when body went to a file */
	const struct error *error; /* NULL if an HTTP response came, whatever its status */
	int64_t body_size;         /* bytes received */
	/* Some attempt may have been carried out though its answer says otherwise or never came: what this
	 * answer says is not all there is to know. */
	bool is_uncertain;
	struct str headers; /* with keep_headers: the lines, each with its CR LF; else empty */
};
/* The trimmed value of the first header of that name; false if there is none or headers weren't kept. */
bool http_response_header(const struct http_response *response, const char *name, struct str *ret_value);

/* Called exactly once, from the loop, never from inside http_client_send; the request object is freed after
 * it. */
typedef void (*http_done_cb)(void *context, const struct http_response *response);

struct http_request_options {
	const char *method;         /* "GET" … */
	const char *url;            /* absolute; copied */
	const char *const *headers; /* "Name: value", NULL-terminated list, copied; NULL for none */
	struct str body;            /* copied */
	/* ≥ 0: the body is body_fd_size bytes of this file from body_fd_offset on (pread; not closed; must
	 * stay open until done); else -1. */
	int body_fd;
	int64_t body_fd_size, body_fd_offset;
	/* ≥ 0: a 2xx response body is written there (write at the current offset; not closed); else -1. */
	int response_fd;
	size_t max_response; /* bytes; more is ERR_TOO_LARGE; 0 means 16 MiB */
	unsigned timeout_ms; /* whole request, one attempt; 0 means 30,000 */
	/* Attempts beyond the first on 429, 502, 503, 504 and connection loss, with jittered exponential
	 * backoff (100 ms … 5 s) and Retry-After honoured (≤ 30 s). The caller asks for retries only where a
	 * repeat is harmless. */
	unsigned retries;
	bool retry_internal_errors; /* retries on 500 too: what S3 answers to passing troubles of its own */
	/* Retries on this answer too? NULL: on no other. */
	bool (*is_passing)(int status, struct str body);
	bool keep_headers; /* of the response */
	http_done_cb done;
	void *context;
	/* Called once when the request is gone for good, later than done, and also after a cancel or
	 * http_client_free (from the loop's next turn): the place to free the context. May be NULL. */
	void (*release)(void *context);
};
/* For requests without files; where one is used, set both descriptors instead (gcc warns of a field set
 * twice). */
#define HTTP_REQUEST_DEFAULTS .body_fd = -1, .response_fd = -1

/* NULL with err on failure (then done isn't called). */
struct http_request *http_client_send(struct http_client *client, const struct http_request_options *options,
				      struct error *err);

/* Forget a request that runs: its callback won't be called; the pointer is invalid afterwards. NULL-safe. */
void http_request_cancel(struct http_request *request);

#endif
