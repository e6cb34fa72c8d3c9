/* Who is admitted with what, in which order it is refused, and what happens to the body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/answer.h"
#include "apiserver/http/rate_limit.h"
#include "apiserver/http/request.h"
#include "apiserver/http/serve.h"
#include "apiserver/key/db_keys.h"
#include "tests/unit/apiserver/http/fake_exchange.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY "sk-0123"
#define BEARER "Bearer " KEY
#define JSON_BODY_MAX (16 << 20)

static struct http_exchange exchange;
static unsigned handled;
static char body[64];

static void handle(struct request *request)
{
	handled++;
	snprintf(body, sizeof(body), "%.*s", (int)request->body.n, request->body.p ? request->body.p : "");
	answer_text(request, 200, "text/plain", str_of(request->operation.caller->tenant));
}

static bool begin_own(struct request *request)
{
	(void)request;
	body[0] = '\0';
	return true;
}

static void take_own(struct request *request, struct str piece)
{
	(void)request;
	snprintf(body + strlen(body), sizeof(body) - strlen(body), "[%.*s]", (int)piece.n, piece.p);
}

static void handle_own(struct request *request)
{
	answer_text(request, 200, "text/plain", STR(""));
}

static const struct route table[] = {
    {"GET", "/open", 0, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"POST", "/run", SCOPE_RUN, ROUTE_BODY_JSON, true, NULL, NULL, handle},
    {"GET", "/admin", SCOPE_ADMIN, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"POST", "/skill", SCOPE_RUN, ROUTE_BODY_SKILL, true, begin_own, take_own, handle_own},
};

/* data of a Secret is in base64 */
static void append_base64(char *to, size_t size, const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strlen(text), out = 0;
	for (size_t i = 0; i < n && out + 5 < size; i += 3) {
		unsigned bits = (unsigned)text[i] << 16 | (unsigned)(i + 1 < n ? text[i + 1] : 0) << 8 |
				(unsigned)(i + 2 < n ? text[i + 2] : 0);
		for (int shift = 18; shift >= 0; shift -= 6)
			to[out++] = digits[bits >> shift & 63];
		if (i + 1 >= n)
			to[out - 2] = '=';
		if (i + 2 >= n)
			to[out - 1] = '=';
	}
	to[out] = '\0';
}

static void put_key(struct stage *stage)
{
	char hash[DIGEST_HEX_SIZE], data[128], json[1024];
	assert_int_equal(digest_sha256_hex(STR(KEY), hash, NULL), 0);
	append_base64(data, sizeof(data), hash);
	snprintf(
	    json, sizeof(json),
	    "{\"metadata\":{\"name\":\"skillbox-key-1\",\"namespace\":\"skillbox-system\",\"annotations\":{"
	    "\"" API_KEY_USED_ANNOTATION
	    "\":\"2025-11-24T16:00:00Z\"}},\"data\":{\"hash\":\"%s\",\"tenant\":\"YWNtZQ==\",\"name\":\"\","
	    "\"scopes\":\"cnVu\"}}",
	    data);
	stage_object(stage, CLUSTER_KEYS, json);
	stage_object(stage, CLUSTER_NAMESPACES,
		     "{\"metadata\":{\"name\":\"ns\",\"labels\":{\"skillbox.dev/tenant\":\"acme\"}}}");
}

static void synced(struct stage *stage)
{
	for (int i = 0; i < CLUSTER_RESOURCE_COUNT; i++) {
		struct informer *informer = cluster_informer(stage->server.cluster, (enum cluster_resource)i);
		informer_handle(informer, WATCH_LIST_BEGIN, STR(""));
		informer_handle(informer, WATCH_LIST_END, STR(""));
	}
}

static int set_up(struct stage *stage)
{
	synced(stage);
	put_key(stage);
	stage->server.routes = (struct route_table){table, sizeof(table) / sizeof(table[0])};
	handled = 0;
	return 0;
}

static int setup(void **state)
{
	stage_setup(state);
	return set_up(*state);
}

static int setup_with_db(void **state)
{
	stage_setup_with_db(state);
	struct stage *stage = *state;
	stage->server.db_keys = db_keys_new(stage->server.db, &stage->clock, NULL);
	return set_up(stage);
}

static int teardown(void **state)
{
	struct stage *stage = *state;
	fake_exchange_clear(&exchange);
	db_keys_free(stage->server.db_keys);
	rate_limiter_free(stage->server.rate_limiter);
	return stage_teardown(state);
}

