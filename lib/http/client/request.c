/* One request: its options as curl takes them, its body and response, and the attempts it gets. */
#include "lib/base/id.h"
#include "lib/http/client/client_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_MAX_RESPONSE (16 << 20)
#define DEFAULT_TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 10000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define RETRY_AFTER_MAX_MS 30000
#define MAX_HEADER_BYTES (256 << 10)
#define MAX_ERROR_BODY (1 << 20) /* of an answer that isn't what response_fd waits for */
#define METHOD_MAX 32
#define MAX_LABEL_URL 512 /* of a request's URL in messages */
#define MAX_LABEL (METHOD_MAX + 1 + MAX_LABEL_URL)

/* Curl's callbacks of a transfer */

static bool is_success(long status)
{
	return status >= 200 && status <= 299;
}

static int write_all(int fd, const char *data, size_t n, struct error *err)
{
	while (n > 0) {
		ssize_t written = write(fd, data, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return error_errno(err, "writing the response");
		data += written;
		n -= (size_t)written;
	}
	return 0;
}

static size_t on_response_piece(char *data, size_t size, size_t count, void *context)
{
	struct http_request *request = context;
	size_t n = size * count;
	if (request->received == 0 && request->response_fd >= 0) {
		long status = 0;
		curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
		request->response_to_fd = is_success(status);
	}
	int64_t max = request->max_response;
	if (request->response_fd >= 0 && !request->response_to_fd && max > MAX_ERROR_BODY)
		max = MAX_ERROR_BODY;
	if ((int64_t)n > max - request->received) {
		error_set(&request->problem, ERR_TOO_LARGE, "the response is larger than %lld bytes",
			  (long long)max);
		return 0;
	}
	if (request->response_to_fd) {
		if (write_all(request->response_fd, data, n, &request->problem) != 0)
			return 0;
	} else if (buffer_append(&request->response, data, n) != 0) {
		error_no_memory(&request->problem);
		return 0;
	}
	request->received += (int64_t)n;
	return n;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct http_request *request = context;
	struct str line = {data, size * count};
	request->header_bytes += line.n;
	if (request->header_bytes > MAX_HEADER_BYTES) {
		error_set(&request->problem, ERR_PROTOCOL, "the response's headers are larger than %d bytes",
			  MAX_HEADER_BYTES);
		return 0;
	}
	if (request->keep_headers) {
		if (str_starts_with(line, STR("HTTP/"))) /* of the answer itself, after a "100 Continue" */
			buffer_reset(&request->kept_headers);
		else if (buffer_append_str(&request->kept_headers, line) != 0) {
			error_no_memory(&request->problem);
			return 0;
		}
	}
	return line.n;
}

static size_t on_body_wish(char *to, size_t size, size_t count, void *context)
{
	struct http_request *request = context;
	size_t n = size * count;
	int64_t left = request->body_fd_size - request->body_fd_position;
	if ((int64_t)n > left)
		n = (size_t)left;
	if (n == 0)
		return 0;
	ssize_t got;
	do {
		got = pread(request->body_fd, to, n,
			    (off_t)(request->body_fd_offset + request->body_fd_position));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		error_errno(&request->problem, "reading the body");
	else if (got == 0)
		error_set(&request->problem, ERR_IO,
			  "the body's file is shorter than the %lld bytes announced",
			  (long long)request->body_fd_size);
	if (got <= 0)
		return CURL_READFUNC_ABORT;
	request->body_fd_position += got;
	return (size_t)got;
}

/* curl sends the body again by itself when a kept connection turns out to be dead. */
static int on_body_seek(void *context, curl_off_t offset, int origin)
{
	struct http_request *request = context;
	if (origin != SEEK_SET || offset < 0 || offset > request->body_fd_size)
		return CURL_SEEKFUNC_FAIL;
	request->body_fd_position = offset;
	return CURL_SEEKFUNC_OK;
}

/* Options */

static bool is_token(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	return n > 0 && n <= METHOD_MAX && s[n] == '\0';
}

static bool has_control_or_blank(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return true;
	return false;
}

static int check_options(const struct http_request_options *options, struct error *err)
{
	struct str url = str_of(options->url);
	if (!options->method || !is_token(options->method))
		return error_set(err, ERR_INTERNAL, "not an HTTP method: %.64s",
				 options->method ? options->method : "(none)");
	if (!str_starts_with_ignore_case(url, STR("http://")) &&
	    !str_starts_with_ignore_case(url, STR("https://")))
		return error_set(err, ERR_BAD_REQUEST, "not an http or https URL: %.256s",
				 options->url ? options->url : "(none)");
	if (has_control_or_blank(options->url))
		return error_set(err, ERR_BAD_REQUEST, "the URL has blanks or control characters in it");
	if (options->body_fd >= 0 && (options->body_fd_size < 0 || options->body_fd_offset < 0))
		return error_set(err, ERR_INTERNAL, "a body of negative size or offset");
	for (const char *const *h = options->headers; h && *h; h++)
		if (strpbrk(*h, "\r\n") || !strchr(*h, ':') || **h == ':')
			return error_set(err, ERR_BAD_REQUEST,
					 "not a header: name, colon, value on one line");
	return 0;
}

static int add_header(struct http_request *request, const char *header)
{
	struct curl_slist *list = curl_slist_append(request->headers, header);
	if (!list)
		return -1;
	request->headers = list;
	return 0;
}

static int set_headers(struct http_request *request, const struct http_request_options *options)
{
	bool has_type = false;
	for (const char *const *h = options->headers; h && *h; h++) {
		if (str_starts_with_ignore_case(str_of(*h), STR("content-type:")))
			has_type = true;
		if (add_header(request, *h) != 0)
			return -1;
	}
	/* A name without a value takes curl's own header away: waiting for a "100 Continue" costs a round
	 * trip, and a content type that the caller didn't give would be a lie. */
	if (add_header(request, "Expect:") != 0 || (!has_type && add_header(request, "Content-Type:") != 0))
		return -1;
	return curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers) ? -1 : 0;
}

static int set_body(struct http_request *request, const struct http_request_options *options)
{
	CURL *easy = request->easy;
	if (options->body_fd >= 0)
		return curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) ||
			       curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
						(curl_off_t)options->body_fd_size) ||
			       curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_body_wish) ||
			       curl_easy_setopt(easy, CURLOPT_READDATA, request) ||
			       curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_body_seek) ||
			       curl_easy_setopt(easy, CURLOPT_SEEKDATA, request)
			   ? -1
			   : 0;
	bool wants_length = strcmp(options->method, "POST") == 0 || strcmp(options->method, "PUT") == 0 ||
			    strcmp(options->method, "PATCH") == 0;
	if (options->body.n == 0 && !wants_length)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) ? -1 : 0;
	if (!(request->body = str_dup(options->body)))
		return -1;
	return curl_easy_setopt(easy, CURLOPT_POST, 1L) ||
		       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)options->body.n) ||
		       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body)
		   ? -1
		   : 0;
}

