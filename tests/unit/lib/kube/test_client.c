#include "lib/kube/client.h"
#include "tests/unit/lib/http/scripted_server.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NOT_FOUND                                                                                            \
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"pods \\\"x\\\" "    \
	"not found\","                                                                                       \
	"\"reason\":\"NotFound\",\"code\":404}"

#define EXISTS                                                                                               \
	"{\"kind\":\"Status\",\"message\":\"it already exists\",\"reason\":\"AlreadyExists\",\"code\":409}"
#define CONFLICT                                                                                             \
	"{\"kind\":\"Status\",\"message\":\"Operation cannot be fulfilled on resourcequotas\","              \
	"\"reason\":\"Conflict\",\"code\":409}"

struct fixture {
	uv_loop_t loop;
	struct kube_client *client;
	struct scripted_server server;
	char address[64];
};

struct result {
	unsigned calls;
	int status;
	bool already_exists, is_uncertain;
	char body[512];
	enum error_code code;
	char message[2048];
};

static void on_done(void *context, const struct kube_response *response)
{
	struct result *result = context;
	result->calls++;
	result->status = response->status;
	result->already_exists = response->already_exists;
	result->is_uncertain = response->is_uncertain;
	assert_int_equal(response->body.p[response->body.n], '\0');
	snprintf(result->body, sizeof(result->body), "%s", response->body.p);
	result->code = response->error ? response->error->code : ERR_NONE;
	snprintf(result->message, sizeof(result->message), "%s",
		 response->error ? response->error->message : "");
}

static struct fixture *start(const struct script_step *steps, char *token, char *token_file)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err;
	uv_loop_init(&f->loop);
	scripted_server_start(&f->server, &f->loop, steps);
	snprintf(f->address, sizeof(f->address), "http://127.0.0.1:%u", f->server.port);
	struct kube_config config = {.server = f->address, .token = token, .token_file = token_file};
	f->client = kube_client_new(&f->loop, &config, &err);
	assert_non_null(f->client);
	return f;
}

static void finish(struct fixture *f)
{
	scripted_server_stop(&f->server);
	kube_client_free(f->client);
	loop_end(&f->loop);
	free(f);
}

static void run(struct fixture *f, struct kube_call call, struct result *result)
{
	struct error err;
	memset(result, 0, sizeof(*result));
	call.done = on_done;
	call.context = result;
	if (!call.method)
		call.method = "GET";
	if (!call.path)
		call.path = "/api/v1/namespaces/n/pods/x?limit=1";
	assert_non_null(kube_client_call(f->client, &call, &err));
	assert_int_equal(result->calls, 0);
	LOOP_UNTIL(&f->loop, result->calls > 0);
	assert_int_equal(result->calls, 1);
}

#define ANSWER(status, body) answer(status, body, (char[4096]){0})
static const char *answer(int status, const char *body, char *to)
{
	snprintf(to, 4096,
		 "HTTP/1.1 %d Words\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		 status, strlen(body), body);
	return to;
}

static void test_get(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{ANSWER(200, "{\"a\":1}"), SCRIPT_KEEP}, {0}},
				  (char *)"t0ken", NULL);
	struct result result;
	run(f, (struct kube_call){0}, &result);
	assert_int_equal(result.status, 200);
	assert_string_equal(result.body, "{\"a\":1}");
	assert_int_equal(result.code, ERR_NONE);
	const char *request = f->server.requests[0];
	assert_ptr_equal(strstr(request, "GET /api/v1/namespaces/n/pods/x?limit=1 HTTP/1.1\r\n"), request);
	assert_non_null(strstr(request, "\r\nAuthorization: Bearer t0ken\r\n"));
	assert_non_null(strstr(request, "\r\nAccept: application/json\r\n"));
	assert_null(strstr(request, "Content-Type"));
	finish(f);
}

