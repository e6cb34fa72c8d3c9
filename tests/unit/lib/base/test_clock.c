/* lib/base/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"

#include <limits.h>

struct sample {
	const char *text;
	int64_t ms;
};

static void formats_rfc3339(void **state)
{
	(void)state;
	char text[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(0, false, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	clock_format_rfc3339(INT64_C(1795517904123), true, text);
	assert_string_equal(text, "2026-11-24T10:58:24.123Z");
	clock_format_rfc3339(INT64_C(1795517904123), false, text);
	assert_string_equal(text, "2026-11-24T10:58:24Z");
	clock_format_rfc3339(-1, true, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	clock_format_rfc3339(INT64_MAX, true, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	clock_format_rfc3339(INT64_MIN, true, text);
	assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

static void formats_micro_time(void **state)
{
	(void)state;
	char text[CLOCK_MICRO_TIME_SIZE];
	clock_format_micro_time(1763981904007, text);
	assert_string_equal(text, "2025-11-24T10:58:24.007000Z");
}

static void parses_rfc3339(void **state)
{
	(void)state;
	static const struct sample good[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"2026-11-24T10:58:24Z", 1795517904000},
	    {"2026-11-24T10:58:24.123456789Z", 1795517904123},
	    {"2026-11-24T10:58:24.1Z", 1795517904100},
	    {"2026-11-24T12:58:24+02:00", 1795517904000},
	    {"2026-11-24T05:28:24-05:30", 1795517904000},
	    {"2026-11-24t10:58:24z", 1795517904000},
	    {"2024-02-29T00:00:00Z", 1709164800000},
	    {"2000-02-29T00:00:00Z", 951782400000},
	    {"1969-12-31T23:59:59.999Z", -1},
	    {"2016-12-31T23:59:60Z", 1483228800000}, /* a leap second is the next second */
	    {"2026-11-24T10:58:24.000000000000000000000000000001Z", 1795517904000},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t ms = -7;
		assert_true(clock_parse_rfc3339(str_of(good[i].text), &ms));
		assert_true(ms == good[i].ms);
	}
	static const char *const bad[] = {
	    "",
	    "2026",
	    "2026-11-24",
	    "2026-11-24T10:58:24",
	    "2026-11-24T10:58Z",
	    "2026-11-24 10:58:24Z",
	    "2026-11-24T10:58:24.Z",
	    "2026-11-24T10:58:24.5",
	    "2026-11-24T10:58:24ZZ",
	    "2026-11-24T10:58:24+0200",
	    "2026-11-24T10:58:24+24:00",
	    "2026-11-24T10:58:24+02:60",
	    "2026-00-24T10:58:24Z",
	    "2026-13-24T10:58:24Z",
	    "2026-11-31T10:58:24Z",
	    "2026-11-00T10:58:24Z",
	    "2025-02-29T10:58:24Z",
	    "1900-02-29T10:58:24Z",
	    "2026-11-24T24:00:00Z",
	    "2026-11-24T10:60:24Z",
	    "2026-11-24T10:58:61Z",
	    "26-11-24T10:58:24Z",
	    "+026-11-24T10:58:24Z",
	    "2026-11-2 T10:58:24Z",
	    " 2026-11-24T10:58:24Z",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms = -7;
		if (clock_parse_rfc3339(str_of(bad[i]), &ms))
			fail_msg("accepted %s", bad[i]);
	}
}

