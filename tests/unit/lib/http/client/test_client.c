#include "lib/http/client/client.h"
#include "tests/unit/lib/http/scripted_server.h"

#include <fcntl.h>
#include <unistd.h>

#define OK_HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define UNAVAILABLE "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"

struct fixture {
	uv_loop_t loop;
	struct http_client *client;
	struct scripted_server server;
	char url[64];
};

struct result {
	unsigned calls;
	int status;
	char body[256];
	int64_t size;
	enum error_code code;
	char message[512];
	char headers[256], tag[64]; /* all; the first ETag */
	void (*then)(void *);
	void *then_context;
};

static void on_done(void *context, const struct http_response *response)
{
	struct result *result = context;
	result->calls++;
	result->status = response->status;
	assert_int_equal(response->body.p[response->body.n], '\0');
	snprintf(result->body, sizeof(result->body), "%s", response->body.p);
	result->size = response->body_size;
	snprintf(result->headers, sizeof(result->headers), "%.*s", (int)response->headers.n,
		 response->headers.p ? response->headers.p : "");
	struct str tag = STR("");
	if (http_response_header(response, "ETag", &tag))
		snprintf(result->tag, sizeof(result->tag), "%.*s", (int)tag.n, tag.p);
	result->code = response->error ? response->error->code : ERR_NONE;
	snprintf(result->message, sizeof(result->message), "%.500s",
		 response->error ? response->error->message : "");
	if (result->then)
		result->then(result->then_context);
}

static struct fixture *start(const struct script_step *steps)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err;
	uv_loop_init(&f->loop);
	f->client = http_client_new(&f->loop, &(struct http_client_options){0}, &err);
	assert_non_null(f->client);
	scripted_server_start(&f->server, &f->loop, steps);
	snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u/path?secret=1", f->server.port);
	return f;
}

static void finish(struct fixture *f)
{
	scripted_server_stop(&f->server);
	http_client_free(f->client);
	loop_end(&f->loop);
	free(f);
}

static struct http_request *send_it(struct fixture *f, struct http_request_options options,
				    struct result *result)
{
	struct error err;
	memset(&err, 0, sizeof(err));
	if (!options.method)
		options.method = "GET";
	if (!options.url)
		options.url = f->url;
	options.done = on_done;
	options.context = result;
	struct http_request *request = http_client_send(f->client, &options, &err);
	if (!request)
		fail_msg("send: %s", err.message);
	assert_int_equal(result->calls, 0);
	return request;
}

static void run(struct fixture *f, struct http_request_options options, struct result *result)
{
	memset(result, 0, sizeof(*result));
	send_it(f, options, result);
	LOOP_UNTIL(&f->loop, result->calls > 0);
	assert_int_equal(result->calls, 1);
}

#define OPTIONS(...) ((struct http_request_options){HTTP_REQUEST_DEFAULTS, __VA_ARGS__})
#define FROM_FILE(...) ((struct http_request_options){.response_fd = -1, __VA_ARGS__})
#define TO_FILE(...) ((struct http_request_options){.body_fd = -1, __VA_ARGS__})

static void test_get(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	const char *headers[] = {"X-One: 1", "Authorization: Bearer t", NULL};
	run(f, OPTIONS(.headers = headers), &result);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "hello");
	assert_int_equal(result.size, 5);
	assert_int_equal(result.code, ERR_NONE);
	const char *request = f->server.requests[0];
	assert_ptr_equal(strstr(request, "GET /path?secret=1 HTTP/1.1\r\n"), request);
	assert_non_null(strstr(request, "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(request, "\r\nAuthorization: Bearer t\r\n"));
	assert_non_null(strstr(request, "\r\nUser-Agent: skillbox/"));
	assert_null(strstr(request, "Content-Length"));
	finish(f);
}

static void test_connection_is_kept(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	for (int i = 0; i < 5; i++)
		run(f, OPTIONS(), &result);
	assert_int_equal(f->server.request_count, 5);
	assert_int_equal(f->server.connections, 1);
	finish(f);
}

static void test_post_body(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	const char *headers[] = {"Content-Type: application/json", NULL};
	run(f, OPTIONS(.method = "POST", .headers = headers, .body = STR("{\"a\":1}\0x")), &result);
	const char *request = f->server.requests[0];
	assert_non_null(strstr(request, "POST /path"));
	assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(request, "\r\nContent-Length: 9\r\n"));
	assert_memory_equal(strstr(request, "\r\n\r\n") + 4, "{\"a\":1}\0x", 9);
	run(f, OPTIONS(.method = "PATCH", .body = STR("p")), &result);
	assert_non_null(strstr(f->server.requests[1], "PATCH /path"));
	assert_null(strstr(f->server.requests[1], "Content-Type"));
	run(f, OPTIONS(.method = "PUT"), &result);
	assert_non_null(strstr(f->server.requests[2], "\r\nContent-Length: 0\r\n"));
	run(f, OPTIONS(.method = "DELETE"), &result);
	assert_non_null(strstr(f->server.requests[3], "DELETE /path"));
	assert_null(strstr(f->server.requests[3], "Content-Length"));
	finish(f);
}