static void test_bodies(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{ANSWER(201, "{}"), SCRIPT_KEEP}, {0}}, NULL, NULL);
	struct result result;
	run(f, (struct kube_call){.method = "POST", .body = STR("{\"b\":2}")}, &result);
	assert_int_equal(result.status, 201);
	assert_int_equal(result.code, ERR_NONE);
	assert_non_null(strstr(f->server.requests[0], "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(f->server.requests[0], "\r\n\r\n{\"b\":2}"));
	assert_null(strstr(f->server.requests[0], "Authorization"));
	static const struct metric table[] = {KUBE_METRIC_REQUESTS, KUBE_METRIC_SECONDS};
	struct kube_measure measure = {metrics_new(table, 2, NULL), 0, 1};
	kube_client_measure(f->client, &measure);
	run(f, (struct kube_call){.method = "PATCH", .content_type = KUBE_MERGE_PATCH, .body = STR("{}")},
	    &result);
	size_t pods = metrics_label(measure.metrics, 0, 1, STR("pods"));
	size_t created = metrics_label(measure.metrics, 0, 2, STR("201"));
	assert_true(metrics_get(measure.metrics, 0, METRIC_AT(3, pods, created)) == 1);
	assert_true(metrics_get(measure.metrics, 1, METRIC_AT(3)) == 1);
	assert_non_null(strstr(f->server.requests[1], "\r\nContent-Type: application/merge-patch+json\r\n"));
	finish(f);
	metrics_free(measure.metrics);
}

static void test_errors(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *body;
		enum error_code code;
		const char *message;
	} rows[] = {
	    {404, NOT_FOUND, ERR_NOT_FOUND, "GET /api/v1/namespaces/n/pods/x: pods \"x\" not found"},
	    {409, "{\"kind\":\"Status\",\"message\":\"exists\"}", ERR_CONFLICT, "x: exists"},
	    {410, "{\"kind\":\"Status\",\"message\":\"too old\"}", ERR_GONE, "x: too old"},
	    {401, "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}", ERR_UNAUTHORIZED, "x: Unauthorized"},
	    {403, "{\"kind\":\"Status\",\"message\":\"no\"}", ERR_FORBIDDEN, "x: no"},
	    {422, "{\"kind\":\"Status\",\"message\":\"spec invalid\"}", ERR_BAD_REQUEST, "x: spec invalid"},
	    {413, "", ERR_TOO_LARGE, "answered with HTTP status 413"},
	    {500, "{\"kind\":\"Status\",\"message\":\"etcd\"}", ERR_INTERNAL, "x: etcd"},
	    {302, "", ERR_INTERNAL, "answered with HTTP status 302"},
	    /* not a Status, or a broken one */
	    {404, "404 page not found", ERR_NOT_FOUND, "answered with HTTP status 404"},
	    {404, "{\"kind\":\"Pod\",\"message\":\"m\"}", ERR_NOT_FOUND, "answered with HTTP status 404"},
	    {404, "{\"kind\":\"Status\",\"message\":7}", ERR_NOT_FOUND, "answered with HTTP status 404"},
	    {404, "{\"kind\":\"Status\",\"message\":\"\"}", ERR_NOT_FOUND, "answered with HTTP status 404"},
	    {404, "{\"kind\":\"Status\",\"message\":\"\\ud800\"}", ERR_NOT_FOUND,
	     "answered with HTTP status 404"},
	    {404, "[\"kind\"]", ERR_NOT_FOUND, "answered with HTTP status 404"},
	    {404, "{\"kind\":\"Status\"", ERR_NOT_FOUND, "answered with HTTP status 404"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *f =
		    start((struct script_step[]){{ANSWER(rows[i].status, rows[i].body), SCRIPT_KEEP}, {0}},
			  NULL, NULL);
		struct result result;
		run(f, (struct kube_call){0}, &result);
		assert_int_equal(result.status, rows[i].status);
		assert_int_equal(result.code, rows[i].code);
		assert_string_equal(result.body, rows[i].body);
		if (!strstr(result.message, rows[i].message))
			fail_msg("row %zu: %s is not in: %s", i, rows[i].message, result.message);
		assert_int_equal(f->server.request_count, 1);
		finish(f);
	}
}

