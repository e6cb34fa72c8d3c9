/* lib/base/quantity.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/quantity.h"

#include <string.h>

struct sample {
	const char *text;
	int64_t value;
};

static void parses_cpu(void **state)
{
	(void)state;
	static const struct sample good[] = {
	    {"500m", 500},
	    {"0.5", 500},
	    {"2", 2000},
	    {"1e3", 1000000},
	    {"1E-3", 1},
	    {"1n", 1},
	    {"1500u", 2},
	    {"0.0001", 1},
	    {"+1", 1000},
	    {".5", 500},
	    {"1.", 1000},
	    {"2k", 2000000},
	    {"1Ki", 1024000},
	    {"1.0000000000000000000000001", 1001},
	    {"0.50000000000000000000000", 500},
	    {"1e+2", 100000},
	    {"000000000000000000000000000001", 1000},
	    {"1e-30", 1},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t v = -7;
		struct error err;
		if (quantity_parse_cpu(str_of(good[i].text), &v, &err) != 0)
			fail_msg("%s", err.message);
		if (v != good[i].value)
			fail_msg("%s gave %lld", good[i].text, (long long)v);
	}
}

static void parses_memory(void **state)
{
	(void)state;
	static const struct sample good[] = {
	    {"256Mi", 268435456},
	    {"1Gi", 1073741824},
	    {"500M", 500000000},
	    {"1024", 1024},
	    {"1.5Gi", 1610612736},
	    {"1E", 1000000000000000000},
	    {"1E3", 1000},
	    {"7Ei", INT64_C(8070450532247928832)},
	    {"1500m", 2},
	    {"0.1Ki", 103},
	    {"9223372036854775807", INT64_MAX},
	    {"12345678901234567890e-1", 1234567890123456789},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t v = -7;
		struct error err;
		if (quantity_parse_memory(str_of(good[i].text), &v, &err) != 0)
			fail_msg("%s", err.message);
		if (v != good[i].value)
			fail_msg("%s gave %lld", good[i].text, (long long)v);
	}
}

static void refuses_what_is_no_quantity(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "",
	    "m",
	    "abc",
	    "1.2.3",
	    "1 Gi",
	    " 1",
	    "1Gb",
	    "1gi",
	    "1KI",
	    "0",
	    "0m",
	    "-1",
	    "-0.5",
	    "1e",
	    "1e+-3",
	    "1e++3",
	    "--1",
	    "+-1",
	    "1e1e",
	    "0x1",
	    "NaN",
	    "1e1m",
	    "1mm",
	    "8Ei",
	    "9223372036854775808",
	    "1e400",
	    "1e999999999999",
	    "100000000000000000000000000000000000000000000Ei",
	    ".",
	    "+",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t v = -7;
		struct error err = {0};
		if (quantity_parse_memory(str_of(bad[i]), &v, &err) == 0)
			fail_msg("accepted %s as %lld", bad[i], (long long)v);
		assert_int_equal(v, -7);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
	struct error err;
	int64_t v;
	quantity_parse_cpu(STR("lots"), &v, &err);
	assert_string_equal(
	    err.message,
	    "invalid CPU quantity \"lots\": must be a number such as \"500m\", \"0.5\" or \"2\"");
	quantity_parse_memory(STR("-1Gi"), &v, &err);
	assert_string_equal(err.message, "invalid memory quantity \"-1Gi\": must be more than 0");
	quantity_parse_memory(STR("8Ei"), &v, &err);
	assert_string_equal(err.message, "invalid memory quantity \"8Ei\": too large");
}

static void formats(void **state)
{
	(void)state;
	char text[QUANTITY_SIZE];
	quantity_format_cpu(500, text);
	assert_string_equal(text, "500m");
	quantity_format_cpu(2000, text);
	assert_string_equal(text, "2");
	quantity_format_memory(268435456, text);
	assert_string_equal(text, "256Mi");
	quantity_format_memory(1073741824, text);
	assert_string_equal(text, "1Gi");
	quantity_format_memory(1500, text);
	assert_string_equal(text, "1500");
	quantity_format_memory(0, text);
	assert_string_equal(text, "0");
	quantity_format_memory(INT64_C(1) << 62, text);
	assert_string_equal(text, "4Ei");
	quantity_format_memory(INT64_MAX, text);
	assert_string_equal(text, "9223372036854775807");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parses_cpu),
	    cmocka_unit_test(parses_memory),
	    cmocka_unit_test(refuses_what_is_no_quantity),
	    cmocka_unit_test(formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
