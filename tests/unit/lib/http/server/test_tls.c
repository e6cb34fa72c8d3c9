/* lib/http/server/tls.c: a pair is taken whole, or not at all. Handshakes are in tests/apiserver/test_tls.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/http/server/tls.h"
#include "tests/unit/lib/http/tls_fixture.h"

#include <string.h>

static void test_what_is_no_pair_changes_nothing(void **state)
{
	(void)state;
	const char *const rows[][2] = {
	    {tls_other_cert, tls_key}, {tls_key, tls_cert}, {"", ""}, {tls_cert, ""}, {"nonsense", tls_key}};
	struct error err;
	struct http_tls *tls = http_tls_new(tls_cert, tls_key, &err);
	assert_non_null(tls);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(http_tls_new(rows[i][0], rows[i][1], &err));
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_int_equal(http_tls_change(tls, rows[i][0], rows[i][1], &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(err.message, "are certificate and key a pair?"));
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(http_tls_change(tls, tls_cert, tls_key, &err), 0);
	assert_null(http_tls_free(tls));
	assert_null(http_tls_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_no_pair_changes_nothing)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
