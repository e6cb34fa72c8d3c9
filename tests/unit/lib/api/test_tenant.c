#include "lib/api/tenant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reads_the_label(void **state)
{
	(void)state;
	struct error err = {0};
	struct tenant *tenant = tenant_from_json(
	    STR("{\"metadata\":{\"name\":\"skillbox-a\",\"labels\":{\"skillbox.dev/tenant\":\"a\"}}}"), &err);
	assert_non_null(tenant);
	assert_string_equal(tenant->meta.name, "skillbox-a");
	assert_string_equal(tenant->name, "a");
	tenant_free(tenant);

	tenant = tenant_from_json(STR("{\"metadata\":{\"name\":\"other\"}}"), &err);
	assert_non_null(tenant);
	assert_null(tenant->name);
	tenant_free(tenant);
}

static void refuses_what_is_no_namespace(void **state)
{
	(void)state;
	struct error err = {0};
	assert_null(
	    tenant_from_json(STR("{\"metadata\":{\"labels\":{\"skillbox.dev/tenant\":\"a\"}}}"), &err));
	assert_string_equal(err.message, "Namespace: metadata.name: is missing");
	assert_null(
	    tenant_from_json(STR("{\"metadata\":{\"name\":\"a\",\"labels\":{\"skillbox.dev/tenant\":"
				 "\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg\"}}}"),
			     &err));
	assert_string_equal(err.message,
			    "Namespace: metadata.labels.skillbox.dev/tenant: is longer than 63 bytes");
	assert_null(tenant_from_json(STR("[]"), &err));
	assert_null(tenant_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_label),
	    cmocka_unit_test(refuses_what_is_no_namespace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
