/* What http.c (when to try again), http_attempt.c (one attempt) and http_error.c (what an answer means)
 * share. */
#ifndef SKILLBOX_CLI_REMOTE_HTTP_INTERNAL_H
#define SKILLBOX_CLI_REMOTE_HTTP_INTERNAL_H

#include "cli/remote/http.h"
#include "cli/terminal/terminal.h"

#include <curl/curl.h>

struct http {
	struct settings settings;
	CURLM *multi; /* keeps the connections */
	int64_t deadline_us;
};

/* One attempt, while it goes on and as it ended. */
struct attempt {
	struct http *http;
	const struct http_request *request;
	struct http_answer *answer;
	struct error *err;
	struct progress *progress;
	int64_t heard_us; /* when the last byte came or went */
	int64_t sent;     /* of the body */
	bool began;       /* the sink's begin was called */
	bool refused;     /* a sink or we said no: err is set, and it's final */
	bool is_async;
};

enum outcome {
	OUTCOME_ANSWERED,    /* whole, with any status */
	OUTCOME_BROKEN,      /* no whole answer; err says why */
	OUTCOME_LATE,        /* the deadline is over */
	OUTCOME_FINAL,       /* another attempt makes no sense; err is set */
	OUTCOME_INTERRUPTED, /* Ctrl-C */
};
enum outcome http_attempt(struct attempt *attempt);

/* err = what an answer that is no 2xx means, in the server's words; *ret's error_code is set, too. Returns
 * -1. */
int http_judge(const struct http *http, const struct http_request *request, struct http_answer *answer,
	       struct error *err);

#endif
