#include "cli/remote/http_internal.h"
#include "cli/terminal/interrupt.h"
#include "lib/base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CONNECT_MS 30000L
#define SILENT_US ((int64_t)60 * 1000000)         /* a followed log has a sign of life every 15 s */
#define SILENT_UPLOAD_US ((int64_t)300 * 1000000) /* a server may have something to do with a skill */
#define ERROR_MAX ((size_t)1 << 20)
#define STEP_MS 1000

static int64_t now_us(void)
{
	return clock_monotonic_us(&clock_system);
}

/* ---- the answer */

static void copy_value(char *ret, size_t size, struct str value)
{
	snprintf(ret, size, "%.*s", (int)(value.n < size ? value.n : size - 1), value.p);
}

/* Seconds, or a date. */
static double parse_retry_after(struct str value)
{
	int64_t seconds;
	char text[64];
	struct str whole, fraction;
	str_split_once(value, '.', &whole, &fraction);
	if (str_to_i64(whole, 0, 1000000, &seconds))
		return (double)seconds + (fraction.n > 0 ? 1 : 0);
	copy_value(text, sizeof(text), value);
	time_t then = curl_getdate(text, NULL);
	if (then < 0)
		return -1;
	double left = (double)then - (double)clock_wall_ms(&clock_system) / 1000;
	return left > 0 ? left : 0;
}

static size_t take_header(char *data, size_t size, size_t n, void *context)
{
	struct attempt *a = context;
	struct http_answer *answer = a->answer;
	struct str line = str_trim((struct str){data, size * n}), name, value;
	a->heard_us = now_us();
	if (str_starts_with(line,
			    STR("HTTP/"))) { /* another answer begins: what an earlier one said is over */
		answer->content_type[0] = answer->request_id[0] = answer->location[0] = 0;
		answer->retry_after = -1;
		return size * n;
	}
	if (!str_split_once(line, ':', &name, &value))
		return size * n;
	value = str_trim(value);
	if (str_eq_ignore_case(name, STR("content-type")))
		copy_value(answer->content_type, sizeof(answer->content_type), value);
	else if (str_eq_ignore_case(name, STR("x-request-id")))
		copy_value(answer->request_id, sizeof(answer->request_id), value);
	else if (str_eq_ignore_case(name, STR("location")))
		copy_value(answer->location, sizeof(answer->location), value);
	else if (str_eq_ignore_case(name, STR("retry-after")))
		answer->retry_after = parse_retry_after(value);
	return size * n;
}

static bool is_good(CURL *easy)
{
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300;
}

static bool begin_sink(struct attempt *a)
{
	const struct http_sink *sink = a->request->to;
	if (a->began)
		return true;
	a->began = true;
	a->refused = sink->begin(sink->context, a->answer->content_type, a->err) != 0;
	return !a->refused;
}

/* The easy handle of an attempt, which callbacks ask for the status. */
struct transfer {
	struct attempt *attempt;
	CURL *easy;
};

static size_t take_body(char *data, size_t size, size_t n, void *context)
{
	struct transfer *transfer = context;
	struct attempt *a = transfer->attempt;
	const struct http_sink *sink = a->request->to;
	struct str piece = {data, size * n};
	a->heard_us = now_us();
	if (is_good(transfer->easy) && sink) {
		if (!begin_sink(a))
			return 0;
		a->refused = sink->piece(sink->context, piece, a->err) != 0;
		return a->refused ? 0 : piece.n;
	}
	if (!is_good(transfer->easy) && a->answer->body.len + piece.n > ERROR_MAX)
		return piece.n; /* the words are at its beginning */
	if (buffer_append_str(&a->answer->body, piece) == 0)
		return piece.n;
	a->refused = true;
	buffer_check(&a->answer->body, "the answer", a->err);
	return 0;
}

/* ---- the request */