static void parses_durations(void **state)
{
	(void)state;
	static const struct sample good[] = {
	    {"90s", 90000},
	    {"1m30s", 90000},
	    {"500ms", 500},
	    {"1.5s", 1500},
	    {"24h", 86400000},
	    {"1h", 3600000},
	    {".5s", 500},
	    {"1.s", 1000},
	    {"0h1s", 1000},
	    {"1h30m", 5400000},
	    {"0.1h", 360000},
	    {"1s1s", 2000},
	    {"1ms", 1},
	    {"1.9999ms", 1},
	    {"00000000000000000001s", 1000},
	    {"0.5ms0.5ms", 1},
	    {"0.0000000000001h1s", 1000},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t ms = -7;
		struct error err;
		if (duration_parse(str_of(good[i].text), &ms, &err) != 0)
			fail_msg("%s", err.message);
		if (ms != good[i].ms)
			fail_msg("%s gave %lld", good[i].text, (long long)ms);
	}
	static const char *const bad[] = {
	    "",       "5",
	    "s",      ".s",
	    "-5s",    "+5s",
	    "5 s",    " 5s",
	    "5S",     "5d",
	    "5us",    "1s5",
	    "0s",     "0.5ms",
	    "25h",    "24h0m0.001s",
	    "86401s", "99999999999999999999999999h",
	    "1e3s",   "1..5s",
	    "0x5s",   "9223372036854775807ms",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms = -7;
		struct error err = {0};
		if (duration_parse(str_of(bad[i]), &ms, &err) == 0)
			fail_msg("accepted %s as %lld", bad[i], (long long)ms);
		assert_int_equal(ms, -7);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
	struct error err;
	int64_t ms;
	duration_parse(STR("25h"), &ms, &err);
	assert_string_equal(err.message, "invalid duration \"25h\": must be at most 24h");
	duration_parse(STR("5"), &ms, &err);
	assert_string_equal(err.message,
			    "invalid duration \"5\": must be numbers with the units h, m, s or ms, such as "
			    "\"90s\", \"1m30s\" or \"500ms\"");
	duration_parse(STR("0s"), &ms, &err);
	assert_string_equal(err.message, "invalid duration \"0s\": must be at least 1ms");
	duration_parse((struct str){NULL, 0}, &ms, &err);
	assert_non_null(strstr(err.message, "invalid duration \"\""));
}

static void formats_durations(void **state)
{
	(void)state;
	static const struct sample samples[] = {
	    {"30s", 30000},   {"1m30s", 90000}, {"1h", 3600000},        {"1.5s", 1500},
	    {"250ms", 250},   {"1m", 60000},    {"24h", 86400000},      {"1h1s", 3601000},
	    {"1.001s", 1001}, {"1.25s", 1250},  {"1m0.001s", 60001},    {"0s", 0},
	    {"-1.5s", -1500}, {"-5ms", -5},     {"1h1m1.01s", 3661010},
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		char text[DURATION_SIZE];
		duration_format(samples[i].ms, text);
		assert_string_equal(text, samples[i].text);
		int64_t back;
		if (samples[i].ms > 0) {
			assert_int_equal(duration_parse(str_of(text), &back, NULL), 0);
			assert_true(back == samples[i].ms);
		}
	}
	char text[DURATION_SIZE];
	duration_format(INT64_MIN, text);
	assert_string_equal(text, "-2562047788015h12m55.808s");
	duration_format(INT64_MAX, text);
	assert_string_equal(text, "2562047788015h12m55.807s");
}

static int64_t fixed(void *context)
{
	return *(int64_t *)context;
}

static void clocks_can_be_stepped(void **state)
{
	(void)state;
	int64_t now = 5;
	struct clock clock = {fixed, fixed, &now};
	assert_int_equal(clock_wall_ms(&clock), 5);
	now = 6;
	assert_int_equal(clock_monotonic_us(&clock), 6);
	assert_true(clock_wall_ms(&clock_system) > INT64_C(1700000000000));
	int64_t before = clock_monotonic_us(&clock_system);
	assert_true(clock_monotonic_us(&clock_system) >= before);
}

static void test_doubled(void **state)
{
	(void)state;
	assert_int_equal(duration_doubled(500, 0, 10000), 500);
	assert_int_equal(duration_doubled(500, 3, 10000), 4000);
	assert_int_equal(duration_doubled(500, 5, 10000), 10000);
	assert_int_equal(duration_doubled(500, UINT_MAX, 10000), 10000);
	assert_int_equal(duration_doubled(500, 0, 100), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_doubled),          cmocka_unit_test(formats_rfc3339),
	    cmocka_unit_test(formats_micro_time),    cmocka_unit_test(parses_rfc3339),
	    cmocka_unit_test(parses_durations),      cmocka_unit_test(formats_durations),
	    cmocka_unit_test(clocks_can_be_stepped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