static void test_long_message_is_cut(void **state)
{
	(void)state;
	char body[3500] = "{\"kind\":\"Status\",\"message\":\"";
	memset(body + strlen(body), 'm', 3000);
	strncat(body, "\"}", sizeof(body) - strlen(body) - 1);
	struct fixture *f = start((struct script_step[]){{ANSWER(403, body), SCRIPT_KEEP}, {0}}, NULL, NULL);
	struct result result;
	run(f, (struct kube_call){0}, &result);
	assert_non_null(strstr(result.message, "x: mmmm"));
	assert_int_equal(strlen(result.message), sizeof(((struct error *)0)->message) - 1);
	finish(f);
}

static void test_retries(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{ANSWER(503, "{}"), SCRIPT_KEEP},
							 {NULL, SCRIPT_RESET},
							 {ANSWER(200, "{}"), SCRIPT_KEEP},
							 {0}},
				  NULL, NULL);
	struct result result;
	run(f, (struct kube_call){.method = "POST", .body = STR("{}")}, &result);
	assert_int_equal(result.status, 200);
	assert_int_equal(f->server.request_count, 3);
	finish(f);
	f = start((struct script_step[]){{ANSWER(503, "{}"), SCRIPT_KEEP}, {0}}, NULL, NULL);
	run(f, (struct kube_call){.no_retry = true}, &result);
	assert_int_equal(result.status, 503);
	assert_int_equal(result.code, ERR_UNAVAILABLE);
	assert_int_equal(f->server.request_count, 1);
	finish(f);
}

/* Only AlreadyExists says that something is there. A ResourceQuota that others write, too, answers
 * `Conflict`, and nothing was made: that passes. */
static void test_conflicts(void **state)
{
	(void)state;
	static const struct {
		const char *method, *body;
		bool exists;
		unsigned requests;
	} rows[] = {{"POST", EXISTS, true, 1},
		    {"POST", CONFLICT, false, 3},
		    {"POST", "{\"kind\":\"Pod\",\"reason\":\"AlreadyExists\"}", false, 3},
		    {"POST", "{\"kind\":\"Status\",\"reason\":\"alreadyexists\"}", false, 3},
		    {"POST", "{\"kind\":\"Status\",\"reason\":[\"AlreadyExists\"]}", false, 3},
		    {"POST", "AlreadyExists", false, 3},
		    {"POST", "", false, 3},
		    /* an object that was written meanwhile, or a precondition: that does not pass */
		    {"PATCH", CONFLICT, false, 1},
		    {"DELETE", CONFLICT, false, 1}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct script_step refused = {ANSWER(409, rows[i].body), SCRIPT_KEEP};
		struct fixture *f =
		    start((struct script_step[]){refused, refused, {ANSWER(201, "{}"), SCRIPT_KEEP}, {0}},
			  NULL, NULL);
		struct result result;
		run(f, (struct kube_call){.method = rows[i].method, .body = STR("{}")}, &result);
		assert_int_equal(result.status, rows[i].requests == 3 ? 201 : 409);
		assert_int_equal(result.already_exists, rows[i].exists);
		assert_false(result.is_uncertain);
		assert_int_equal(f->server.request_count, rows[i].requests);
		finish(f);
	}
	struct fixture *f =
	    start((struct script_step[]){{ANSWER(409, CONFLICT), SCRIPT_KEEP}, {0}}, NULL, NULL);
	struct result result;
	run(f, (struct kube_call){.method = "POST", .no_retry = true}, &result);
	assert_int_equal(result.code, ERR_CONFLICT);
	assert_false(result.already_exists);
	assert_int_equal(f->server.request_count, 1);
	finish(f);
}

