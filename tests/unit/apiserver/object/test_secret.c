/* apiserver/object/secret.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/object/secret.h"

#include <stdlib.h>

static void test_base64(void **state)
{
	(void)state;
	static const struct {
		const char *json, *text; /* NULL: it is refused */
	} rows[] = {{"\"\"", ""},     {"\"YQ==\"", "a"},  {"\"YWI=\"", "ab"}, {"\"YWJj\"", "abc"},
		    {"\"YQ\"", NULL}, {"\"YQ=!\"", NULL}, {"1", NULL},        {"\"YWJjZGVmZ2g=\"", NULL}};
	char *text = NULL;
	struct error err;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int result = secret_read_base64(str_of(rows[i].json), NULL, 8, &text, &err);
		assert_int_equal(result, rows[i].text ? 0 : -1);
		if (rows[i].text)
			assert_string_equal(text, rows[i].text);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_base64)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