static size_t give_body(char *data, size_t size, size_t n, void *context)
{
	struct attempt *a = context;
	ssize_t got;
	do
		got = pread(a->request->body_fd, data, size * n, (off_t)a->sent);
	while (got < 0 && errno == EINTR);
	a->heard_us = now_us();
	if (got < 0 || (got == 0 && a->sent < a->request->body_size)) {
		a->refused = true;
		error_set(a->err, ERR_IO, "what is sent can't be read any more");
		return CURL_READFUNC_ABORT;
	}
	a->sent += got;
	return (size_t)got;
}

static int rewind_body(void *context, curl_off_t offset, int origin)
{
	struct attempt *a = context;
	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	a->sent = offset;
	return CURL_SEEKFUNC_OK;
}

static int add_header(struct curl_slist **headers, const char *name, const char *value)
{
	cleanup_secret_buffer struct buffer line = BUFFER(8192);
	buffer_appendf(&line, "%s: %s", name, value);
	struct curl_slist *longer = line.failed ? NULL : curl_slist_append(*headers, line.data);
	if (!longer)
		return -1;
	*headers = longer;
	return 0;
}

static int add_headers(const struct attempt *a, struct curl_slist **headers)
{
	const struct http_request *request = a->request;
	const struct settings *settings = &a->http->settings;
	char bearer[4200];
	int status = add_header(headers, "Accept", request->accept ? request->accept : "application/json");
	if (!request->is_bare && settings->api_key[0]) {
		snprintf(bearer, sizeof(bearer), "Bearer %s", settings->api_key);
		status |= add_header(headers, "Authorization", bearer);
	}
	if (!request->is_bare && settings->tenant[0])
		status |= add_header(headers, "X-Tenant-ID", settings->tenant);
	if (request->idempotency_key)
		status |= add_header(headers, "Idempotency-Key", request->idempotency_key);
	if (request->is_async || a->is_async)
		status |= add_header(headers, "Prefer", "respond-async");
	if (request->content_type)
		status |= add_header(headers, "Content-Type", request->content_type);
	else if (request->body.p || request->body_fd)
		status |= add_header(headers, "Content-Type", "application/octet-stream");
	return status;
}

static void set_body(CURL *easy, struct attempt *a)
{
	const struct http_request *request = a->request;
	if (request->body_fd) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
		curl_easy_setopt(easy, CURLOPT_READDATA, a);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, a);
	} else if (request->body.p || strcmp(request->method, "POST") == 0 ||
		   strcmp(request->method, "PUT") == 0) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.p ? request->body.p : "");
	}
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static void set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	const char *authorities = getenv("SSL_CERT_FILE"); /* as OpenSSL's own programs read it */
	if (authorities && *authorities)
		curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
}

static int set_up(struct transfer *transfer, struct buffer *url, struct curl_slist **headers, char *words)
{
	CURL *easy = transfer->easy;
	struct attempt *a = transfer->attempt;
	buffer_appendf(url, "%s%s", a->request->path[0] == '/' ? a->http->settings.server : "",
		       a->request->path);
	if (url->failed || add_headers(a, headers) != 0)
		return -1;
	curl_easy_setopt(easy, CURLOPT_URL, url->data);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "skillbox/" SKILLBOX_VERSION);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, a);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
	set_protocols(easy);
	set_body(easy, a);
	return 0;
}

/* ---- the waiting */

/* How long a step may wait, in ms. */
static int step_ms(const struct attempt *a, int64_t now)
{
	int64_t step = STEP_MS, left = (a->http->deadline_us - now) / 1000 + 1;
	int interval = progress_interval(a->progress);
	if (interval >= 0 && interval < step)
		step = interval;
	return (int)(left < step ? (left < 0 ? 0 : left) : step);
}

