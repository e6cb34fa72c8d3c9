/* Each kind of answer, and that there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "lib/base/temporary.h"
#include "tests/unit/apiserver/http/fake_exchange.h"
#include "tests/unit/apiserver/stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static struct http_exchange exchange;

static struct request *begin(struct stage *stage)
{
	fake_exchange_clear(&exchange);
	exchange.headers[0] = (struct fake_field){"X-Request-ID", "r-1"};
	return request_new(&stage->server, &exchange);
}

static void answered(struct request *request, int status, const char *body)
{
	assert_true(answer_is_given(request));
	assert_int_equal(request->status, status);
	assert_int_equal(exchange.status, status);
	assert_int_equal(exchange.answers, 1);
	assert_string_equal(exchange.body.len ? exchange.body.data : "", body);
	request_unref(request);
}

#define ERROR(code, message) "{\"error\":\"" code "\",\"message\":\"" message "\",\"request_id\":\"r-1\"}"

static void test_the_first_one_counts(void **state)
{
	struct request *request = begin(*state);
	assert_false(answer_is_given(request));
	answer_text(request, 200, "text/plain", STR("one"));
	answer_text(request, 201, "text/html", STR("two"));
	answer_refuse(request, ERR_NOT_FOUND, "three");
	answer_header(request, "X-Late", "four");
	assert_string_equal(exchange.type, "text/plain");
	assert_string_equal(fake_answer_header(&exchange, "Cache-Control"), "no-store");
	assert_null(fake_answer_header(&exchange, "X-Late"));
	answered(request, 200, "one");
}

/* The client hung up: whatever comes goes nowhere, and a file is closed all the same. */
static void test_nobody_listens(void **state)
{
	struct request *request = begin(*state);
	int fd = temporary_file(NULL);
	request->exchange = NULL;
	answer_file(request, 200, "text/plain", fd, 1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(answer_stream_start(request, "text/plain", NULL, NULL), -1);
	answer_text(request, 200, "text/plain", STR("one"));
	assert_int_equal(request->status, 200);
	assert_int_equal(exchange.answers, 0);
	request_unref(request);
}

static void test_json(void **state)
{
	struct request *request = begin(*state);
	cleanup_buffer struct buffer body = BUFFER(8), small = BUFFER(1);
	buffer_append_c(&body, "{}");
	answer_json(request, 201, &body);
	assert_string_equal(exchange.type, ANSWER_JSON_TYPE);
	answered(request, 201, "{}");
	request = begin(*state);
	buffer_append_c(&small, "{}");
	answer_json(request, 201, &small);
	answered(request, 503, ERROR("unavailable", "the answer has more than 1 bytes, the limit"));
}

static void test_errors(void **state)
{
	static const struct {
		enum error_code code;
		int status;
		const char *body, *header, *value;
	} rows[] = {
	    {ERR_BAD_REQUEST, 400, ERROR("bad_request", "no \\\"x\\\""), NULL, NULL},
	    {ERR_UNAUTHORIZED, 401, ERROR("unauthorized", "no \\\"x\\\""), "WWW-Authenticate", "Bearer"},
	    {ERR_RATE_LIMITED, 429, ERROR("rate_limited", "no \\\"x\\\""), "Retry-After", "1"},
	    {ERR_NO_CAPACITY, 429, ERROR("no_capacity", "no \\\"x\\\""), "Retry-After", "1"},
	    {ERR_NO_MEMORY, 503, ERROR("unavailable", "no \\\"x\\\""), NULL, NULL},
	    {ERR_IO, 500,
	     ERROR("internal_error",
		   "the request failed; the server's log has the reason under this request_id"),
	     NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request *request = begin(*state);
		struct error err;
		error_set(&err, rows[i].code, "no \"x\"");
		answer_error(request, &err);
		if (rows[i].header)
			assert_string_equal(fake_answer_header(&exchange, rows[i].header), rows[i].value);
		answered(request, rows[i].status, rows[i].body);
	}
}

/* A failure is told as the use case made it; a fault is made one here. */
static void test_failures(void **state)
{
	struct stage *stage = *state;
	struct error err;
	struct request *request = begin(stage);
	error_set(&err, ERR_INTERNAL, "as it is");
	answer_failure(request, &err);
	answered(request, 500, ERROR("internal_error", "as it is"));
	request = begin(stage);
	error_set(&err, ERR_TIMEOUT, "inside");
	answer_fault(request, "it failed", &err);
	answered(request, 503, ERROR("unavailable", "it failed; try again in a moment"));
	request = begin(stage);
	answer_error_as(request, 503, "not_ready", "wait");
	answered(request, 503, ERROR("not_ready", "wait"));
	request = begin(stage);
	answer_refuse(request, ERR_NOT_FOUND, "no %s", "x");
	answered(request, 404, ERROR("not_found", "no x"));
	struct metrics *metrics = stage->server.metrics;
	assert_true(metrics_get(metrics, APISERVER_ERRORS,
				METRIC_AT(metrics_label(metrics, APISERVER_ERRORS, 0, STR("not_ready")))) ==
		    1);
}

static void test_files_and_streams(void **state)
{
	struct request *request = begin(*state);
	int fd = temporary_file(NULL);
	assert_int_equal(pwrite(fd, "content", 7, 0), 7);
	answer_file(request, 200, "application/zip", fd, 7);
	assert_string_equal(exchange.type, "application/zip");
	answered(request, 200, "content");
	request = begin(*state);
	assert_int_equal(answer_stream_start(request, "text/event-stream", NULL, NULL), 0);
	assert_true(exchange.is_stream);
	assert_string_equal(fake_answer_header(&exchange, "Cache-Control"), "no-store");
	assert_int_equal(answer_stream_start(request, "text/event-stream", NULL, NULL), -1);
	answered(request, 200, "");
}

static int teardown(void **state)
{
	fake_exchange_clear(&exchange);
	return stage_teardown(state);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_first_one_counts),
	    TEST(test_nobody_listens),
	    TEST(test_json),
	    TEST(test_errors),
	    TEST(test_failures),
	    TEST(test_files_and_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