static void test_large_body_without_expect(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	size_t size = 3 << 20;
	char *body = malloc(size);
	memset(body, 'b', size);
	run(f, OPTIONS(.method = "POST", .body = {body, size}), &result);
	assert_int_equal(result.status, 200);
	assert_null(strstr(f->server.requests[0], "Expect"));
	assert_int_equal(strlen(strstr(f->server.requests[0], "\r\n\r\n") + 4), size);
	free(body);
	finish(f);
}

static void test_head(void **state)
{
	(void)state;
	struct fixture *f = start(
	    (struct script_step[]){{"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", SCRIPT_KEEP}, {0}});
	struct result result;
	run(f, OPTIONS(.method = "HEAD"), &result);
	assert_int_equal(result.status, 200);
	assert_int_equal(result.size, 0);
	assert_int_equal(result.code, ERR_NONE);
	finish(f);
}

static void test_retry_on_503(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){
	    {UNAVAILABLE, SCRIPT_KEEP}, {UNAVAILABLE, SCRIPT_CLOSE}, {OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	uint64_t begin = uv_now(&f->loop);
	run(f, OPTIONS(.method = "POST", .body = STR("again"), .retries = 2), &result);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "hello");
	assert_int_equal(f->server.request_count, 3);
	for (int i = 0; i < 3; i++)
		assert_string_equal(strstr(f->server.requests[i], "\r\n\r\n") + 4, "again");
	/* half of 100 ms, then half of 200 ms, at least */
	assert_true(uv_now(&f->loop) - begin >= 150);
	finish(f);
}

static void test_retries_run_out(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{UNAVAILABLE, SCRIPT_KEEP}, {0}});
	struct result result;
	run(f, OPTIONS(.retries = 1), &result);
	assert_int_equal(result.status, 503);
	assert_string_equal(result.body, "busy");
	assert_int_equal(result.code, ERR_NONE);
	assert_int_equal(f->server.request_count, 2);
	run(f, OPTIONS(.retries = 0), &result);
	assert_int_equal(f->server.request_count, 3);
	finish(f);
}

static void test_retry_after(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){
	    {"HTTP/1.1 429 Slow Down\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", SCRIPT_KEEP},
	    {OK_HELLO, SCRIPT_KEEP},
	    {0}});
	struct result result;
	uint64_t begin = uv_now(&f->loop);
	run(f, OPTIONS(.retries = 1), &result);
	assert_int_equal(result.status, 200);
	assert_true(uv_now(&f->loop) - begin >= 990);
	finish(f);
}

static void test_other_statuses_are_not_retried(void **state)
{
	(void)state;
	static const char *const answers[] = {
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
	    "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno",
	    "HTTP/1.1 500 Internal\r\nContent-Length: 2\r\n\r\nno",
	    "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\nno",
	};
	static const int statuses[] = {404, 409, 500, 302};
	for (size_t i = 0; i < 4; i++) {
		struct fixture *f = start((struct script_step[]){{answers[i], SCRIPT_KEEP}, {0}});
		struct result result;
		run(f, OPTIONS(.retries = 3), &result);
		assert_int_equal(result.status, statuses[i]);
		assert_string_equal(result.body, "no");
		assert_int_equal(f->server.request_count, 1);
		finish(f);
	}
}