/* A request's headers; false: its body isn't wanted. */
static bool begin(struct stage *stage, const char *method, const char *path, const char *authorization)
{
	struct http_handler handler = serve_http_handler(&stage->server);
	int64_t content_length = exchange.content_length;
	struct fake_field more = exchange.headers[1];
	fake_exchange_clear(&exchange);
	exchange.method = method;
	exchange.path = path;
	exchange.content_length = content_length;
	if (authorization)
		exchange.headers[0] = (struct fake_field){"Authorization", authorization};
	exchange.headers[authorization ? 1 : 0] = more;
	return handler.begin(handler.context, &exchange);
}

static void send_body(struct stage *stage, const char *piece)
{
	struct http_handler handler = serve_http_handler(&stage->server);
	handler.body(handler.context, &exchange, str_of(piece));
}

static void complete(struct stage *stage)
{
	struct http_handler handler = serve_http_handler(&stage->server);
	handler.complete(handler.context, &exchange);
}

static void end(struct stage *stage)
{
	struct http_handler handler = serve_http_handler(&stage->server);
	handler.end(handler.context, &exchange);
	exchange.content_length = 0;
	exchange.headers[1] = (struct fake_field){NULL, NULL};
}

static void refused(struct stage *stage, int status, const char *words)
{
	assert_int_equal(exchange.status, status);
	if (!strstr(exchange.body.data, words))
		fail_msg("\"%s\" lacks \"%s\"", exchange.body.data, words);
	assert_int_equal(handled, 0);
	end(stage);
}

static void test_a_request(void **state)
{
	struct stage *stage = *state;
	assert_true(begin(stage, "POST", "/run", BEARER));
	send_body(stage, "ab");
	send_body(stage, "c");
	complete(stage);
	assert_int_equal(handled, 1);
	assert_string_equal(body, "abc");
	assert_string_equal(exchange.body.data, "acme");
	assert_non_null(fake_answer_header(&exchange, "X-Request-ID"));
	assert_string_equal(fake_answer_header(&exchange, "X-Content-Type-Options"), "nosniff");
	end(stage);
	struct metrics *metrics = stage->server.metrics;
	assert_true(metrics_get(metrics, APISERVER_BODY_BYTES,
				METRIC_AT(metrics_label(metrics, APISERVER_BODY_BYTES, 0, STR("/run")))) ==
		    3);
	assert_true(metrics_get(metrics, APISERVER_KEY_LOOKUPS, METRIC_AT(LOOKUP_SECRET)) == 1);
}

static void test_without_a_key(void **state)
{
	struct stage *stage = *state;
	assert_true(begin(stage, "GET", "/open", NULL));
	complete(stage);
	assert_int_equal(handled, 1);
	end(stage);
}

/* Each is refused for the first reason in this order, before its body is taken. */
static void test_refusals_in_order(void **state)
{
	static const struct {
		const char *method, *path, *authorization, *tenant;
		int64_t length;
		int status;
		const char *words;
	} rows[] = {
	    {"GET", "/nowhere", NULL, NULL, 0, 404, "no such path"},
	    {"PUT", "/run", NULL, NULL, 0, 405, "PUT is not allowed for /run: use POST"},
	    {"POST", "/run", NULL, "other", JSON_BODY_MAX + 1, 401, "missing Authorization header"},
	    {"POST", "/run", "Basic x", "other", JSON_BODY_MAX + 1, 401, "must use Bearer scheme"},
	    {"POST", "/run", "Bearer wrong", "other", JSON_BODY_MAX + 1, 401, "invalid or revoked API key"},
	    {"POST", "/run", BEARER, "other", JSON_BODY_MAX + 1, 403, "is not the tenant of this API key"},
	    {"GET", "/admin", BEARER, "acme", JSON_BODY_MAX + 1, 403, "this API key lacks the scope: admin"},
	    {"POST", "/run", BEARER, "acme", JSON_BODY_MAX + 1, 413, "larger than 16777216 bytes, the limit"},
	    {"POST", "/skill", BEARER, NULL, 64 << 20, 413, "SKILLBOX_MAX_SKILL_SIZE"},
	};
	struct stage *stage = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		exchange.content_length = rows[i].length;
		if (rows[i].tenant)
			exchange.headers[1] = (struct fake_field){"X-Tenant-ID", rows[i].tenant};
		assert_false(begin(stage, rows[i].method, rows[i].path, rows[i].authorization));
		if (rows[i].status == 405)
			assert_string_equal(fake_answer_header(&exchange, "Allow"), "POST");
		refused(stage, rows[i].status, rows[i].words);
	}
	assert_true(metrics_get(stage->server.metrics, APISERVER_KEY_LOOKUPS, METRIC_AT(LOOKUP_UNKNOWN)) ==
		    1);
}

