#include "lib/base/jsontext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The parts of an array or object as "part|part|", and what ends them. */
static enum jsontext_split split(struct str text, struct buffer *out)
{
	enum jsontext_split result;
	size_t position = 0;
	struct str key, value;
	bool object = text.n && str_trim(text).p[0] == '{';

	buffer_append_c(out, "");
	while ((result = object ? jsontext_split_member(text, &position, &key, &value)
				: jsontext_split_element(text, &position, &value)) == JSONTEXT_PART) {
		if (object)
			buffer_appendf(out, "%.*s=", (int)key.n, key.p);
		buffer_append_str(out, value);
		buffer_append_byte(out, '|');
	}
	return result;
}

static void parts_stand_as_they_are(void **state)
{
	static const struct {
		const char *text, *parts;
		enum jsontext_split end;
	} rows[] = {
	    {"[]", "", JSONTEXT_END},
	    {" [ \n] ", "", JSONTEXT_END},
	    {"{}", "", JSONTEXT_END},
	    {"[1]", "1|", JSONTEXT_END},
	    {"[1, 2 ,\t3]", "1|2|3|", JSONTEXT_END},
	    {"[[1,2],{\"a\":[3,4]}, \"x,]y\"]", "[1,2]|{\"a\":[3,4]}|\"x,]y\"|", JSONTEXT_END},
	    {"{\"a\":1, \"b\" : [2,3], \"b\":{}}", "a=1|b=[2,3]|b={}|", JSONTEXT_END},
	    {"{\"\\u0061\":1,\"\":2}", "\\u0061=1|=2|", JSONTEXT_END},
	    /* bad ones among good ones */
	    {"[1, nonsense here ,2]", "1|nonsense here|2|", JSONTEXT_END},
	    {"[1,,2,]", "1||2||", JSONTEXT_END},
	    {"[1,{\"a\":[1},2},3]", "1|{\"a\":[1},2}|3|", JSONTEXT_END}, /* wrong kinds, right number */
	    {"[1,{]},2]", "1|{]|", JSONTEXT_BROKEN},                     /* more closed than opened */
	    {"[{\"a\":1,\"a\":2},7]", "{\"a\":1,\"a\":2}|7|", JSONTEXT_END},
	    {"[\"\\\"],\",1]", "\"\\\"],\"|1|", JSONTEXT_END},
	    {"[\"\\\\\",1]", "\"\\\\\"|1|", JSONTEXT_END},
	    /* nothing to tell apart */
	    {"", "", JSONTEXT_BROKEN},
	    {" ", "", JSONTEXT_BROKEN},
	    {"[", "", JSONTEXT_BROKEN},
	    {"{", "", JSONTEXT_BROKEN},
	    {"1", "", JSONTEXT_BROKEN},
	    {"null", "", JSONTEXT_BROKEN},
	    {"[1", "", JSONTEXT_BROKEN},
	    {"[1,", "1|", JSONTEXT_BROKEN},
	    {"[1,[2]", "1|", JSONTEXT_BROKEN},
	    {"[1,\"2]", "1|", JSONTEXT_BROKEN},
	    {"[1,\"2\\", "1|", JSONTEXT_BROKEN},
	    {"[1}", "1|", JSONTEXT_BROKEN},
	    {"[1] x", "1|", JSONTEXT_BROKEN},
	    {"[1]]", "1|", JSONTEXT_BROKEN},
	    {"{\"a\":1]", "a=1|", JSONTEXT_BROKEN},
	    {"{\"a\":1} 2", "a=1|", JSONTEXT_BROKEN},
	    {"{\"a\" 1}", "", JSONTEXT_BROKEN},
	    {"{\"a\":1,}", "a=1|", JSONTEXT_BROKEN},
	    {"{a:1}", "", JSONTEXT_BROKEN},
	    {"{\"a", "", JSONTEXT_BROKEN},
	    {"{\"a\"", "", JSONTEXT_BROKEN},
	    {"{\"a\":", "", JSONTEXT_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buffer struct buffer parts = BUFFER(4096);
		/* without what stands behind it in memory: a read too far is an error of the sanitizer */
		char *copy = str_dup(str_of(rows[i].text));
		enum jsontext_split end = split((struct str){copy, strlen(copy)}, &parts);

		if (end != rows[i].end || strcmp(parts.data, rows[i].parts) != 0)
			fail_msg("%s: \"%s\", end %d", rows[i].text, parts.data, (int)end);
		free(copy);
	}
}

/* What a text looks like when it is cut, or a byte of it is another, is its reader's business: it ends, and
 * nothing is read behind it. */
static void cut_and_changed_anywhere(void **state)
{
	static const char text[] = "{\"a\":[1,{\"b\":\"x\\\"y\"}], \"c\" : {\"d\":[]}, \"e\":\"\\u0000\"}";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		for (int byte = -1; byte < 256; byte++) {
			cleanup_buffer struct buffer parts = BUFFER(4096);
			char *copy = str_dup((struct str){text, n});

			if (byte >= 0 && n > 0)
				copy[n / 2] = (char)byte;
			split((struct str){copy, n}, &parts);
			free(copy);
		}
}

static void fill(struct buffer *out, const char *text, size_t count)
{
	while (count-- > 0)
		buffer_append_c(out, text);
}

/* Next to each of them, good ones come through. */
static void good_ones_next_to_poison(void **state)
{
	static const struct {
		const char *open, *middle, *close;
		size_t count;
	} rows[] = {
	    {"[", "", "]", 10000}, {"{\"a\":", "1", "}", 10000},     {"[", "", "}", 1000000},
	    {"", "\"", "", 1},     {"[", "\"]]]]{{{{\"", "]", 5000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buffer struct buffer text = BUFFER(16 << 20), poison = BUFFER(8 << 20);
		size_t position = 0;
		struct str value;

		fill(&poison, rows[i].open, rows[i].count);
		buffer_append_c(&poison, rows[i].middle);
		if (strcmp(rows[i].middle, "\"") == 0) { /* a string of a mebibyte, with NULs in it */
			for (size_t k = 0; k < 1 << 20; k++)
				buffer_append_byte(&poison, k % 5 ? 'x' : '\0');
			buffer_append_byte(&poison, '"');
		}
		fill(&poison, rows[i].close, rows[i].count);
		buffer_append_c(&text, "[{\"good\":1},");
		buffer_append_str(&text, buffer_str(&poison));
		buffer_append_c(&text, ",{\"good\":2}]");
		assert_false(text.failed);
		assert_int_equal(jsontext_split_element(buffer_str(&text), &position, &value), JSONTEXT_PART);
		assert_true(str_eq(value, STR("{\"good\":1}")));
		assert_int_equal(jsontext_split_element(buffer_str(&text), &position, &value), JSONTEXT_PART);
		assert_true(str_eq(value, buffer_str(&poison)));
		assert_int_equal(jsontext_split_element(buffer_str(&text), &position, &value), JSONTEXT_PART);
		assert_true(str_eq(value, STR("{\"good\":2}")));
		assert_int_equal(jsontext_split_element(buffer_str(&text), &position, &value), JSONTEXT_END);
	}
}

static void finding(void **state)
{
	struct str value = STR("untouched");

	(void)state;
	assert_true(jsontext_split_find(STR("{\"a\":[[[,\"b\":2,\"a\":3}"), STR("a"), &value) == false);
	assert_true(str_eq(value, STR("untouched")));
	assert_true(jsontext_split_find(STR("{\"a\":1,\"b\":2,\"a\":3}"), STR("a"), &value));
	assert_true(str_eq(value, STR("3"))); /* the last, as kube-apiserver takes it */
	assert_true(jsontext_split_find(STR("{\"a\":1,\"x\":nonsense,\"b\": 2 }"), STR("b"), &value));
	assert_true(str_eq(value, STR("2")));
	assert_false(jsontext_split_find(STR("{\"a\":1}"), STR("A"), &value));
	assert_false(jsontext_split_find(STR("[\"a\",1]"), STR("a"), &value));
	assert_false(jsontext_split_find(STR(""), STR("a"), &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parts_stand_as_they_are),
	    cmocka_unit_test(cut_and_changed_anywhere),
	    cmocka_unit_test(good_ones_next_to_poison),
	    cmocka_unit_test(finding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