static void test_connection_losses(void **state)
{
	(void)state;
	static const struct script_step losses[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", SCRIPT_CLOSE},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npart", SCRIPT_CLOSE},
	    {NULL, SCRIPT_CLOSE},
	    {NULL, SCRIPT_RESET},
	};
	for (size_t i = 0; i < 4; i++) {
		struct result result;
		struct fixture *f = start((struct script_step[]){losses[i], {0}});
		run(f, OPTIONS(), &result);
		assert_int_equal(result.status, 0);
		assert_int_equal(result.code, ERR_UNAVAILABLE);
		assert_non_null(strstr(result.message, "GET http://127.0.0.1:"));
		assert_null(strstr(result.message, "secret"));
		finish(f);
		f = start((struct script_step[]){losses[i], {OK_HELLO, SCRIPT_KEEP}, {0}});
		run(f, OPTIONS(.retries = 1), &result);
		assert_int_equal(result.status, 200);
		assert_string_equal(result.body, "hello");
		assert_int_equal(result.size, 5);
		finish(f);
	}
}

static void test_refused_connection(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	run(f, OPTIONS(.url = "http://127.0.0.1:1/", .retries = 1), &result);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(result.message, "connect"));
	finish(f);
}

static void test_nonsense(void **state)
{
	(void)state;
	static const char *const answers[] = {
	    "this is not HTTP\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: banana\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
	    "HTTP/9.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct fixture *f = start((struct script_step[]){{answers[i], SCRIPT_CLOSE}, {0}});
		struct result result;
		run(f, OPTIONS(), &result);
		assert_int_equal(result.status, 0);
		assert_int_not_equal(result.code, ERR_NONE);
		assert_int_not_equal(result.message[0], '\0');
		finish(f);
	}
}

static void test_header_flood(void **state)
{
	(void)state;
	struct buffer flood = BUFFER(1 << 20);
	buffer_append_c(&flood, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 10000; i++)
		buffer_appendf(&flood, "X-Header-%d: some value that is not short at all\r\n", i);
	buffer_append_c(&flood, "Content-Length: 0\r\n\r\n");
	struct fixture *f = start((struct script_step[]){{flood.data, SCRIPT_KEEP}, {0}});
	struct result result;
	run(f, OPTIONS(.retries = 2), &result);
	assert_int_equal(result.status, 0);
	/* curl has a bound of its own on the number of headers in some versions */
	assert_true(result.code == ERR_PROTOCOL || result.code == ERR_UNAVAILABLE);
	finish(f);
	buffer_free(&flood);
}

static void test_too_large(void **state)
{
	(void)state;
	static const char *const answers[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n",
	};
	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = start((struct script_step[]){{answers[i], SCRIPT_KEEP}, {0}});
		struct result result;
		run(f, OPTIONS(.max_response = 8, .retries = 2), &result);
		assert_int_equal(result.status, 0);
		assert_int_equal(result.code, ERR_TOO_LARGE);
		assert_non_null(strstr(result.message, "larger than 8 bytes"));
		assert_int_equal(f->server.request_count, 1);
		run(f, OPTIONS(.max_response = 9), &result);
		assert_int_equal(result.status, 200);
		assert_string_equal(result.body, "123456789");
		finish(f);
	}
}

static void test_timeout(void **state)
{
	(void)state;
	static const char *const answers[] = {NULL, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nslow"};
	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = start((struct script_step[]){{answers[i], SCRIPT_KEEP}, {0}});
		struct result result;
		run(f, OPTIONS(.timeout_ms = 100, .retries = 3), &result);
		assert_int_equal(result.status, 0);
		assert_int_equal(result.code, ERR_TIMEOUT);
		assert_int_equal(f->server.request_count, 1);
		finish(f);
	}
}

static int temporary_file(const char *content)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	return fd;
}

