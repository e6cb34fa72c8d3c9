#include "lib/api/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

struct sample {
	char *text, *raw;
	int64_t count, whole, time;
	double number;
	bool flag;
	char **list;
	size_t list_count;
};

static int read_list(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	struct sample *sample = target;
	return json_read_list(value, path, max, sizeof(char *), json_read_string, (void **)&sample->list,
			      &sample->list_count, err);
}

static const struct json_field fields[] = {
    {"text", json_read_string, offsetof(struct sample, text), 8},
    {"raw", json_read_raw, offsetof(struct sample, raw), 64},
    {"count", json_read_count, offsetof(struct sample, count), 100},
    {"whole", json_read_int, offsetof(struct sample, whole), 100},
    {"number", json_read_number, offsetof(struct sample, number), 1000},
    {"flag", json_read_bool, offsetof(struct sample, flag), 0},
    {"time", json_read_time, offsetof(struct sample, time), 0},
    {"list", read_list, 0, 3},
};

static int read_sample(const char *json, struct sample *ret, struct error *err)
{
	*ret = (struct sample){0};
	if (json_check_object(str_of(json), err) != 0)
		return -1;
	return json_read_object(str_of(json), NULL, fields, JSON_FIELD_COUNT(fields), ret, err);
}

static void free_sample(struct sample *sample)
{
	free(sample->text);
	free(sample->raw);
	for (size_t i = 0; i < sample->list_count; i++)
		free(sample->list[i]);
	free(sample->list);
}

static void reads_every_type(void **state)
{
	(void)state;
	struct sample sample;
	struct error err;
	assert_int_equal(
	    read_sample("{\"unknown\":{\"text\":1},\"te\\u0078t\":\"a\\u00e9\\n\",\"raw\":{ \"b\" : 1e400},"
			"\"count\":100,\"whole\":-100,\"number\":12.5,\"flag\":true,"
			"\"time\":\"2026-11-24T10:58:24.5Z\",\"list\":[\"x\",\"y\"]}",
			&sample, &err),
	    0);
	assert_string_equal(sample.text, "a\xc3\xa9\n");
	assert_string_equal(sample.raw, "{ \"b\" : 1e400}");
	assert_int_equal(sample.count, 100);
	assert_int_equal(sample.whole, -100);
	assert_true(sample.number > 12.49 && sample.number < 12.51);
	assert_true(sample.flag);
	assert_int_equal(sample.time, 1795517904500);
	assert_int_equal(sample.list_count, 2);
	assert_string_equal(sample.list[1], "y");
	free_sample(&sample);
}

static void null_is_absent(void **state)
{
	(void)state;
	struct sample sample;
	struct error err;
	assert_int_equal(
	    read_sample("{\"text\":null,\"list\":null,\"count\":null,\"time\":null}", &sample, &err), 0);
	assert_null(sample.text);
	assert_int_equal(sample.list_count, 0);
	free_sample(&sample);
}

static void errors_name_the_field(void **state)
{
	(void)state;
	static const struct {
		const char *json, *message;
	} rows[] = {
	    {"{\"text\":7}", "text: must be a string, not a number"},
	    {"{\"text\":{}}", "text: must be a string, not an object"},
	    {"{\"text\":\"123456789\"}", "text: is longer than 8 bytes"},
	    {"{\"text\":\"a\\u0000b\"}", "text: contains a NUL character"},
	    {"{\"text\":\"a\",\"te\\u0078t\":\"b\"}", "text: is given twice"},
	    {"{\"count\":-1}", "count: must be a whole number from 0 to 100, not -1"},
	    {"{\"count\":101}", "count: must be a whole number from 0 to 100, not 101"},
	    {"{\"count\":1.0}", "count: must be a whole number from 0 to 100, not 1.0"},
	    {"{\"count\":1e1}", "count: must be a whole number from 0 to 100, not 1e1"},
	    {"{\"count\":99999999999999999999}",
	     "count: must be a whole number from 0 to 100, not 99999999999999999999"},
	    {"{\"count\":\"1\"}", "count: must be a number, not a string"},
	    {"{\"whole\":-101}", "whole: must be a whole number from -100 to 100, not -101"},
	    {"{\"number\":1e400}", "number: must be within 1000, not 1e400"},
	    {"{\"number\":-1001}", "number: must be within 1000, not -1001"},
	    {"{\"number\":0.00000000000000000000000000000000000000000000000000000000000001}",
	     "number: has too many digits"},
	    {"{\"flag\":\"true\"}", "flag: must be true or false, not a string"},
	    {"{\"time\":\"yesterday\"}", "time: must be an RFC 3339 time"},
	    {"{\"time\":12}", "time: must be a string, not a number"},
	    {"{\"list\":\"x\"}", "list: must be a list, not a string"},
	    {"{\"list\":[\"a\",\"b\",3]}", "list[2]: must be a string, not a number"},
	    {"{\"list\":[\"a\",null]}", "list[1]: must be a string, not null"},
	    {"{\"list\":[\"a\",\"b\",\"c\",\"d\"]}", "list: has 4 elements, more than 3"},
	    {"[]", "must be an object, not a list"},
	    {"7", "must be an object, not a number"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sample sample;
		struct error err = {0};
		assert_int_equal(read_sample(rows[i].json, &sample, &err), -1);
		assert_string_equal(err.message, rows[i].message);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		free_sample(&sample);
	}
}

static void bad_text_is_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "",
	    "{",
	    "{\"a\":1,}",
	    "{\"a\":1}x",
	    "{\"a\":01}",
	    "{\"a\":NaN}",
	    "{'a':1}",
	    "{\"a\":\"\xc0\xaf\"}",
	    "{\"a\":\"\xed\xa0\x80\"}",
	    "{\"a\":\"\n\"}",
	    "{\"a\":\"\\x\"}",
	    "\xef\xbb\xbf{}",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = {0};
		assert_int_equal(json_check_object(str_of(texts[i]), &err), -1);
		assert_non_null(strstr(err.message, "invalid JSON at byte"));
	}
	struct error err = {0};
	cleanup_free char *large = malloc(JSON_OBJECT_MAX + 1);
	assert_non_null(large);
	memset(large, ' ', JSON_OBJECT_MAX + 1);
	assert_int_equal(json_check_object((struct str){large, JSON_OBJECT_MAX + 1}, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void half_a_surrogate_is_refused(void **state)
{
	(void)state;
	struct sample sample;
	struct error err;
	assert_int_equal(read_sample("{\"text\":\"\\ud800\"}", &sample, &err), -1);
	assert_non_null(strstr(err.message, "text: "));
	assert_non_null(strstr(err.message, "surrogate"));
	free_sample(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_every_type),
	    cmocka_unit_test(null_is_absent),
	    cmocka_unit_test(errors_name_the_field),
	    cmocka_unit_test(bad_text_is_refused),
	    cmocka_unit_test(half_a_surrogate_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