/* Of which answers a call may have been carried out all the same. */
static void test_uncertain(void **state)
{
	(void)state;
	static const struct {
		bool is_uncertain;
		struct script_step steps[3];
	} rows[] = {{true, {{NULL, SCRIPT_CLOSE}}},
		    {true, {{NULL, SCRIPT_RESET}}},
		    {true, {{"HTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n", SCRIPT_KEEP}}},
		    {true, {{"HTTP/1.1 504 E\r\nContent-Length: 0\r\n\r\n", SCRIPT_KEEP}}},
		    {true, {{"HTTP/1.1 201 E\r\nContent-Length: 9\r\n\r\n{", SCRIPT_CLOSE}}},
		    {false, {{"HTTP/1.1 403 E\r\nContent-Length: 0\r\n\r\n", SCRIPT_KEEP}}},
		    {false, {{"HTTP/1.1 409 E\r\nContent-Length: 0\r\n\r\n", SCRIPT_KEEP}}},
		    {false, {{"HTTP/1.1 429 E\r\nContent-Length: 0\r\n\r\n", SCRIPT_KEEP}}}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture *f = start(rows[i].steps, NULL, NULL);
		struct result result;
		run(f, (struct kube_call){.method = "POST", .body = STR("{}"), .no_retry = true}, &result);
		if (result.is_uncertain != rows[i].is_uncertain)
			fail_msg("row %zu: %s", i, result.message);
		finish(f);
	}
	/* of any attempt */
	struct fixture *f = start(
	    (struct script_step[]){{NULL, SCRIPT_RESET}, {ANSWER(403, "{}"), SCRIPT_KEEP}, {0}}, NULL, NULL);
	struct result result;
	run(f, (struct kube_call){.method = "POST", .body = STR("{}")}, &result);
	assert_int_equal(result.status, 403);
	assert_true(result.is_uncertain);
	finish(f);
	/* nobody listens: it was not there */
	f = start((struct script_step[]){{0}}, NULL, NULL);
	scripted_server_stop(&f->server);
	run(f, (struct kube_call){.method = "POST", .body = STR("{}"), .no_retry = true}, &result);
	assert_int_equal(result.code, ERR_UNAVAILABLE);
	assert_false(result.is_uncertain);
	kube_client_free(f->client);
	loop_end(&f->loop);
	free(f);
}

static void test_no_answer(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{NULL, SCRIPT_CLOSE}, {0}}, NULL, NULL);
	struct result result;
	run(f, (struct kube_call){.no_retry = true}, &result);
	assert_int_equal(result.status, 0);
	assert_int_equal(result.code, ERR_UNAVAILABLE);
	finish(f);
	f = start((struct script_step[]){{NULL, SCRIPT_KEEP}, {0}}, NULL, NULL);
	run(f, (struct kube_call){.timeout_ms = 50}, &result);
	assert_int_equal(result.code, ERR_TIMEOUT);
	finish(f);
}

static void test_wrong_calls(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{ANSWER(200, "{}"), SCRIPT_KEEP}, {0}}, NULL, NULL);
	static const char *const paths[] = {"api/v1", "/api/../x", "/api/a b", "/api/a\r\nX: y", ""};
	for (size_t i = 0; i < 5; i++) {
		struct error err;
		struct kube_call call = {.method = "GET", .path = paths[i], .done = on_done};
		assert_null(kube_client_call(f->client, &call, &err));
		assert_int_not_equal(err.message[0], '\0');
	}
	char *path = malloc(10000);
	memset(path, 'a', 9999);
	path[0] = '/';
	path[9999] = '\0';
	struct error err;
	assert_null(kube_client_call(f->client, &(struct kube_call){.method = "GET", .path = path}, &err));
	assert_int_equal(err.code, ERR_TOO_LARGE);
	free(path);
	finish(f);
}

