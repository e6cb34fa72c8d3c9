#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/range.h"

static void test_ranges(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		int64_t size;
		enum range_wish wish;
		int64_t offset, length;
	} rows[] = {
	    {"bytes=0-0", 10, RANGE_PART, 0, 1},
	    {"bytes=2-5", 10, RANGE_PART, 2, 4},
	    {" Bytes = 2 - 5 ", 10, RANGE_PART, 2, 4},
	    {"bytes=0-9", 10, RANGE_PART, 0, 10},
	    {"bytes=9-", 10, RANGE_PART, 9, 1},
	    {"bytes=5-99999999999999999999999", 10, RANGE_PART, 5, 5},
	    {"bytes=-1", 10, RANGE_PART, 9, 1},
	    {"bytes=-10", 10, RANGE_PART, 0, 10},
	    {"bytes=-99999999999999999999999", 10, RANGE_PART, 0, 10},
	    /* behind the end */
	    {"bytes=10-", 10, RANGE_NONE, 0, 10},
	    {"bytes=10-20", 10, RANGE_NONE, 0, 10},
	    {"bytes=99999999999999999999999-", 10, RANGE_NONE, 0, 10},
	    {"bytes=9223372036854775807-", INT64_MAX, RANGE_NONE, 0, INT64_MAX},
	    {"bytes=-0", 10, RANGE_NONE, 0, 10},
	    {"bytes=0-", 0, RANGE_NONE, 0, 0},
	    {"bytes=-5", 0, RANGE_WHOLE, 0, 0},
	    /* of no effect */
	    {"", 10, RANGE_WHOLE, 0, 10},
	    {"bytes", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=-", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=5", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=5-2", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=--5", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=+1-2", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=0x1-2", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=1-2-3", 10, RANGE_WHOLE, 0, 10},
	    {"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 10},
	    {"lines=0-1", 10, RANGE_WHOLE, 0, 10},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t offset = -1, length = -1;
		enum range_wish wish = range_read(str_of(rows[i].header), rows[i].size, &offset, &length);
		if (wish != rows[i].wish || offset != rows[i].offset || length != rows[i].length)
			fail_msg("%s: %d %lld %lld", rows[i].header, wish, (long long)offset,
				 (long long)length);
	}
}

static void test_entity_tags(void **state)
{
	(void)state;
	const struct str tag = STR("\"abc\"");
	static const char *const have[] = {"\"abc\"", " W/\"abc\" ", "\"x\", \"abc\"", "*",
					   "\"x\",W/\"abc\",\"y\""};
	static const char *const lack[] = {"",          "abc", "\"ab\"", "\"abcd\"", "\"x\",\"y\"",
					   "w/\"abc\"", "W/",  ","};
	for (size_t i = 0; i < sizeof(have) / sizeof(have[0]); i++)
		assert_true(etag_list_has(str_of(have[i]), tag));
	for (size_t i = 0; i < sizeof(lack) / sizeof(lack[0]); i++)
		assert_false(etag_list_has(str_of(lack[i]), tag));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ranges),
	    cmocka_unit_test(test_entity_tags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