/* Which of the two would count? A proxy in front may have gone by the other. */
static void test_what_is_there_twice(void **state)
{
	struct stage *stage = *state;
	static const char *const names[] = {"X-Tenant-ID", "Idempotency-Key", "Authorization",
					    "Content-Type"};
	struct http_handler handler = serve_http_handler(&stage->server);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char words[64];
		fake_exchange_clear(&exchange);
		exchange.method = "POST";
		exchange.path = "/run";
		exchange.headers[0] = (struct fake_field){"Authorization", BEARER};
		exchange.headers[1] = (struct fake_field){names[i], "acme"};
		exchange.headers[2] = (struct fake_field){names[i], "other"};
		assert_false(handler.begin(handler.context, &exchange));
		snprintf(words, sizeof(words), "the header %s is there twice: send it once", names[i]);
		refused(stage, 400, words);
	}
}

static void test_a_body_that_becomes_too_large(void **state)
{
	struct stage *stage = *state;
	char *piece = malloc((1 << 20) + 1);
	memset(piece, 'x', 1 << 20);
	piece[1 << 20] = '\0';
	exchange.content_length = -1; /* chunked */
	assert_true(begin(stage, "POST", "/run", BEARER));
	for (int i = 0; i < JSON_BODY_MAX >> 20; i++)
		send_body(stage, piece);
	assert_int_equal(exchange.status, 0);
	send_body(stage, "x");
	assert_int_equal(exchange.status, 413);
	send_body(stage, "x"); /* what still comes is of no interest */
	complete(stage);
	assert_int_equal(exchange.answers, 1);
	refused(stage, 413, "the request body is larger than");
	free(piece);
}

static void test_a_route_that_takes_its_body_itself(void **state)
{
	struct stage *stage = *state;
	assert_true(begin(stage, "POST", "/skill", BEARER));
	send_body(stage, "ab");
	send_body(stage, "c");
	complete(stage);
	assert_string_equal(body, "[ab][c]");
	end(stage);
}

static void test_while_stopping(void **state)
{
	struct stage *stage = *state;
	stage->server.stopping = true;
	assert_false(begin(stage, "POST", "/run", BEARER));
	refused(stage, 503, "the server is shutting down; try again");
	assert_true(begin(stage, "GET", "/open", NULL)); /* is no work */
	end(stage);
}

static void test_limits(void **state)
{
	struct stage *stage = *state;
	stage->config.rate_limit = 1;
	stage->config.wrong_key_limit = 1;
	stage->server.rate_limiter = rate_limiter_new(&stage->config, &stage->clock, NULL);
	for (int i = 0; i < 2; i++) {
		assert_true(begin(stage, "POST", "/run", BEARER));
		end(stage);
	}
	assert_false(begin(stage, "POST", "/run", BEARER));
	refused(stage, 429, "tenant \\\"acme\\\" sends more than 1 requests a second");
	for (int i = 0; i < 2; i++) {
		assert_false(begin(stage, "POST", "/run", "Bearer wrong"));
		refused(stage, 401, "invalid or revoked API key");
	}
	assert_false(begin(stage, "POST", "/run", "Bearer wrong"));
	refused(stage, 429, "requests a second with a wrong API key came from your address");
	assert_false(begin(stage, "POST", "/run", BEARER)); /* a right one: its own limit counts */
	refused(stage, 429, "tenant \\\"acme\\\" sends more than 1 requests a second");
	stage_later(stage, 1000);
	assert_true(begin(stage, "POST", "/run", BEARER));
	end(stage);
	assert_true(metrics_get(stage->server.metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_TENANT_RATE)) ==
		    2);
	assert_true(metrics_get(stage->server.metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_WRONG_KEYS)) ==
		    1);
}

/* Two clients with old keys at an Ingress, which gives everybody its address, locked out all the others. */
static void test_wrong_keys_lock_nobody_out(void **state)
{
	struct stage *stage = *state;
	stage->config.wrong_key_limit = 1;
	stage->server.rate_limiter = rate_limiter_new(&stage->config, &stage->clock, NULL);
	for (int i = 0; i < 100; i++) {
		assert_false(begin(stage, "POST", "/run", "Bearer old"));
		end(stage);
	}
	assert_true(begin(stage, "POST", "/run", BEARER)); /* never seen before */
	end(stage);
}

