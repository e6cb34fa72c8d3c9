/* The document and the tables that the server really goes by say the same: routes, scopes, bodies, error
 * codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/openapi.h"
#include "apiserver/object/api_key.h"
#include "apiserver/rest/health.h"
#include "apiserver/rest/routes.h"
#include "lib/base/jsontext.h"

#define SCHEMAS "components", "schemas"

/* The value at the end of a path of members, which must be there. */
static struct str at(struct str value, const char *const *names)
{
	for (; *names; names++)
		if (!jsontext_member(value, str_of(*names), &value))
			fail_msg("no member \"%s\"", *names);
	return value;
}
#define AT(value, ...) at(value, (const char *const[]){__VA_ARGS__, NULL})

static bool has(struct str object, const char *name)
{
	struct str value;
	return jsontext_member(object, str_of(name), &value);
}

static bool lists(struct str array, const char *text)
{
	struct str element;
	char quoted[128];
	snprintf(quoted, sizeof(quoted), "\"%s\"", text);
	for (size_t position = 0; jsontext_next_element(array, &position, &element);)
		if (str_eq(element, str_of(quoted)))
			return true;
	return false;
}

static size_t length(struct str array)
{
	struct str element;
	size_t n = 0;
	for (size_t position = 0; jsontext_next_element(array, &position, &element);)
		n++;
	return n;
}

/* The blobs' signed URLs are opaque to clients. */
static bool is_documented(const struct route *route)
{
	return !str_starts_with(str_of(route->pattern), STR("/blobs/"));
}

/* "/v1/skills/:name/:version", and "*path" for the rest, as the document writes it. */
static void template_of(const char *pattern, char *ret, size_t size)
{
	size_t n = 0;
	bool in_name = false;
	for (const char *c = pattern; *c && n + 3 < size; c++) {
		if (in_name && *c == '/') {
			ret[n++] = '}';
			in_name = false;
		}
		bool begins = *c == ':' || *c == '*';
		ret[n++] = begins ? '{' : *c;
		in_name |= begins;
	}
	if (in_name)
		ret[n++] = '}';
	ret[n] = '\0';
}

static void lower(const char *method, char *ret, size_t size)
{
	snprintf(ret, size, "%s", method);
	for (; *ret; ret++)
		*ret = (char)(*ret | ' ');
}

static struct str operation_of(const struct route *route)
{
	char path[256], method[16];
	template_of(route->pattern, path, sizeof(path));
	lower(route->method, method, sizeof(method));
	struct str paths = AT(openapi_document(), "paths");
	if (!has(paths, path) || !has(AT(paths, path), method))
		fail_msg("%s %s is not in apiserver/http/openapi.json", route->method, path);
	return AT(paths, path, method);
}

static void test_it_is_compact_json(void **state)
{
	(void)state;
	struct str document = openapi_document();
	struct buffer compact = BUFFER(document.n);
	struct jsontext_rules rules = {.refuse_duplicates = true};
	struct error err;
	if (jsontext_minify(document, &rules, &compact, &err) != 0)
		fail_msg("%s", err.message);
	assert_true(str_eq(document, buffer_str(&compact)));
	assert_true(str_eq(AT(document, "openapi"), STR("\"3.1.0\"")));
	assert_true(str_eq(AT(document, "info", "version"), STR("\"" SKILLBOX_VERSION "\"")));
	buffer_free(&compact);
}

static void test_every_route_is_documented(void **state)
{
	(void)state;
	for (size_t i = 0; i < route_count; i++)
		if (is_documented(&route_table[i]))
			operation_of(&route_table[i]);
}

static bool is_route(struct str path, struct str method)
{
	char own_path[256], own_method[16];
	for (size_t i = 0; i < route_count; i++) {
		template_of(route_table[i].pattern, own_path, sizeof(own_path));
		lower(route_table[i].method, own_method, sizeof(own_method));
		if (str_eq(path, str_of(own_path)) && str_eq(method, str_of(own_method)))
			return true;
	}
	return false;
}

static void test_every_operation_is_a_route(void **state)
{
	(void)state;
	struct str paths = AT(openapi_document(), "paths"), path, item, method, operation;
	size_t count = 0, documented = 0;
	for (size_t p = 0; jsontext_next_member(paths, &p, &path, &item);) {
		for (size_t m = 0; jsontext_next_member(item, &m, &method, &operation); count++)
			if (!is_route(path, method))
				fail_msg("%.*s %.*s is no route", (int)method.n, method.p, (int)path.n,
					 path.p);
	}
	for (size_t i = 0; i < route_count; i++)
		documented += is_documented(&route_table[i]);
	assert_int_equal(count, documented);
}