static int set_blob(CURL *easy, CURLoption option, char *pem)
{
	if (!pem)
		return 0;
	struct curl_blob blob = {.data = pem, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY};
	return curl_easy_setopt(easy, option, &blob) ? -1 : 0;
}

static int set_tls(CURL *easy, struct http_client *client)
{
	long verify = client->insecure_skip_verify ? 0L : 1L;
	/* A CA of our own is the only one: curl would go on trusting the system's directory beside it. */
	if ((client->ca_pem || client->ca_file) && curl_easy_setopt(easy, CURLOPT_CAPATH, NULL))
		return -1;
	if (client->ca_file && !client->ca_pem && curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file))
		return -1;
	return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify) ||
		       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2) ||
		       curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ||
		       set_blob(easy, CURLOPT_CAINFO_BLOB, client->ca_pem) ||
		       set_blob(easy, CURLOPT_SSLCERT_BLOB, client->client_cert_pem) ||
		       set_blob(easy, CURLOPT_SSLKEY_BLOB, client->client_key_pem)
		   ? -1
		   : 0;
}

/* No redirects: the Kubernetes API and the blob stores don't send any, and following one could carry a token
 * elsewhere. No proxy from the environment: these peers are in the cluster, and a proxy that happens to be
 * set for other traffic must not see their tokens. Paths go out as they are: signatures cover them. */
static int set_fixed(CURL *easy, struct http_request *request)
{
	return curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) ||
		       curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
		       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
		       curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) ||
		       curl_easy_setopt(easy, CURLOPT_PROXY, "") ||
		       curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) ||
		       curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) ||
		       curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) ||
		       curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L) ||
		       curl_easy_setopt(easy, CURLOPT_USERAGENT, request->client->user_agent) ||
		       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_response_piece) ||
		       curl_easy_setopt(easy, CURLOPT_WRITEDATA, request) ||
		       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) ||
		       curl_easy_setopt(easy, CURLOPT_HEADERDATA, request) ||
		       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->curl_message) ||
		       curl_easy_setopt(easy, CURLOPT_PRIVATE, request)
		   ? -1
		   : 0;
}

