#include "lib/api/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reads_what_it_writes(void **state)
{
	(void)state;
	struct buffer text = BUFFER(4096);
	struct error err = {0};
	struct lease_write write = {.name = "skillbox-controller",
				    .resource_version = "77",
				    .holder = "pod-1",
				    .now_ms = 1764000000123,
				    .duration_seconds = 15,
				    .transitions = 5};
	assert_int_equal(lease_to_json(&write, &text, &err), 0);
	assert_non_null(strstr(text.data, "\"renewTime\":\"2025-11-24T16:00:00.123000Z\""));
	struct lease *lease = lease_from_json(buffer_str(&text), &err);
	assert_non_null(lease);
	assert_string_equal(lease->meta.name, "skillbox-controller");
	assert_string_equal(lease->holder, "pod-1");
	assert_int_equal(lease->renewed_ms, 1764000000123);
	assert_int_equal(lease->duration_seconds, 15);
	assert_int_equal(lease->transitions, 5);
	assert_string_equal(lease->meta.resource_version, "77");
	lease_free(lease);
	buffer_free(&text);
	struct buffer small = BUFFER(32);
	assert_int_equal(lease_to_json(&write, &small, &err), -1);
	buffer_free(&small);
	/* a renewal says nothing of what it leaves as it is */
	struct lease_write renewal = {.name = "skillbox-controller", .now_ms = 1, .duration_seconds = 15};
	struct buffer few = BUFFER(4096);
	assert_int_equal(lease_to_json(&renewal, &few, &err), 0);
	assert_null(strstr(few.data, "resourceVersion"));
	assert_null(strstr(few.data, "holderIdentity"));
	assert_null(strstr(few.data, "leaseTransitions"));
	buffer_free(&few);
}

/* As the chart makes it: nobody holds it yet. */
static void reads_one_without_a_holder(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "{\"metadata\":{\"name\":\"a\"}}",
	    "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"holderIdentity\":null}}"};
	for (size_t i = 0; i < 2; i++) {
		struct lease *lease = lease_from_json(str_of(texts[i]), NULL);
		assert_non_null(lease);
		assert_string_equal(lease->holder, "");
		assert_int_equal(lease->renewed_ms + lease->duration_seconds, 0);
		lease_free(lease);
	}
}

static void refuses_what_is_none(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "[]",
	    "{}",
	    "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"renewTime\":\"yesterday\"}}",
	    "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"leaseDurationSeconds\":-1}}",
	    "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"leaseDurationSeconds\":86401}}",
	    "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"leaseTransitions\":-1}}",
	    "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"leaseTransitions\":2147483648}}"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = {0};
		assert_null(lease_from_json(str_of(texts[i]), &err));
		assert_true(err.message[0]);
	}
	assert_null(lease_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_it_writes),
	    cmocka_unit_test(reads_one_without_a_holder),
	    cmocka_unit_test(refuses_what_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