static void test_body_from_file(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){
	    {UNAVAILABLE, SCRIPT_KEEP}, {NULL, SCRIPT_RESET}, {OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	int fd = temporary_file("0123456789");
	run(f, FROM_FILE(.method = "PUT", .body_fd = fd, .body_fd_size = 8, .retries = 3), &result);
	assert_int_equal(result.status, 200);
	assert_int_equal(f->server.request_count, 3);
	for (int i = 0; i < 3; i++) {
		assert_non_null(strstr(f->server.requests[i], "PUT /path"));
		assert_non_null(strstr(f->server.requests[i], "Content-Length: 8\r\n"));
		assert_string_equal(strstr(f->server.requests[i], "\r\n\r\n") + 4, "01234567");
	}
	run(f, FROM_FILE(.method = "PUT", .body_fd = fd, .body_fd_size = 100), &result);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.code, ERR_IO);
	assert_non_null(strstr(result.message, "shorter than the 100 bytes"));
	close(fd);
	finish(f);
}

static void test_part_of_a_file(void **state)
{
	(void)state;
	struct fixture *f =
	    start((struct script_step[]){{UNAVAILABLE, SCRIPT_KEEP}, {OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	int fd = temporary_file("0123456789");
	run(f,
	    FROM_FILE(.method = "PUT", .body_fd = fd, .body_fd_size = 3, .body_fd_offset = 4, .retries = 1),
	    &result);
	assert_int_equal(result.status, 200);
	for (int i = 0; i < 2; i++)
		assert_string_equal(strstr(f->server.requests[i], "\r\n\r\n") + 4, "456");
	run(f, FROM_FILE(.method = "PUT", .body_fd = fd, .body_fd_size = 3, .body_fd_offset = 8), &result);
	assert_int_equal(result.code, ERR_IO);
	struct http_request_options wrong =
	    FROM_FILE(.method = "PUT", .url = f->url, .body_fd = fd, .body_fd_offset = -1, .done = on_done);
	assert_null(http_client_send(f->client, &wrong, NULL));
	close(fd);
	finish(f);
}

#define HEADERS_1 "HTTP/1.1 500 No\r\nETag: \"old\"\r\nContent-Length: 0\r\n\r\n"
#define HEADERS_2                                                                                            \
	"HTTP/1.1 100 Continue\r\nETag: \"early\"\r\n\r\n"                                                   \
	"HTTP/1.1 200 OK\r\nX: e\r\netag:\t \"new\" \r\nETag: \"2nd\"\r\nContent-Length: 0\r\n\r\n"

static void test_response_headers(void **state)
{
	(void)state;
	struct fixture *f =
	    start((struct script_step[]){{HEADERS_1, SCRIPT_KEEP}, {HEADERS_2, SCRIPT_KEEP}, {0}});
	struct result result;
	run(f, OPTIONS(.keep_headers = true, .retries = 1, .retry_internal_errors = true), &result);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.tag, "\"new\"");
	assert_null(strstr(result.headers, "old"));
	assert_null(strstr(result.headers, "early"));
	run(f, OPTIONS(.retries = 1), &result);
	assert_string_equal(result.headers, "");
	assert_string_equal(result.tag, "");
	finish(f);
}

static void expect_file(int fd, const char *content)
{
	char found[256] = "";
	assert_int_equal(pread(fd, found, sizeof(found) - 1, 0), (ssize_t)strlen(content));
	assert_string_equal(found, content);
}

static void test_response_to_file(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){
	    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nlost and longer than hello", SCRIPT_CLOSE},
	    {UNAVAILABLE, SCRIPT_KEEP},
	    {OK_HELLO, SCRIPT_KEEP},
	    {"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nnothing", SCRIPT_KEEP},
	    {0}});
	struct result result;
	int fd = temporary_file("before ");
	run(f, TO_FILE(.response_fd = fd, .retries = 2), &result);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "");
	assert_int_equal(result.size, 5);
	expect_file(fd, "before hello");
	run(f, TO_FILE(.response_fd = fd), &result);
	assert_int_equal(result.status, 404);
	assert_string_equal(result.body, "nothing");
	expect_file(fd, "before hello");
	close(fd);
	finish(f);
}

static void test_response_to_file_that_fails(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	run(f, TO_FILE(.response_fd = fd, .retries = 2), &result);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.code, ERR_IO);
	assert_non_null(strstr(result.message, "No space left"));
	assert_int_equal(f->server.request_count, 1);
	close(fd);
	finish(f);
}

