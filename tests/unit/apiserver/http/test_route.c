#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/object/api_key.h"
#include "apiserver/rest/routes.h"

static void handle(struct request *request)
{
	(void)request;
}

static const struct route table[] = {
    {"GET", "/health", 0, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"POST", "/v1/things", SCOPE_RUN, ROUTE_BODY_JSON, true, NULL, NULL, handle},
    {"GET", "/v1/things", SCOPE_RUN, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"GET", "/v1/things/:a/:b", SCOPE_RUN, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"DELETE", "/v1/things/:a/:b", SCOPE_RUN, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"GET", "/v1/things/:a/logs/x", SCOPE_RUN, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"GET", "/v1/things/:a/:b/files/*path", SCOPE_RUN, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"GET", "/v1/rest/*path", SCOPE_RUN, ROUTE_BODY_NONE, false, NULL, NULL, handle},
    {"GET", "/blobs/*", 0, ROUTE_BODY_NONE, false, NULL, NULL, handle},
};

static int find(const char *method, const char *path, struct route_match *match, struct error *err)
{
	return route_find(table, sizeof(table) / sizeof(table[0]), str_of(method), str_of(path), match, err);
}

static void finds(const char *method, const char *path, const char *pattern, const char *a, const char *b)
{
	struct route_match match;
	struct error err;
	assert_int_equal(find(method, path, &match, &err), 0);
	assert_string_equal(match.route->pattern, pattern);
	if (a)
		assert_true(str_eq(match.params[0], str_of(a)));
	if (b)
		assert_true(str_eq(match.params[1], str_of(b)));
	buffer_free(&match.text);
}

static void finds_nothing(const char *path)
{
	struct route_match match;
	struct error err;
	assert_int_equal(find("GET", path, &match, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	buffer_free(&match.text);
}

static void test_paths(void **state)
{
	(void)state;
	finds("GET", "/health", "/health", NULL, NULL);
	finds("HEAD", "/health", "/health", NULL, NULL);
	finds("POST", "/v1/things", "/v1/things", NULL, NULL);
	finds("GET", "/v1/things/x/1.0.0", "/v1/things/:a/:b", "x", "1.0.0");
	finds("GET", "/v1/things/%41%2fb/%20", "/v1/things/:a/:b", "A/b", " ");
	finds("GET", "/v1/things/x/logs/x", "/v1/things/:a/logs/x", "x", NULL);
	finds("GET", "/blobs/", "/blobs/*", NULL, NULL);
	finds("GET", "/blobs/a//%zz/..", "/blobs/*", NULL, NULL);
}

/* A file's name may have folders, and any character. */
static void test_the_rest_of_a_path(void **state)
{
	(void)state;
	struct route_match match;
	struct error err;
	finds("GET", "/v1/rest/a", "/v1/rest/*path", "a", NULL);
	finds("GET", "/v1/rest/a/b%20c/d.txt", "/v1/rest/*path", "a/b c/d.txt", NULL);
	finds("HEAD", "/v1/rest/a%2Fb/%c3%a9%ff", "/v1/rest/*path", "a/b/\xc3\xa9\xff", NULL);
	finds("GET", "/v1/rest//a/../", "/v1/rest/*path", "/a/../", NULL);
	assert_int_equal(find("GET", "/v1/things/x/1/files/p/q", &match, &err), 0);
	assert_true(str_eq(match.params[0], STR("x")) && str_eq(match.params[1], STR("1")) &&
		    str_eq(match.params[2], STR("p/q")));
	buffer_free(&match.text);
	finds_nothing("/v1/rest/");
	finds_nothing("/v1/rest");
	finds_nothing("/v1/rest/a%00b");
	finds_nothing("/v1/rest/a/%zz");
	finds_nothing("/v1/rest/a/%2");
}

/* Whatever comes behind it would not count for whom takes the parameter as a C string. */
static void test_a_nul_is_in_no_parameter(void **state)
{
	(void)state;
	static const char *const paths[] = {"/v1/things/a%00b/c", "/v1/things/a/c%00", "/v1/things/%00/c"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct route_match match;
		struct error err;
		assert_int_equal(find("GET", paths[i], &match, &err), -1);
		assert_int_equal(err.code, ERR_NOT_FOUND);
		buffer_free(&match.text);
	}
}

static void test_unknown_paths(void **state)
{
	(void)state;
	static const char *const paths[] = {"",
					    "/",
					    "health",
					    "/health/",
					    "//health",
					    "/v1",
					    "/v1/things/",
					    "/v1/things/a",
					    "/v1/things//b",
					    "/v1/things/a/",
					    "/v1/things/a/b/c",
					    "/v1/things/a/%",
					    "/v1/things/a/%4",
					    "/v1/things/a/%zz",
					    "/blobs",
					    "/V1/things"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		finds_nothing(paths[i]);
}

static void test_a_path_of_any_length_is_bounded(void **state)
{
	(void)state;
	char path[ROUTE_MAX_PATH + 2];
	memset(path, 'x', sizeof(path));
	memcpy(path, "/v1/things/", 11);
	path[20] = '/';
	path[ROUTE_MAX_PATH] = '\0';
	finds("GET", path, "/v1/things/:a/:b", "xxxxxxxxx", NULL);
	path[ROUTE_MAX_PATH] = 'x';
	path[ROUTE_MAX_PATH + 1] = '\0';
	finds_nothing(path);
}

static void test_wrong_methods_name_the_right_ones(void **state)
{
	(void)state;
	struct route_match match;
	struct error err;
	assert_int_equal(find("PUT", "/v1/things/a/b", &match, &err), -1);
	assert_int_equal(err.code, ERR_METHOD_NOT_ALLOWED);
	assert_string_equal(match.text.data, "GET, DELETE");
	assert_string_equal(err.message, "PUT is not allowed for /v1/things/a/b: use GET, DELETE");
	buffer_free(&match.text);
	assert_int_equal(find("get", "/health", &match, &err), -1); /* methods are case-sensitive */
	assert_int_equal(err.code, ERR_METHOD_NOT_ALLOWED);
	buffer_free(&match.text);
	assert_int_equal(find("HEAD", "/v1/things", &match, &err), 0);
	buffer_free(&match.text);
}

static void test_the_real_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < route_count; i++) {
		const struct route *route = &route_table[i];
		assert_non_null(route->handle);
		assert_true(!route->piece || route->begin);
		struct str pattern = str_of(route->pattern);
		/* Everything below /v1 and /mcp asks for a key. */
		bool is_guarded = str_starts_with(pattern, STR("/v1/")) || str_eq(pattern, STR("/mcp"));
		assert_int_equal(route->scopes != 0, is_guarded);
		/* Each row is reached by its own pattern, parameters standing for themselves. */
		struct route_match match;
		struct error err;
		assert_int_equal(
		    route_find(route_table, route_count, str_of(route->method), pattern, &match, &err), 0);
		assert_ptr_equal(match.route, route);
		buffer_free(&match.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_the_rest_of_a_path),
	    cmocka_unit_test(test_a_nul_is_in_no_parameter),
	    cmocka_unit_test(test_unknown_paths),
	    cmocka_unit_test(test_a_path_of_any_length_is_bounded),
	    cmocka_unit_test(test_wrong_methods_name_the_right_ones),
	    cmocka_unit_test(test_the_real_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
