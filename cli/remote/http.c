#include "cli/remote/http.h"

#include "cli/remote/http_internal.h"
#include "cli/terminal/interrupt.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LONG_US ((int64_t)10 * 1000000) /* a call that was cut after that was perhaps too silent */
#define BACKOFF_MAX_MS 8000.0
#define PATIENCE_MS 66000.0 /* the longest pause of a call without a timeout */

void http_answer_free(struct http_answer *answer)
{
	buffer_free(&answer->body);
}

struct http *http_open_with(struct settings *settings, struct error *err)
{
	struct http *http = calloc(1, sizeof(*http));
	if (!http) {
		settings_free(settings);
		error_no_memory(err);
		return NULL;
	}
	http->settings = *settings;
	*settings = (struct settings){0};
	http->deadline_us = INT64_MAX;
	if (http->settings.timeout_ms > 0)
		http->deadline_us = clock_monotonic_us(&clock_system) + http->settings.timeout_ms * 1000;
	http->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	if (!http->multi) {
		error_set(err, ERR_INTERNAL, "libcurl can't be started");
		return http_close(http);
	}
	return http;
}

struct http *http_open(const struct call *call, struct error *err)
{
	struct settings settings;
	if (settings_load(call, &settings, err) == 0)
		return http_open_with(&settings, err);
	settings_free(&settings);
	return NULL;
}

struct http *http_close(struct http *http)
{
	if (!http)
		return NULL;
	if (http->multi)
		curl_multi_cleanup(http->multi);
	settings_free(&http->settings);
	free(http);
	return NULL;
}

const struct settings *http_settings(const struct http *http)
{
	return &http->settings;
}

void http_set_deadline(struct http *http, int64_t monotonic_us)
{
	http->deadline_us = monotonic_us;
}

int64_t http_deadline(const struct http *http)
{
	return http->deadline_us;
}

/* A number from 0 to 1, so that many clients don't come back at once. */
static double chance(void)
{
	uint16_t number;
	id_random(&number, sizeof(number));
	return number / 65535.0;
}

/* Milliseconds until the next attempt; < 0: there is none. */
static int64_t pause_before(const struct http *http, const struct http_request *request,
			    const struct http_answer *answer, enum outcome outcome, int failures)
{
	int status = answer->status;
	double asked = outcome == OUTCOME_ANSWERED ? answer->retry_after : -1,
	       pause = (double)http->settings.pause_ms;
	if (outcome == OUTCOME_ANSWERED && status != 429 && (status < 502 || status > 504))
		return -1;
	if (request->is_once && !(outcome == OUTCOME_ANSWERED && status == 429))
		return -1;
	if (failures >= http->settings.retries)
		return -1;
	for (int i = 0; i < failures && pause < BACKOFF_MAX_MS; i++)
		pause *= 2;
	pause = asked < 0 ? (pause < BACKOFF_MAX_MS ? pause : BACKOFF_MAX_MS) * (0.5 + chance() / 2)
			  : asked * 1000 * (1 + chance() / 10);
	double left = http->deadline_us == INT64_MAX
			  ? PATIENCE_MS
			  : (double)(http->deadline_us - clock_monotonic_us(&clock_system)) / 1000;
	return pause < left ? (int64_t)pause : -1;
}

/* Whom a message is about: without the query, which may have a signature. */
static struct str shown(const char *path)
{
	struct str s = str_of(path), head, tail;
	str_split_once(s, '?', &head, &tail);
	return head;
}

static int give_up(const struct http *http, const struct http_request *request, struct http_answer *answer,
		   enum outcome outcome, struct error *err)
{
	struct str path = shown(request->path);
	if (outcome == OUTCOME_INTERRUPTED)
		return HTTP_INTERRUPTED;
	if (outcome == OUTCOME_ANSWERED)
		return http_judge(http, request, answer, err);
	if (outcome == OUTCOME_LATE)
		error_set(err, ERR_TIMEOUT, "the timeout is over");
	return error_wrap(err, "%s %s%.*s", request->method,
			  request->path[0] == '/' ? http->settings.server : "", (int)path.n, path.p);
}

static bool is_done(enum outcome outcome, const struct http_answer *answer)
{
	return outcome == OUTCOME_ANSWERED && answer->status >= 200 && answer->status < 300;
}

/* A deletion whose answer was lost has been done. */
static bool is_deleted(const struct http_request *request, enum outcome outcome,
		       const struct http_answer *answer)
{
	return outcome == OUTCOME_ANSWERED && answer->status == 404 && answer->attempts > 1 &&
	       strcmp(request->method, "DELETE") == 0;
}

static uint64_t reached(const struct http_request *request)
{
	return request->to && request->to->reached ? request->to->reached(request->to->context) : 0;
}

/* Attempts until one is whole. */
static enum outcome try_again(struct http *http, const struct http_request *request, struct http_answer *ret,
			      struct progress *progress, struct error *err)
{
	bool is_async = false;
	uint64_t so_far = reached(request);
	ret->attempts = 0;
	for (int failures = 0;; failures++) {
		int64_t began = clock_monotonic_us(&clock_system);
		struct attempt attempt = {.http = http,
					  .request = request,
					  .answer = ret,
					  .err = err,
					  .progress = progress,
					  .is_async = is_async};
		enum outcome outcome = http_attempt(&attempt);
		ret->attempts++;
		if (is_done(outcome, ret) || outcome == OUTCOME_FINAL || outcome == OUTCOME_LATE ||
		    outcome == OUTCOME_INTERRUPTED)
			return outcome;
		if (reached(request) != so_far) {
			failures = 0;
			so_far = reached(request);
		}
		int64_t pause = pause_before(http, request, ret, outcome, failures);
		if (pause < 0)
			return outcome;
		is_async |= request->async_after_long && clock_monotonic_us(&clock_system) - began >= LONG_US;
		if (!interrupt_sleep(pause))
			return OUTCOME_INTERRUPTED;
	}
}

int http_send(struct http *http, const struct http_request *request, struct http_answer *ret,
	      struct error *err)
{
	struct progress progress;
	progress_begin(&progress, request->progress ? request->progress : "",
		       request->body_fd ? request->body_size : 0);
	progress.is_on = progress.is_on && request->progress;
	enum outcome outcome = try_again(http, request, ret, &progress, err);
	progress_end(&progress);
	if (is_done(outcome, ret) || is_deleted(request, outcome, ret))
		return 0;
	return give_up(http, request, ret, outcome, err);
}

int http_send_raw(struct http *http, const struct http_request *request, struct http_answer *ret,
		  struct error *err)
{
	struct progress progress = {0};
	struct attempt attempt = {
	    .http = http, .request = request, .answer = ret, .err = err, .progress = &progress};
	enum outcome outcome = http_attempt(&attempt);
	return outcome == OUTCOME_ANSWERED ? 0 : give_up(http, request, ret, outcome, err);
}

void http_escape(struct buffer *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
			     (c && strchr("-._~", c));
		buffer_appendf(out, plain ? "%c" : "%%%02X", c);
	}
}