/* OUTCOME_ANSWERED while it may go on. */
static enum outcome look_at_clock(const struct attempt *a, int64_t now)
{
	int64_t silence = a->request->body_fd ? SILENT_UPLOAD_US : SILENT_US;
	if (interrupt_came())
		return OUTCOME_INTERRUPTED;
	if (now >= a->http->deadline_us)
		return OUTCOME_LATE;
	if (!a->request->is_silent && now - a->heard_us > silence) {
		error_set(a->err, ERR_TIMEOUT, "nothing came for %d seconds", (int)(silence / 1000000));
		return OUTCOME_BROKEN;
	}
	return OUTCOME_ANSWERED;
}

static enum outcome carry_out(struct attempt *a, CURLcode *ret_code)
{
	CURLM *multi = a->http->multi;
	for (int running = 1, left; running;) {
		if (curl_multi_perform(multi, &running) != CURLM_OK)
			return error_set(a->err, ERR_INTERNAL, "libcurl can't go on"), OUTCOME_FINAL;
		for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));)
			if (message->msg == CURLMSG_DONE)
				*ret_code = message->data.result;
		if (!running)
			break;
		int64_t now = now_us();
		enum outcome outcome = look_at_clock(a, now);
		if (outcome != OUTCOME_ANSWERED)
			return outcome;
		progress_show(a->progress, a->sent);
		struct curl_waitfd wait = {.fd = interrupt_fd(), .events = CURL_WAIT_POLLIN};
		curl_multi_poll(multi, &wait, wait.fd >= 0 ? 1 : 0, step_ms(a, now), NULL);
	}
	return OUTCOME_ANSWERED;
}

/* Errors that another attempt meets again. */
static bool is_final(CURLcode code)
{
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_OUT_OF_MEMORY:
		return true;
	default:
		return false;
	}
}

static enum outcome conclude(struct attempt *a, CURLcode code, const char *words)
{
	if (a->refused)
		return OUTCOME_FINAL;
	if (code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR)
		error_set(a->err, ERR_UNAVAILABLE, "the connection was cut before the answer's end");
	else if (code != CURLE_OK)
		error_set(a->err, ERR_UNAVAILABLE, "%s", words[0] ? words : curl_easy_strerror(code));
	return code == CURLE_OK ? OUTCOME_ANSWERED : is_final(code) ? OUTCOME_FINAL : OUTCOME_BROKEN;
}

/* A sink hears that its answer is over. */
static enum outcome end_sink(struct attempt *a)
{
	const struct http_sink *sink = a->request->to;
	bool final = false;
	if (!sink || a->answer->status < 200 || a->answer->status >= 300)
		return OUTCOME_ANSWERED;
	if (!begin_sink(a))
		return OUTCOME_FINAL;
	if (sink->end && sink->end(sink->context, &final, a->err) != 0)
		return final ? OUTCOME_FINAL : OUTCOME_BROKEN;
	return OUTCOME_ANSWERED;
}

enum outcome http_attempt(struct attempt *a)
{
	char words[CURL_ERROR_SIZE] = "";
	cleanup_buffer struct buffer url = BUFFER(65536);
	struct curl_slist *headers = NULL;
	CURL *easy = curl_easy_init();
	struct transfer transfer = {a, easy};
	enum outcome outcome = OUTCOME_FINAL;
	CURLcode code = CURLE_OK;
	long status = 0;
	a->heard_us = now_us();
	a->answer->status = 0;
	buffer_reset(&a->answer->body);
	if (!easy || set_up(&transfer, &url, &headers, words) != 0) {
		error_no_memory(a->err);
	} else {
		curl_multi_add_handle(a->http->multi, easy);
		outcome = carry_out(a, &code);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		a->answer->status = (int)status;
		curl_multi_remove_handle(a->http->multi, easy);
		if (outcome == OUTCOME_ANSWERED)
			outcome = conclude(a, code, words);
		if (outcome == OUTCOME_ANSWERED)
			outcome = end_sink(a);
	}
	curl_slist_free_all(headers);
	curl_easy_cleanup(easy);
	return outcome;
}
