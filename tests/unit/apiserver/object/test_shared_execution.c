#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/object/shared_execution.h"

#include <stdio.h>
#include <stdlib.h>

#define ID "11111111-2222-4333-8444-555555555555"

static struct shared_execution *made_of(const char *annotations, const char *spec, const char *status)
{
	char json[4096];
	struct error err;
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"" ID
		 "\",\"namespace\":\"ns\",\"uid\":\"u\",\"creationTimestamp\":\"2026-11-24T10:00:00Z\"%s},"
		 "\"spec\":{\"skillRef\":{\"name\":\"s\",\"version\":\"1.0.0\"}%s},\"status\":{%s}}",
		 annotations, spec, status);
	struct shared_execution *shared = shared_execution_from_json(str_of(json), &err);
	if (!shared)
		fail_msg("%s", err.message);
	return shared;
}

static void test_requested_at(void **state)
{
	(void)state;
	struct shared_execution *shared =
	    made_of(",\"annotations\":{\"" REQUESTED_AT_ANNOTATION
		    "\":\"2026-11-24T10:00:00.125Z\",\"" REQUEST_DIGEST_ANNOTATION "\":\"sha256:x\"}",
		    "", "");
	assert_int_equal(shared->requested_ms, shared->execution->meta.created_ms + 125);
	assert_string_equal(shared->request_digest, "sha256:x");
	shared_execution_unref(shared);
	shared = made_of(",\"annotations\":{\"" REQUESTED_AT_ANNOTATION "\":\"yesterday\"}", "", "");
	assert_int_equal(shared->requested_ms, shared->execution->meta.created_ms);
	assert_string_equal(shared->request_digest, "");
	shared_execution_unref(shared);
}

static void test_the_object_to_create(void **state)
{
	(void)state;
	struct shared_execution *shared = made_of("", ",\"inputText\":\"{\\\"metadata\\\":{}}\"", "");
	struct buffer out = BUFFER(4096), small = BUFFER(100);
	struct error err;
	assert_int_equal(execution_to_post(shared->execution, 1764000000123, "sha256:y", &out, &err), 0);
	struct shared_execution *again = shared_execution_from_json(buffer_str(&out), &err);
	assert_non_null(again);
	assert_int_equal(again->requested_ms, 1764000000123);
	assert_string_equal(again->request_digest, "sha256:y");
	assert_string_equal(again->execution->meta.name, ID);
	assert_string_equal(again->execution->spec.input, "{\"metadata\":{}}");
	assert_int_equal(execution_to_post(shared->execution, 1, "", &small, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	buffer_free(&small);
	buffer_free(&out);
	shared_execution_unref(again);
	shared_execution_unref(shared);
}

static void test_references(void **state)
{
	(void)state;
	struct shared_execution *shared = made_of("", "", "");
	assert_ptr_equal(shared_execution_ref(shared), shared);
	shared_execution_unref(shared);
	assert_string_equal(shared->execution->meta.name, ID); /* still there */
	shared_execution_unref(shared);
	shared_execution_unref(NULL);
}

/* It takes the execution, whatever comes of it. */
static void test_of_an_execution(void **state)
{
	(void)state;
	struct error err;
	struct execution *execution = calloc(1, sizeof(*execution));
	execution->requested_ms = 7;
	struct shared_execution *shared = shared_execution_from_execution(execution, &err);
	assert_ptr_equal(shared->execution, execution);
	assert_int_equal(shared->requested_ms, 7);
	assert_string_equal(shared->request_digest, "");
	assert_int_equal(shared->references, 1);
	assert_false(shared->is_outline);
	shared_execution_unref(shared);
}

static void test_what_is_no_execution(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "{", "[]", "{\"spec\":1}", "{\"metadata\":{\"name\":1}}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = {0};
		assert_null(shared_execution_from_json(str_of(texts[i]), &err));
		assert_int_not_equal(err.code, ERR_NONE);
		assert_int_not_equal(err.message[0], '\0');
	}
}

static void test_outline(void **state)
{
	(void)state;
	struct shared_execution *shared = made_of("", ",\"inputText\":\"[1]\"", "");
	shared_execution_keep_outline(shared);
	assert_true(shared->is_outline);
	assert_null(shared->execution->spec.input);
	assert_string_equal(shared->execution->meta.name, ID);
	shared_execution_unref(shared);
}

static void test_paths(void **state)
{
	(void)state;
	static const struct {
		const char *name, *path;
	} rows[] = {{NULL, "/apis/skillbox.dev/v1alpha1/namespaces/ns/executions"},
		    {"a", "/apis/skillbox.dev/v1alpha1/namespaces/ns/executions/a"}};
	for (size_t i = 0; i < 2; i++) {
		cleanup_buffer struct buffer path = BUFFER(128);
		execution_path(&path, "ns", rows[i].name);
		assert_string_equal(path.data, rows[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requested_at),
	    cmocka_unit_test(test_the_object_to_create),
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_of_an_execution),
	    cmocka_unit_test(test_what_is_no_execution),
	    cmocka_unit_test(test_outline),
	    cmocka_unit_test(test_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