/* One requirement for each scope that is enough: {"apiKey":["run"]}. */
static void test_security_is_the_scopes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned scope;
	} rows[] = {{"{\"apiKey\":[\"run\"]}", SCOPE_RUN},
		    {"{\"apiKey\":[\"push\"]}", SCOPE_PUSH},
		    {"{\"apiKey\":[\"admin\"]}", SCOPE_ADMIN}};
	for (size_t i = 0; i < route_count; i++) {
		const struct route *route = &route_table[i];
		if (!is_documented(route))
			continue;
		struct str operation = operation_of(route), requirement;
		unsigned scopes = 0;
		size_t position = 0;
		while (jsontext_next_element(AT(operation, "security"), &position, &requirement)) {
			unsigned scope = 0;
			for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++)
				scope |= str_eq(requirement, str_of(rows[row].text)) ? rows[row].scope : 0;
			assert_int_not_equal(scope, 0);
			scopes |= scope;
		}
		if (scopes != route->scopes)
			fail_msg("%s %s: scopes %u, documented %u", route->method, route->pattern,
				 route->scopes, scopes);
		assert_int_equal(has(AT(operation, "responses"), "401"), scopes != 0);
		assert_int_equal(has(AT(operation, "responses"), "403"), scopes != 0);
	}
}

static void test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < route_count; i++) {
		const struct route *route = &route_table[i];
		if (!is_documented(route))
			continue;
		struct str operation = operation_of(route), responses = AT(operation, "responses");
		assert_int_equal(has(operation, "requestBody"), route->body != ROUTE_BODY_NONE);
		assert_int_equal(has(responses, "413"), route->body != ROUTE_BODY_NONE);
		assert_int_equal(has(responses, "415"), route->body != ROUTE_BODY_NONE);
		if (route->body == ROUTE_BODY_NONE)
			continue;
		struct str content = AT(operation, "requestBody", "content");
		assert_int_equal(has(content, "application/json"), route->body == ROUTE_BODY_JSON);
		assert_int_equal(has(content, "application/zip"), route->body == ROUTE_BODY_SKILL);
		assert_int_equal(has(content, "multipart/form-data"), route->body == ROUTE_BODY_SKILL);
	}
}

/* What is built answers no 501, and what isn't nothing that would need it. */
static void test_what_is_not_built_is_documented_so(void **state)
{
	(void)state;
	for (size_t i = 0; i < route_count; i++) {
		const struct route *route = &route_table[i];
		if (!is_documented(route))
			continue;
		struct str responses = AT(operation_of(route), "responses"), status, response;
		bool is_built = route->handle != not_implemented, succeeds = false;
		for (size_t p = 0; jsontext_next_member(responses, &p, &status, &response);)
			succeeds |= status.p[0] == '2';
		if (has(responses, "501") == is_built || succeeds != is_built)
			fail_msg("%s %s is %sbuilt, the document says something else", route->method,
				 route->pattern, is_built ? "" : "not ");
	}
}

static void test_the_error_codes(void **state)
{
	(void)state;
	struct str listed = AT(openapi_document(), SCHEMAS, "ErrorCode", "enum");
	size_t known = 1; /* not_ready, of GET /ready alone */
	assert_true(lists(listed, "not_ready"));
	for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++) {
		const char *name = error_code_name((enum error_code)code);
		bool is_first = true;
		for (int other = ERR_NONE + 1; other < code; other++)
			is_first &= strcmp(name, error_code_name((enum error_code)other)) != 0;
		known += is_first;
		if (!lists(listed, name))
			fail_msg("the error code %s is not in apiserver/http/openapi.json", name);
	}
	assert_int_equal(length(listed), known);
}

/* Each operation names its error answers by the component for that status: the codes in there must have it.
 */
static void check_codes(struct str status, struct str reference)
{
	struct str prefix = STR("\"#/components/responses/"),
		   name = {reference.p + prefix.n, reference.n - prefix.n - 1};
	char component[64], wanted[8];
	assert_true(str_starts_with(reference, prefix));
	snprintf(component, sizeof(component), "%.*s", (int)name.n, name.p);
	struct str schema = AT(openapi_document(), "components", "responses", component, "content",
			       "application/json", "schema", "allOf");
	size_t checked = 0;
	for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++) {
		char quoted[64];
		snprintf(quoted, sizeof(quoted), "\"%s\"", error_code_name((enum error_code)code));
		if (!memmem(schema.p, schema.n, quoted, strlen(quoted)))
			continue;
		snprintf(wanted, sizeof(wanted), "%d", error_code_http_status((enum error_code)code));
		if (!str_eq(status, str_of(wanted)))
			fail_msg("%s: %s has the status %s", component, quoted, wanted);
		checked++;
	}
	assert_true(checked > 0 || strcmp(component, "NotReady") == 0);
}

static void test_the_codes_of_each_status(void **state)
{
	(void)state;
	for (size_t i = 0; i < route_count; i++) {
		if (!is_documented(&route_table[i]))
			continue;
		struct str responses = AT(operation_of(&route_table[i]), "responses"), status, response;
		for (size_t p = 0; jsontext_next_member(responses, &p, &status, &response);)
			if (status.p[0] >= '4')
				check_codes(status, AT(response, "$ref"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_is_compact_json),
	    cmocka_unit_test(test_every_route_is_documented),
	    cmocka_unit_test(test_every_operation_is_a_route),
	    cmocka_unit_test(test_security_is_the_scopes),
	    cmocka_unit_test(test_bodies),
	    cmocka_unit_test(test_what_is_not_built_is_documented_so),
	    cmocka_unit_test(test_the_error_codes),
	    cmocka_unit_test(test_the_codes_of_each_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