static int set_options(struct http_request *request, const struct http_request_options *options)
{
	CURL *easy = request->easy;
	long timeout = request->timeout_ms;
	long connect_timeout = timeout < CONNECT_TIMEOUT_MS ? timeout : CONNECT_TIMEOUT_MS;
	if (set_fixed(easy, request) != 0 || set_tls(easy, request->client) != 0 ||
	    set_body(request, options) != 0 || set_headers(request, options) != 0)
		return -1;
	if (strcmp(options->method, "HEAD") == 0 && curl_easy_setopt(easy, CURLOPT_NOBODY, 1L))
		return -1;
	return curl_easy_setopt(easy, CURLOPT_URL, options->url) ||
		       curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) ||
		       curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout) ||
		       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout)
		   ? -1
		   : 0;
}

/* Life */

static void on_request_closed(uv_handle_t *handle)
{
	struct http_request *request = handle->data;
	struct http_client *client = request->client;
	if (request->release)
		request->release(request->context);
	curl_slist_free_all(request->headers);
	buffer_free(&request->response);
	buffer_free(&request->kept_headers);
	free(request->method);
	free(request->label);
	free(request->body);
	free(request);
	http_client_handle_closed(client);
}

static void detach(struct http_request *request)
{
	if (request->attached)
		curl_multi_remove_handle(request->client->multi, request->easy);
	request->attached = false;
}

void http_request_discard(struct http_request *request)
{
	request->finished = true;
	detach(request);
	curl_easy_cleanup(request->easy);
	request->easy = NULL;
	LIST_REMOVE(request, link);
	uv_close((uv_handle_t *)&request->timer, on_request_closed);
}

void http_request_cancel(struct http_request *request)
{
	if (request && !request->finished)
		http_request_discard(request);
}

/* curl is done with the request before its owner hears of it: the owner may free the client. */
static void finish(struct http_request *request, const struct http_response *response)
{
	struct http_response told = *response;
	told.is_uncertain = request->is_uncertain;
	http_request_discard(request);
	request->done(request->context, &told);
}

static int start_attempt(struct http_request *request, struct error *err)
{
	buffer_reset(&request->response);
	buffer_reset(&request->kept_headers);
	request->received = 0;
	request->header_bytes = 0;
	request->response_to_fd = false;
	request->body_fd_position = 0;
	request->problem.code = ERR_NONE;
	request->curl_message[0] = '\0';
	CURLMcode code = curl_multi_add_handle(request->client->multi, request->easy);
	if (code != CURLM_OK)
		return error_set(err, ERR_INTERNAL, "%s: %s", request->label, curl_multi_strerror(code));
	request->attached = true;
	return 0;
}

static void on_retry_time(uv_timer_t *timer)
{
	struct http_request *request = timer->data;
	struct error err;
	if (start_attempt(request, &err) != 0)
		finish(request, &(struct http_response){.body = STR(""), .error = &err});
}

static bool is_connection_loss(CURLcode result)
{
	switch (result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return true;
	default:
		return false;
	}
}

/* The request was, or may have been, with a server that then says nothing of what it did. */
static bool is_uncertain(CURLcode result, long status)
{
	switch (result) {
	case CURLE_OK:
		return status >= 500;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return false;
	default:
		return true;
	}
}

static bool should_retry(const struct http_request *request, CURLcode result, long status)
{
	if (request->attempt >= request->retries || request->problem.code != ERR_NONE)
		return false;
	if (request->response_to_fd && request->response_start < 0)
		return false;
	if (result != CURLE_OK)
		return is_connection_loss(result);
	return status == 429 || status == 502 || status == 503 || status == 504 ||
	       (status == 500 && request->retry_internal_errors) ||
	       (request->is_passing && !request->response_to_fd &&
		request->is_passing((int)status,
				    request->response.len ? buffer_str(&request->response) : STR("")));
}

/* 100 ms, 200 ms … 5 s, of which the second half is random, so that clients don't come back in step. */
static uint64_t backoff_ms(unsigned attempt)
{
	uint64_t whole = attempt < 6 ? (uint64_t)BACKOFF_MIN_MS << attempt : BACKOFF_MAX_MS;
	if (whole > BACKOFF_MAX_MS)
		whole = BACKOFF_MAX_MS;
	uint32_t random;
	id_random(&random, sizeof(random));
	return whole / 2 + random % (whole / 2 + 1);
}

static int retry(struct http_request *request, struct error *err)
{
	curl_off_t after_s = 0;
	curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &after_s);
	uint64_t delay = backoff_ms(request->attempt++);
	if (after_s > RETRY_AFTER_MAX_MS / 1000)
		delay = RETRY_AFTER_MAX_MS;
	else if (after_s > 0 && (uint64_t)after_s * 1000 > delay)
		delay = (uint64_t)after_s * 1000;
	if (request->response_to_fd && (ftruncate(request->response_fd, request->response_start) != 0 ||
					lseek(request->response_fd, request->response_start, SEEK_SET) < 0))
		return error_errno(err, "%s: resetting the response's file", request->label);
	if (uv_timer_start(&request->timer, on_retry_time, delay, 0) != 0)
		return error_set(err, ERR_INTERNAL, "%s: the timer can't be started", request->label);
	return 0;
}

