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
	assert_int_equal(lease_to_json("skillbox-controller", "pod-1", 1764000000123, 15, &text, &err), 0);
	assert_non_null(strstr(text.data, "\"renewTime\":\"2025-11-24T16:00:00.123000Z\""));
	struct lease *lease = lease_from_json(buffer_str(&text), &err);
	assert_non_null(lease);
	assert_string_equal(lease->meta.name, "skillbox-controller");
	assert_string_equal(lease->holder, "pod-1");
	assert_int_equal(lease->renewed_ms, 1764000000123);
	assert_int_equal(lease->duration_seconds, 15);
	lease_free(lease);
	buffer_free(&text);
	struct buffer small = BUFFER(32);
	assert_int_equal(lease_to_json("skillbox-controller", "pod-1", 0, 15, &small, &err), -1);
	buffer_free(&small);
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
	    "[]", "{}", "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"renewTime\":\"yesterday\"}}",
	    "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"leaseDurationSeconds\":-1}}",
	    "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"leaseDurationSeconds\":86401}}"};
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