static void test_cancel_and_free(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{NULL, SCRIPT_KEEP}, {0}}, NULL, NULL);
	struct result result = {0};
	struct kube_call call = {.method = "GET", .path = "/x", .done = on_done, .context = &result};
	struct error err;
	http_request_cancel(kube_client_call(f->client, &call, &err));
	http_request_cancel(kube_client_call(f->client, &call, &err));
	assert_non_null(kube_client_call(f->client, &call, &err));
	LOOP_UNTIL(&f->loop, f->server.request_count == 1);
	finish(f); /* with a call that waits */
	assert_int_equal(result.calls, 0);
}

static void write_token(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_token_file(void **state)
{
	(void)state;
	char path[] = "/tmp/skillbox-token-XXXXXX";
	close(mkostemp(path, O_CLOEXEC));
	write_token(path, "first\n");
	struct fixture *f = start((struct script_step[]){{ANSWER(200, "{}"), SCRIPT_KEEP},
							 {ANSWER(401, "{}"), SCRIPT_KEEP},
							 {ANSWER(401, "{}"), SCRIPT_KEEP},
							 {ANSWER(200, "{}"), SCRIPT_KEEP},
							 {0}},
				  NULL, path);
	struct result result;
	assert_true(str_eq(kube_client_token(f->client), STR("first")));
	write_token(path, "second");
	/* read not so long ago */
	run(f, (struct kube_call){0}, &result);
	assert_non_null(strstr(f->server.requests[0], "Authorization: Bearer first\r\n"));
	/* refused: read again for the next call */
	run(f, (struct kube_call){0}, &result);
	assert_int_equal(result.code, ERR_UNAUTHORIZED);
	run(f, (struct kube_call){0}, &result);
	assert_non_null(strstr(f->server.requests[2], "Authorization: Bearer second\r\n"));
	/* gone: the old one stays */
	unlink(path);
	run(f, (struct kube_call){0}, &result);
	assert_non_null(strstr(f->server.requests[3], "Authorization: Bearer second\r\n"));
	finish(f);
}

static void test_token_file_that_is_no_good(void **state)
{
	(void)state;
	uv_loop_t loop;
	struct error err;
	char path[] = "/tmp/skillbox-token-XXXXXX";
	close(mkostemp(path, O_CLOEXEC));
	uv_loop_init(&loop);
	struct kube_config config = {.server = (char *)"http://127.0.0.1:1", .token_file = path};
	assert_null(kube_client_new(&loop, &config, &err));
	assert_non_null(strstr(err.message, "is empty"));
	unlink(path);
	assert_null(kube_client_new(&loop, &config, &err));
	assert_non_null(strstr(err.message, "No such file"));
	loop_end(&loop);
}

static void test_names(void **state)
{
	(void)state;
	static const char *const good[] = {"a", "a-b", "a.b", "0", "my-skill.1-0-0", "x9"};
	static const char *const bad[] = {"",     "A",    "-a",  "a-",  ".a",   "a.", "a..b",
					  "a.-b", "a-.b", "a/b", "a b", "a%2f", "..", "\xc3\xa4"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(kube_name_is_valid(str_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(kube_name_is_valid(str_of(bad[i])));
	char name[254];
	memset(name, 'a', sizeof(name));
	assert_true(kube_name_is_valid((struct str){name, 253}));
	assert_false(kube_name_is_valid((struct str){name, 254}));
	assert_false(kube_name_is_valid((struct str){"a\0b", 3}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_get),         cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_errors),      cmocka_unit_test(test_long_message_is_cut),
	    cmocka_unit_test(test_retries),     cmocka_unit_test(test_no_answer),
	    cmocka_unit_test(test_wrong_calls), cmocka_unit_test(test_cancel_and_free),
	    cmocka_unit_test(test_token_file),  cmocka_unit_test(test_token_file_that_is_no_good),
	    cmocka_unit_test(test_names),       cmocka_unit_test(test_conflicts),
	    cmocka_unit_test(test_uncertain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