#define ROW                                                                                                  \
	{                                                                                                    \
		STAGE_ID, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "acme", "n",   \
		    "run", "1764000000000", "1764000000000", "f"                                             \
	}

/* The connection is held while the database is asked. */
static void test_a_key_of_the_database(void **state)
{
	struct stage *stage = *state;
	static const char *const row[8] = ROW;
	assert_true(begin(stage, "POST", "/run", "Bearer of-the-database"));
	assert_true(exchange.is_held);
	stage_db(DB_KEY_FIND);
	stage_answer_db(ERR_NONE, row, 1, 8);
	assert_false(exchange.is_held);
	complete(stage);
	assert_int_equal(handled, 1);
	end(stage);
	assert_true(begin(stage, "POST", "/run", "Bearer of-the-database")); /* remembered */
	assert_false(exchange.is_held);
	end(stage);
	struct metrics *metrics = stage->server.metrics;
	assert_true(metrics_get(metrics, APISERVER_KEY_LOOKUPS, METRIC_AT(LOOKUP_DATABASE)) == 1);
	assert_true(metrics_get(metrics, APISERVER_KEY_LOOKUPS, METRIC_AT(LOOKUP_CACHE)) == 1);
}

static void test_the_database_has_none(void **state)
{
	struct stage *stage = *state;
	assert_true(begin(stage, "POST", "/run", "Bearer a"));
	stage_answer_db(ERR_NONE, NULL, 0, 0);
	refused(stage, 401, "invalid or revoked API key");
	assert_true(begin(stage, "POST", "/run", "Bearer b"));
	stage_answer_db(ERR_UNAVAILABLE, NULL, 0, 0);
	refused(stage, 503, "the API key could not be checked; try again in a moment");
	stage_refuse(STAGE_DB, 1);
	assert_false(begin(stage, "POST", "/run", "Bearer c"));
	refused(stage, 503, "the API key could not be checked; try again in a moment");
	assert_true(begin(stage, "POST", "/run", "Bearer d")); /* the client hangs up meanwhile */
	end(stage);
	stage_answer_db(ERR_NONE, NULL, 0, 0);
	assert_int_equal(exchange.answers, 0);
}

/* Nor where a look-up costs something; but the database is not asked for any number of them at a time. */
static void test_wrong_keys_and_the_database(void **state)
{
	struct stage *stage = *state;
	static const char *const row[8] = ROW;
	struct error err;
	stage->config.wrong_key_limit = 1;
	stage->server.rate_limiter = rate_limiter_new(&stage->config, &stage->clock, NULL);
	struct rate_limiter_address from = rate_limiter_address(NULL);
	while (rate_limiter_key_was_wrong(stage->server.rate_limiter, &from, &err) == 0)
		;
	for (int i = 0; i < 8; i++) {
		char bearer[32];
		snprintf(bearer, sizeof(bearer), "Bearer guess-%d", i);
		assert_true(begin(stage, "POST", "/run", bearer));
		end(stage); /* the client hangs up */
	}
	assert_false(begin(stage, "POST", "/run", "Bearer of-the-database"));
	refused(stage, 429, "requests a second with a wrong API key");
	assert_int_equal(stage_waiting(), 8);
	stage_answer_db(ERR_NONE, NULL, 0, 0);
	assert_true(begin(stage, "POST", "/run", "Bearer of-the-database"));
	for (int i = 0; i < 7; i++)
		stage_answer_db(ERR_NONE, NULL, 0, 0);
	stage_answer_db(ERR_NONE, row, 1, 8);
	complete(stage);
	assert_int_equal(handled, 1);
	end(stage);
	assert_int_equal(stage->server.doubtful_lookups, 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define TEST_WITH_DB(test) cmocka_unit_test_setup_teardown(test, setup_with_db, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_request),
	    TEST(test_without_a_key),
	    TEST(test_refusals_in_order),
	    TEST(test_what_is_there_twice),
	    TEST(test_a_body_that_becomes_too_large),
	    TEST(test_a_route_that_takes_its_body_itself),
	    TEST(test_while_stopping),
	    TEST(test_limits),
	    TEST_WITH_DB(test_a_key_of_the_database),
	    TEST_WITH_DB(test_the_database_has_none),
	    TEST(test_wrong_keys_lock_nobody_out),
	    TEST_WITH_DB(test_wrong_keys_and_the_database),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