static void describe(const struct http_request *request, CURLcode result, struct error *err)
{
	const char *why = request->curl_message[0] ? request->curl_message : curl_easy_strerror(result);
	if (request->problem.code != ERR_NONE) {
		*err = request->problem;
		error_wrap(err, "%s", request->label);
	} else if (result == CURLE_OPERATION_TIMEDOUT) {
		error_set(err, ERR_TIMEOUT, "%s: %s", request->label, why);
	} else if (result == CURLE_OUT_OF_MEMORY) {
		error_no_memory(err);
	} else if (result == CURLE_URL_MALFORMAT) {
		error_set(err, ERR_BAD_REQUEST, "%s: %s", request->label, why);
	} else if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_WEIRD_SERVER_REPLY) {
		error_set(err, ERR_PROTOCOL, "%s: %s", request->label, why);
	} else {
		error_set(err, ERR_UNAVAILABLE, "%s: %s", request->label, why);
	}
}

void http_request_attempt_ended(struct http_request *request, CURLcode result)
{
	long status = 0;
	struct error err;
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	detach(request);
	request->is_uncertain = request->is_uncertain || is_uncertain(result, status);
	if (should_retry(request, result, status)) {
		if (retry(request, &err) != 0)
			finish(request, &(struct http_response){.body = STR(""), .error = &err});
		return;
	}
	struct http_response response = {.body = STR(""), .body_size = request->received};
	if (result == CURLE_OK) {
		response.status = (int)status;
		if (request->response.len)
			response.body = buffer_str(&request->response);
		response.headers = buffer_str(&request->kept_headers);
	} else {
		describe(request, result, &err);
		response.error = &err;
	}
	finish(request, &response);
}

static int request_setup(struct http_request *request, const struct http_request_options *options)
{
	cleanup_buffer struct buffer label = BUFFER(MAX_LABEL);
	size_t shown = strcspn(options->url, "?#");
	if (buffer_appendf(&label, "%s %.*s", options->method,
			   (int)(shown > MAX_LABEL_URL ? MAX_LABEL_URL : shown), options->url) != 0)
		return -1;
	request->label = buffer_steal(&label);
	request->method = str_dup(str_of(options->method));
	request->easy = curl_easy_init();
	if (!request->label || !request->method || !request->easy)
		return -1;
	request->max_response =
	    options->max_response ? (int64_t)options->max_response : (int64_t)DEFAULT_MAX_RESPONSE;
	request->response = BUFFER((size_t)request->max_response);
	request->timeout_ms = options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
	request->retries = options->retries;
	request->retry_internal_errors = options->retry_internal_errors;
	request->is_passing = options->is_passing;
	request->keep_headers = options->keep_headers;
	request->kept_headers = BUFFER(MAX_HEADER_BYTES);
	request->body_fd = options->body_fd;
	request->body_fd_size = options->body_fd_size;
	request->body_fd_offset = options->body_fd_offset;
	request->response_fd = options->response_fd;
	request->response_start = options->response_fd >= 0 ? lseek(options->response_fd, 0, SEEK_CUR) : -1;
	request->done = options->done;
	request->context = options->context;
	return set_options(request, options);
}

struct http_request *http_client_send(struct http_client *client, const struct http_request_options *options,
				      struct error *err)
{
	if (check_options(options, err) != 0)
		return NULL;
	if (!client->multi) {
		error_set(err, ERR_UNAVAILABLE, "the HTTP client is shutting down");
		return NULL;
	}
	struct http_request *request = calloc(1, sizeof(*request));
	if (!request || uv_timer_init(client->loop, &request->timer) != 0) {
		free(request);
		error_no_memory(err);
		return NULL;
	}
	request->timer.data = request;
	request->client = client;
	http_client_handle_opened(client);
	LIST_INSERT_HEAD(&client->requests, request, link);
	int failed = request_setup(request, options);
	if (failed)
		error_no_memory(err);
	if (failed || start_attempt(request, err) != 0) {
		http_request_discard(request);
		return NULL;
	}
	request->release = options->release;
	return request;
}

bool http_response_header(const struct http_response *response, const char *name, struct str *ret_value)
{
	struct str rest = response->headers, line, found, value;
	for (bool more = rest.n > 0; more;) {
		more = str_split_once(rest, '\n', &line, &rest);
		if (!str_split_once(line, ':', &found, &value) || !str_eq_ignore_case(found, str_of(name)))
			continue;
		*ret_value = str_trim(value);
		return true;
	}
	return false;
}