static void test_response_to_file_bound(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	int fd = temporary_file("");
	run(f, TO_FILE(.response_fd = fd, .max_response = 4), &result);
	assert_int_equal(result.code, ERR_TOO_LARGE);
	close(fd);
	finish(f);
}

static void expect_send_error(struct fixture *f, struct http_request_options options, const char *message)
{
	struct result result = {0};
	struct error err;
	options.done = on_done;
	options.context = &result;
	if (!options.method)
		options.method = "GET";
	assert_null(http_client_send(f->client, &options, &err));
	if (!strstr(err.message, message))
		fail_msg("%s is not in: %s", message, err.message);
	assert_int_equal(result.calls, 0);
}

static void test_wrong_options(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	expect_send_error(f, OPTIONS(.url = "ftp://x/"), "not an http or https URL");
	expect_send_error(f, OPTIONS(.url = "file:///etc/passwd"), "not an http or https URL");
	expect_send_error(f, OPTIONS(.url = NULL), "not an http or https URL");
	expect_send_error(f, OPTIONS(.url = "http://x/a b"), "blanks or control characters");
	expect_send_error(f, OPTIONS(.url = "http://x/\r\nX: y"), "blanks or control characters");
	expect_send_error(f, OPTIONS(.url = f->url, .method = "GET / HTTP/1.1\r\nX:"), "not an HTTP method");
	expect_send_error(f, OPTIONS(.url = f->url, .method = "get"), "not an HTTP method");
	const char *injected[] = {"X: y\r\nZ: w", NULL}, *nameless[] = {": y", NULL},
		   *no_colon[] = {"X", NULL};
	expect_send_error(f, OPTIONS(.url = f->url, .headers = injected), "not a header");
	expect_send_error(f, OPTIONS(.url = f->url, .headers = nameless), "not a header");
	expect_send_error(f, OPTIONS(.url = f->url, .headers = no_colon), "not a header");
	expect_send_error(f, FROM_FILE(.url = f->url, .body_fd = 0, .body_fd_size = -1), "negative");
	finish(f);
}

static void test_cancel(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{NULL, SCRIPT_KEEP}, {0}});
	struct result result = {0};
	http_request_cancel(NULL);
	http_request_cancel(send_it(f, OPTIONS(), &result)); /* before the loop turns */
	struct http_request *request = send_it(f, OPTIONS(), &result);
	LOOP_UNTIL(&f->loop, f->server.request_count == 1); /* it waits for its answer */
	http_request_cancel(request);
	LOOP_UNTIL(&f->loop, f->server.open == 0);
	assert_int_equal(result.calls, 0);
	finish(f);
}

static void test_cancel_between_attempts(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{UNAVAILABLE, SCRIPT_CLOSE}, {0}});
	struct result result = {0};
	struct http_request *request = send_it(f, OPTIONS(.retries = 5), &result);
	LOOP_UNTIL(&f->loop, f->server.request_count == 1 && f->server.open == 0);
	http_request_cancel(request);
	finish(f);
	assert_int_equal(result.calls, 0);
}

static void cancel_it(void *context)
{
	http_request_cancel(*(struct http_request **)context);
}

static void test_cancel_inside_callbacks(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	/* of itself, which is over already */
	struct result own = {.then = cancel_it};
	struct http_request *request = send_it(f, OPTIONS(), &own);
	own.then_context = &request;
	LOOP_UNTIL(&f->loop, own.calls == 1);
	/* of another: whichever of the two comes first cancels the other */
	struct result a = {.then = cancel_it}, b = {.then = cancel_it};
	struct http_request *ra = send_it(f, OPTIONS(), &a), *rb = send_it(f, OPTIONS(), &b);
	a.then_context = &rb;
	b.then_context = &ra;
	LOOP_UNTIL(&f->loop, a.calls + b.calls > 0);
	finish(f);
	assert_int_equal(a.calls + b.calls, 1);
}

static void free_client(void *context)
{
	struct fixture *f = context;
	f->client = http_client_free(f->client);
}

static void test_free_inside_callback(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result results[8] = {0};
	for (int i = 0; i < 8; i++) {
		results[i].then = free_client;
		results[i].then_context = f;
		send_it(f, OPTIONS(), &results[i]);
	}
	unsigned calls = 0;
	LOOP_UNTIL(&f->loop, f->client == NULL);
	finish(f);
	for (int i = 0; i < 8; i++)
		calls += results[i].calls;
	assert_int_equal(calls, 1);
}

