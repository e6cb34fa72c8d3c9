/* Requests to the server, one after the other, over one kept connection (libcurl), tried again where that may
 * help: connection errors, 429 and 502 to 504, with the pause that the server asks for, within the timeout.
 */
#ifndef SKILLBOX_CLI_REMOTE_HTTP_H
#define SKILLBOX_CLI_REMOTE_HTTP_H

#include "cli/config/settings.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_ANSWER_MAX ((size_t)256 << 20)

/* What calls return besides 0 and -1: Ctrl-C came (interrupt.h). It is COMMAND_INTERRUPTED. */
#define HTTP_INTERRUPTED COMMAND_INTERRUPTED

/* Takes the body of a 2xx answer as it comes. begin: an attempt's answer begins (from its first byte, again);
 * piece: more of it, -1 ends the call with that error; end: it came to its end, -1: it should not have, which
 * is as a cut connection is, unless *ret_final. reached: grows as something was got that counts; then retries
 * begin anew. */
struct http_sink {
	int (*begin)(void *context, const char *content_type, struct error *err);
	int (*piece)(void *context, struct str bytes, struct error *err);
	int (*end)(void *context, bool *ret_final, struct error *err);
	uint64_t (*reached)(void *context);
	void *context;
};

struct http_request {
	const char *method;
	const char *
	    path; /* behind the server's URL: "/v1/skills"; with is_bare a whole URL, or one of these paths */
	bool is_bare;                      /* neither key nor tenant are sent */
	bool is_once;                      /* again only where the server surely did nothing: 429 */
	const char *accept, *content_type; /* NULL: application/json; none */
	const char *idempotency_key;       /* NULL: none */
	bool is_async;                     /* Prefer: respond-async */
	/* An attempt that failed after ten seconds is followed by ones with Prefer: respond-async: something
	 * between cuts what is silent. */
	bool async_after_long;
	bool is_silent;             /* as long as it takes: nothing comes before the answer */
	struct str body;            /* or: */
	int body_fd;                /* a file's descriptor, from its beginning; 0: none */
	int64_t body_size;          /* of body_fd */
	const struct http_sink *to; /* NULL: into the answer's body */
	const char *progress;       /* what is being done, for a terminal; NULL: nothing is shown */
};

struct http_answer {
	int status;
	struct buffer body; /* of an error always; of a 2xx without a sink */
	char content_type[128], request_id[136], location[512], error_code[64];
	double retry_after; /* seconds; < 0: the server didn't say */
	int attempts;       /* that were made */
};
#define HTTP_ANSWER ((struct http_answer){.body = BUFFER(HTTP_ANSWER_MAX), .retry_after = -1})
void http_answer_free(struct http_answer *answer);
#define cleanup_answer __attribute__((cleanup(http_answer_free)))

struct http;
/* The settings of a call, which it owns from then on, and a connection to be. */
struct http *http_open(const struct call *call, struct error *err);
/* Of settings, which move into it, also if it fails. */
struct http *http_open_with(struct settings *settings, struct error *err);
struct http *http_close(struct http *http); /* NULL-safe; returns NULL */
static inline void http_cleanup(struct http **variable)
{
	http_close(*variable);
}
#define cleanup_http __attribute__((cleanup(http_cleanup)))
const struct settings *http_settings(const struct http *http);

/* All calls together end by then; INT64_MAX: never. */
void http_set_deadline(struct http *http, int64_t monotonic_us);
int64_t http_deadline(const struct http *http);

/* 0: a 2xx. -1: err says what the server or the network said, and *ret what there is of an answer. */
int http_send(struct http *http, const struct http_request *request, struct http_answer *ret,
	      struct error *err);
/* The same once, and any status is 0. */
int http_send_raw(struct http *http, const struct http_request *request, struct http_answer *ret,
		  struct error *err);

/* Append s with all but letters, digits and -._~ as %XX. */
void http_escape(struct buffer *out, struct str s);

#endif