static void test_free_with_requests_running(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{NULL, SCRIPT_KEEP}, {0}});
	struct result waiting = {0}, fresh = {0};
	send_it(f, OPTIONS(), &waiting);
	LOOP_UNTIL(&f->loop, f->server.request_count == 1);
	send_it(f, OPTIONS(), &fresh);
	finish(f);
	assert_int_equal(waiting.calls + fresh.calls, 0);
}

struct chain {
	struct fixture *f;
	struct result *next;
};

static void send_next(void *context)
{
	struct chain *chain = context;
	send_it(chain->f, OPTIONS(), chain->next);
	assert_int_equal(chain->next->calls, 0);
}

static void test_send_inside_callback(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result second = {0};
	struct chain chain = {f, &second};
	struct result first = {.then = send_next, .then_context = &chain};
	send_it(f, OPTIONS(), &first);
	LOOP_UNTIL(&f->loop, second.calls == 1);
	assert_string_equal(second.body, "hello");
	finish(f);
}

static unsigned count_done(const struct result *results, unsigned count)
{
	unsigned done = 0;
	for (unsigned i = 0; i < count; i++)
		done += results[i].calls;
	return done;
}

static void test_many_at_once(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	enum { COUNT = 100 };
	static struct result results[COUNT];
	memset(results, 0, sizeof(results));
	for (int i = 0; i < COUNT; i++)
		send_it(f, OPTIONS(), &results[i]);
	LOOP_UNTIL(&f->loop, count_done(results, COUNT) == COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(results[i].status, 200);
	assert_int_equal(f->server.request_count, COUNT);
	assert_true(f->server.connections <= 16);
	finish(f);
}

static void test_answer_before_the_body_was_read(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){
	    {"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge", SCRIPT_KEEP},
	    {0}});
	f->server.answer_at_headers = true;
	struct result result;
	size_t size = 8 << 20;
	char *body = malloc(size);
	memset(body, 'x', size);
	run(f, OPTIONS(.method = "POST", .body = {body, size}), &result);
	assert_int_equal(result.status, 413);
	assert_string_equal(result.body, "large");
	free(body);
	finish(f);
}

static void test_proxy_of_the_environment_is_not_used(void **state)
{
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	struct fixture *f = start((struct script_step[]){{OK_HELLO, SCRIPT_KEEP}, {0}});
	struct result result;
	run(f, OPTIONS(), &result);
	assert_int_equal(result.status, 200);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	finish(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_get),
	    cmocka_unit_test(test_connection_is_kept),
	    cmocka_unit_test(test_post_body),
	    cmocka_unit_test(test_large_body_without_expect),
	    cmocka_unit_test(test_head),
	    cmocka_unit_test(test_retry_on_503),
	    cmocka_unit_test(test_retries_run_out),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_other_statuses_are_not_retried),
	    cmocka_unit_test(test_connection_losses),
	    cmocka_unit_test(test_refused_connection),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_header_flood),
	    cmocka_unit_test(test_too_large),
	    cmocka_unit_test(test_timeout),
	    cmocka_unit_test(test_body_from_file),
	    cmocka_unit_test(test_part_of_a_file),
	    cmocka_unit_test(test_response_headers),
	    cmocka_unit_test(test_response_to_file),
	    cmocka_unit_test(test_response_to_file_that_fails),
	    cmocka_unit_test(test_response_to_file_bound),
	    cmocka_unit_test(test_wrong_options),
	    cmocka_unit_test(test_cancel),
	    cmocka_unit_test(test_cancel_between_attempts),
	    cmocka_unit_test(test_cancel_inside_callbacks),
	    cmocka_unit_test(test_free_inside_callback),
	    cmocka_unit_test(test_free_with_requests_running),
	    cmocka_unit_test(test_send_inside_callback),
	    cmocka_unit_test(test_many_at_once),
	    cmocka_unit_test(test_answer_before_the_body_was_read),
	    cmocka_unit_test(test_proxy_of_the_environment_is_not_used),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
