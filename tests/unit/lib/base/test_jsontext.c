/* lib/base/jsontext.c and jsontext_walk.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/jsontext.h"

#include <stdlib.h>
#include <time.h>

struct refusal {
	const char *text, *message;
};

static void accepts_rfc8259(void **state)
{
	(void)state;
	static const char *const good[] = {
	    "{}",
	    "[]",
	    " \t\r\n null \n",
	    "true",
	    "false",
	    "0",
	    "-0",
	    "-0.0e-0",
	    "1E+2",
	    "1e400",
	    "-1e-400",
	    "1234567890123456789012345678901234567890",
	    "0.1234567890123456789012345678901234567890",
	    "\"\"",
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD83D\\ude00\"",
	    "\"\\ud800\"", /* the grammar allows half a pair */
	    "\"\x7f\xc2\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf\"",
	    "[[],{},\"\",0,null,[[[]]]]",
	    "{\"a\":{\"b\":[1,2,{\"c\":3}]},\"\":0}",
	    "{\"a\":1,\"a\":2}", /* user data may have a key twice */
	    "[1 , 2\n,3 ]",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct error err;
		if (jsontext_check(str_of(good[i]), NULL, &err) != 0)
			fail_msg("%s: %s", good[i], err.message);
	}
}

/* Strings are scanned by words of 8 bytes: what is special is seen wherever it is in one. */
static void sees_each_byte_at_each_place(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++)
		for (size_t at = 1; at < 20; at++) {
			char text[] = "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxx\"";
			struct error err;
			text[at] = (char)c;
			bool is_good = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
			if ((jsontext_check(str_of(text), NULL, &err) == 0) != is_good)
				fail_msg("byte %d at %zu: %s", c, at, is_good ? err.message : "taken");
		}
}

/* A string's end is found by its quotes: an escaped one is none, wherever it is. */
static void finds_the_end_of_strings(void **state)
{
	(void)state;
	for (size_t escapes = 0; escapes < 9; escapes++)
		for (size_t plain = 0; plain < 9; plain++) {
			cleanup_buffer struct buffer text = BUFFER(256);
			struct str first, second;
			size_t position = 0;
			buffer_append_c(&text, "[\"");
			for (size_t i = 0; i < escapes; i++)
				buffer_append_c(&text, i % 3 == 0 ? "\\\"" : "\\\\");
			for (size_t i = 0; i < plain; i++)
				buffer_append_c(&text, "x");
			size_t end = text.len + 1;
			buffer_append_c(&text, "\",\"]\"]");
			assert_true(jsontext_next_element(buffer_str(&text), &position, &first));
			assert_ptr_equal(first.p + first.n, text.data + end);
			assert_true(jsontext_next_element(buffer_str(&text), &position, &second));
			assert_true(str_eq(second, STR("\"]\"")));
		}
}

static void refuses_what_is_not_json(void **state)
{
	(void)state;
	static const struct refusal bad[] = {
	    {"", "byte 1 (line 1, column 1): unexpected end, expected a value"},
	    {"  ", "byte 3 (line 1, column 3): unexpected end, expected a value"},
	    {"nul", "byte 1 (line 1, column 1): expected a value"},
	    {"nulll", "byte 5 (line 1, column 5): there is more behind the value"},
	    {"NaN", "byte 1 (line 1, column 1): NaN is no JSON: write null or a string"},
	    {"Infinity", "byte 1 (line 1, column 1): Infinity is no JSON: write null or a string"},
	    {"-Infinity", "byte 1 (line 1, column 1): -Infinity is no JSON: write null or a string"},
	    {"{\"a\":\n [1, NaN]}", "byte 12 (line 2, column 6): NaN is no JSON: write null or a string"},
	    {"[-NaN]", "byte 2 (line 1, column 2): -NaN is no JSON: write null or a string"},
	    {"[-inf]", "byte 2 (line 1, column 2): -inf is no JSON: write null or a string"},
	    {"[-]", "byte 3 (line 1, column 3): expected a digit"},
	    {"[NaNs]", "byte 2 (line 1, column 2): expected a value"},
	    {"[info]", "byte 2 (line 1, column 2): expected a value"},
	    {"{\"a\":None}", "byte 6 (line 1, column 6): None is no JSON: write null"},
	    {"[True]", "byte 2 (line 1, column 2): True is no JSON: write true"},
	    {"[False]", "byte 2 (line 1, column 2): False is no JSON: write false"},
	    {"[undefined]", "byte 2 (line 1, column 2): undefined is no JSON: write null, or leave it out"},
	    {"'a'", "byte 1 (line 1, column 1): a string stands in double quotes, not in single ones"},
	    {"01", "byte 2 (line 1, column 2): a number has no leading zeros"},
	    {"-01", "byte 3 (line 1, column 3): a number has no leading zeros"},
	    {"+1", "byte 1 (line 1, column 1): a number has no plus sign"},
	    {".5", "byte 1 (line 1, column 1): expected a digit before the decimal point"},
	    {"1.", "byte 3 (line 1, column 3): expected a digit after the decimal point"},
	    {"1.e3", "byte 3 (line 1, column 3): expected a digit after the decimal point"},
	    {"1e", "byte 3 (line 1, column 3): expected a digit in the exponent"},
	    {"1e+", "byte 4 (line 1, column 4): expected a digit in the exponent"},
	    {"0x10", "byte 2 (line 1, column 2): there is more behind the value"},
	    {"1 2", "byte 3 (line 1, column 3): there is more behind the value"},
	    {"{} x", "byte 4 (line 1, column 4): there is more behind the value"},
	    {"[1,]", "byte 4 (line 1, column 4): expected a value (no comma may stand before ']')"},
	    {"[1, ]", "byte 5 (line 1, column 5): expected a value (no comma may stand before ']')"},
	    {"{\"a\":]", "byte 6 (line 1, column 6): expected a value"},
	    {"[,1]", "byte 2 (line 1, column 2): expected a value"},
	    {"[1 2]", "byte 4 (line 1, column 4): expected ',' or ']'"},
	    {"[1}", "byte 3 (line 1, column 3): expected ',' or ']'"},
	    {"[1", "byte 3 (line 1, column 3): unexpected end inside an array"},
	    {"[", "byte 2 (line 1, column 2): unexpected end, expected a value"},
	    {"]", "byte 1 (line 1, column 1): expected a value"},
	    {"{", "byte 2 (line 1, column 2): unexpected end inside an object"},
	    {"{\"a\"", "byte 5 (line 1, column 5): unexpected end inside an object"},
	    {"{\"a\":", "byte 6 (line 1, column 6): unexpected end, expected a value"},
	    {"{\"a\":1", "byte 7 (line 1, column 7): unexpected end inside an object"},
	    {"{\"a\":1,}", "byte 8 (line 1, column 8): expected a key (no comma may stand before '}')"},
	    {"{'a':1}", "byte 2 (line 1, column 2): expected a key in double quotes"},
	    {"{\"a\" 1}", "byte 6 (line 1, column 6): expected ':' after a key"},
	    {"{a:1}", "byte 2 (line 1, column 2): expected a key in double quotes"},
	    {"{1:1}", "byte 2 (line 1, column 2): expected a key in double quotes"},
	    {"{\"a\":1]", "byte 7 (line 1, column 7): expected ',' or '}'"},
	    {"\"abc", "byte 5 (line 1, column 5): unexpected end inside a string"},
	    {"\"\\", "byte 3 (line 1, column 3): unexpected end inside a string"},
	    {"\"\\x41\"", "byte 2 (line 1, column 2): unknown escape in a string"},
	    {"\"\\u12\"", "byte 2 (line 1, column 2): \\u needs four hexadecimal digits"},
	    {"\"\\u12", "byte 2 (line 1, column 2): \\u needs four hexadecimal digits"},
	    {"\"\\u-123\"", "byte 2 (line 1, column 2): \\u needs four hexadecimal digits"},
	    {"\"a\nb\"", "byte 3 (line 1, column 3): control character inside a string (it must be escaped)"},
	    {"\"a\tb\"", "byte 3 (line 1, column 3): control character inside a string (it must be escaped)"},
	    {"{\n  \"a\": 1,\n  \"b\": tru\n}", "byte 20 (line 3, column 8): expected a value"},
	    {"[\"\xe2\x82\xac\", x]",
	     "byte 9 (line 1, column 7): expected a value"}, /* a column is a character */
	    {"\"\xff\"", "byte 2 (line 1, column 2): invalid UTF-8"},
	    {"\"\xc0\x80\"", "byte 2 (line 1, column 2): invalid UTF-8"},
	    {"\"\xed\xa0\x80\"", "byte 2 (line 1, column 2): invalid UTF-8"},
	    {"\"\xe2\x82", "byte 2 (line 1, column 2): invalid UTF-8"},
	    {"\xff", "byte 1 (line 1, column 1): expected a value"},
	    {"\xef\xbb\xbf{}", "byte 1 (line 1, column 1): a byte order mark is not allowed"},
	    {"/* c */ 1", "byte 1 (line 1, column 1): JSON has no comments"},
	    {"[1, // c\n2]", "byte 5 (line 1, column 5): JSON has no comments"},
	    {"\xff\xfe{", "byte 1 (line 1, column 1): this is UTF-16, and JSON is UTF-8"},
	    {"[1]\x0b",
	     "byte 4 (line 1, column 4): there is more behind the value"}, /* no white space of JSON's */
	    {"\xc2\xa0"
	     "1",
	     "byte 1 (line 1, column 1): expected a value"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};
		char expected[256];
		snprintf(expected, sizeof(expected), "invalid JSON at %s", bad[i].message);
		if (jsontext_check(str_of(bad[i].text), NULL, &err) == 0)
			fail_msg("accepted %s", bad[i].text);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_string_equal(err.message, expected);
	}
	struct error err;
	assert_int_equal(jsontext_check((struct str){"1\0", 2}, NULL, &err), -1);
	assert_int_equal(jsontext_check((struct str){"\"\0\"", 3}, NULL, &err), -1);
	assert_int_equal(jsontext_check((struct str){"\"\\\0\"", 4}, NULL, &err), -1);
	assert_int_equal(jsontext_check((struct str){NULL, 0}, NULL, &err), -1);
}

/* Every prefix of a good text is read within its bounds (each on the heap, so that the sanitizer sees a byte
 * too many). */
static void never_reads_beyond_the_end(void **state)
{
	(void)state;
	static const char text[] =
	    "{\"a\\u00e9\\n\":[-1.5e+3,true,\"\xf0\x9f\x98\x80\\ud83d\\ude00\",{\"b\":null}], \"c\" : {} }";
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, text, n);
		struct str part = {copy, n}, key, value;
		assert_int_equal(jsontext_check(part, NULL, NULL), -1);
		size_t position = 0; /* and the walkers stay inside whatever they are given */
		while (jsontext_next_member(part, &position, &key, &value))
			;
		position = 0;
		while (jsontext_next_element(part, &position, &value))
			;
		jsontext_member(part, STR("zz"), &value);
		free(copy);
	}
	assert_int_equal(jsontext_check(str_of(text), NULL, NULL), 0);
}

static int check_nested(unsigned depth, unsigned max)
{
	cleanup_buffer struct buffer b = BUFFER(1 << 20);
	for (unsigned i = 0; i < depth; i++)
		buffer_append_c(&b, i % 2 ? "{\"a\":" : "[");
	buffer_append_c(&b, "1");
	for (unsigned i = depth; i-- > 0;)
		buffer_append_c(&b, i % 2 ? "}" : "]");
	struct jsontext_rules rules = {.max_depth = max};
	struct error err = {0};
	int status = jsontext_check(buffer_str(&b), &rules, &err);
	char limit[64];
	unsigned effective = max == 0 ? 128 : max > 1024 ? 1024 : max;
	snprintf(limit, sizeof(limit), "nested deeper than %u levels, the limit", effective);
	if (status != 0)
		assert_non_null(strstr(err.message, limit));
	return status;
}

static void depth_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(check_nested(32, 32), 0);
	assert_int_equal(check_nested(33, 32), -1);
	assert_int_equal(check_nested(128, 0), 0);
	assert_int_equal(check_nested(129, 0), -1);
	assert_int_equal(check_nested(1, 1), 0);
	assert_int_equal(check_nested(1024, 4000000000u), 0);
	assert_int_equal(check_nested(1025, 4000000000u), -1);
	assert_int_equal(check_nested(100000, 0), -1);
}

/* Hundreds of thousands of levels cost a bit each; wrong brackets are found at each of them. */
static void any_depth_when_asked(void **state)
{
	static const unsigned depths[] = {1, 64, 65, 1023, 1024, 1025, 2048, 2049, 10000, 300000};
	(void)state;
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
		cleanup_buffer struct buffer b = BUFFER(4 << 20), small = BUFFER(4 << 20);
		unsigned depth = depths[i];
		for (unsigned k = 0; k < depth; k++)
			buffer_append_c(&b, k % 3 ? "[ " : "{\"a\":");
		buffer_append_c(&b, "\"]}\\\"\"");
		for (unsigned k = depth; k-- > 0;)
			buffer_append_c(&b, k % 3 ? "]" : "}");
		assert_int_equal(jsontext_check(buffer_str(&b), &rules, NULL), 0);
		assert_int_equal(jsontext_minify(buffer_str(&b), &rules, &small, NULL), 0);
		assert_int_equal(small.len, b.len - (depth - (depth + 2) / 3)); /* without the blanks */
		assert_int_equal(jsontext_depth(buffer_str(&b)), depth);
		for (unsigned wrong = 0; wrong < depth; wrong += depth / 3 + 1) {
			char *bracket = &b.data[b.len - 1 - wrong], right = *bracket;
			*bracket = right == ']' ? '}' : ']';
			assert_int_equal(jsontext_check(buffer_str(&b), &rules, NULL), -1);
			*bracket = right;
		}
		assert_int_equal(jsontext_check((struct str){b.data, b.len - 1}, &rules, NULL), -1);
	}
	struct jsontext_rules both = {.max_depth = JSONTEXT_ANY_DEPTH, .refuse_duplicates = true};
	cleanup_buffer struct buffer b = BUFFER(4096);
	for (unsigned k = 0; k < 1025; k++)
		buffer_append_byte(&b, '[');
	for (unsigned k = 0; k < 1025; k++)
		buffer_append_byte(&b, ']');
	assert_int_equal(jsontext_check(buffer_str(&b), &both, NULL), -1); /* keys are kept: bounded */
}

static void depth_of_a_value(void **state)
{
	static const struct {
		const char *text;
		size_t depth;
	} rows[] = {{"1", 0},         {"\"[[[\"", 0},          {"[]", 1},
		    {"[[],[[]]]", 3}, {"{\"[{\":[\"}\"]}", 2}, {" { \"a\" : { } } ", 2}};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(jsontext_depth(str_of(rows[i].text)), rows[i].depth);
}

static void duplicates_when_asked(void **state)
{
	(void)state;
	struct jsontext_rules rules = {.refuse_duplicates = true};
	static const char *const good[] = {
	    "{\"a\":1,\"A\":2,\"b\":{\"a\":1},\"c\":[{\"a\":1},{\"a\":2}]}",
	    "{\"\":1}",
	    "{\"a\":1,\"aa\":2,\"\\u0000\":3,\"\":4}",
	    "{\"\\ud800\":1,\"\\ud801\":2}",
	    "{}",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct error err;
		if (jsontext_check(str_of(good[i]), &rules, &err) != 0)
			fail_msg("%s: %s", good[i], err.message);
	}
	static const struct refusal bad[] = {
	    {"{\"a\":1,\"a\":2}", "invalid JSON at byte 8 (line 1, column 8): duplicate key \"a\""},
	    {"{\"\":1,\"\":2}", "invalid JSON at byte 7 (line 1, column 7): duplicate key \"\""},
	    {"{\"a\":1,\"\\u0061\":2}",
	     "invalid JSON at byte 8 (line 1, column 8): duplicate key \"\\u0061\""},
	    {"{\"x\":{\"b\":1,\"c\":1},\"y\":[{\"q\":1}],\"x\":2}",
	     "invalid JSON at byte 34 (line 1, column 34): duplicate key \"x\""},
	    {"{\"k\":[{\"z\":1,\"y\":1,\"z\":1,\"y\":2}]}",
	     "invalid JSON at byte 20 (line 1, column 20): duplicate key \"z\""},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = {0};
		assert_int_equal(jsontext_check(str_of(bad[i].text), &rules, &err), -1);
		assert_string_equal(err.message, bad[i].message);
	}
}

/* A key of any length, with any escapes, is shown in bounds. */
static void duplicates_that_are_long(void **state)
{
	(void)state;
	struct jsontext_rules rules = {.refuse_duplicates = true};
	struct error err;
	cleanup_buffer struct buffer b = BUFFER(1 << 16);
	for (int twice = 0; twice < 2; twice++) {
		buffer_append_c(&b, twice ? ",\"\\\"\\\\" : "{\"\\\"\\\\");
		for (int i = 0; i < 1000; i++)
			buffer_append_c(&b, "\xe2\x82\xac");
		buffer_append_c(&b, "\":0");
	}
	buffer_append_c(&b, "}");
	assert_int_equal(jsontext_check(buffer_str(&b), &rules, &err), -1);
	assert_non_null(strstr(err.message, "duplicate key \"\\\"\\\\\xe2\x82\xac"));
	assert_non_null(strstr(err.message, "\xe2\x82\xac\xe2\x80\xa6\""));
	assert_true(strlen(err.message) < 200);
}

static void minify(const char *text, const char *expected)
{
	cleanup_buffer struct buffer out = BUFFER(1000);
	buffer_append_c(&out, "x=");
	assert_int_equal(jsontext_minify(str_of(text), NULL, &out, NULL), 0);
	assert_string_equal(out.data + 2, expected);
}

static void minify_keeps_every_other_byte(void **state)
{
	(void)state;
	minify(" { \"b\" : [ 1.0 , 1e400 , 12345678901234567890123456789012345678901 ] ,\n\t\"a\" : \" x "
	       "\\u0041 \" } ",
	       "{\"b\":[1.0,1e400,12345678901234567890123456789012345678901],\"a\":\" x \\u0041 \"}");
	minify("{\"z\":1,\"a\":2,\"z\":-0}", "{\"z\":1,\"a\":2,\"z\":-0}");
	minify("\r\n[ ]\r\n", "[]");
	minify("{ }", "{}");
	minify(" 1 ", "1");
	minify("1", "1");
}

static void minify_leaves_the_output_alone_when_it_fails(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(10);
	struct error err;
	assert_int_equal(jsontext_minify(STR("[1, 2"), NULL, &out, &err), -1);
	assert_int_equal(out.len, 0);
	buffer_append_c(&out, "abc");
	assert_int_equal(jsontext_minify(STR("[1, 2"), NULL, &out, &err), -1);
	assert_string_equal(out.data, "abc");
	assert_int_equal(out.len, 3);
	assert_int_equal(jsontext_minify(STR("[1, 2, 3, 4]"), NULL, &out, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_string_equal(err.message, "the JSON text is larger than 7 bytes");
	assert_string_equal(out.data, "abc");
	buffer_reset(&out);
	assert_int_equal(jsontext_minify(STR("[1, 2, 3 ,4  ]"), NULL, &out, &err), 0);
	assert_string_equal(out.data, "[1,2,3,4]");
}

static void walks(void **state)
{
	(void)state;
	struct str
	    object = STR(
		" { \"a\" : 1 , \"b\\n\":[1,{\"x\":\"]}\"}] , \"c\":\"q\\\"\" ,\"d\":{} , \"e\" : null} "),
	    key, value;
	static const char *const expected[][2] = {
	    {"a", "1"}, {"b\\n", "[1,{\"x\":\"]}\"}]"}, {"c", "\"q\\\"\""}, {"d", "{}"}, {"e", "null"}};
	size_t position = 0;
	for (size_t i = 0; i < 5; i++) {
		assert_true(jsontext_next_member(object, &position, &key, &value));
		assert_true(str_eq(key, str_of(expected[i][0])));
		assert_true(str_eq(value, str_of(expected[i][1])));
	}
	assert_false(jsontext_next_member(object, &position, &key, &value));
	assert_true(jsontext_member(object, STR("b\n"), &value));
	position = 0;
	struct str element;
	assert_true(jsontext_next_element(value, &position, &element));
	assert_true(str_eq(element, STR("1")));
	assert_true(jsontext_next_element(value, &position, &element));
	assert_int_equal(jsontext_kind_of(element), JSONTEXT_OBJECT);
	assert_true(jsontext_member(element, STR("x"), &element));
	assert_true(str_eq(element, STR("\"]}\"")));
	assert_false(jsontext_next_element(value, &position, &element));
	position = 0;
	assert_false(jsontext_next_member(STR("{ }"), &position, &key, &value));
	position = 0;
	assert_false(jsontext_next_element(STR("[ ]"), &position, &value));
	position = 0;
	assert_false(jsontext_next_member(STR("[1]"), &position, &key, &value));
	assert_false(jsontext_next_member(STR("5"), &position, &key, &value));
}

static void finds_members_by_decoded_key(void **state)
{
	(void)state;
	struct str value;
	struct str object = STR("{\"a\":1,\"\\u0061\":2,\"\\ud83d\\ude00x\":3,\"A\":4,\"\":5,\"\\/"
				"\":6,\"n\":{\"deep\":7},\"\\ud800\":8}");
	assert_true(jsontext_member(object, STR("a"), &value));
	assert_true(str_eq(value, STR("2"))); /* the last one */
	assert_true(jsontext_member(object, STR("\xf0\x9f\x98\x80x"), &value));
	assert_true(str_eq(value, STR("3")));
	assert_true(jsontext_member(object, STR("A"), &value));
	assert_true(jsontext_member(object, STR(""), &value));
	assert_true(str_eq(value, STR("5")));
	assert_true(jsontext_member(object, STR("/"), &value));
	assert_false(jsontext_member(object, STR("deep"), &value));
	assert_false(jsontext_member(object, STR("aa"), &value));
	assert_false(jsontext_member(object, STR("\xf0\x9f\x98\x80"), &value));
	assert_false(jsontext_member(object, STR("\xed\xa0\x80"), &value));
}

static void knows_kinds(void **state)
{
	(void)state;
	assert_int_equal(jsontext_kind_of(STR(" {}")), JSONTEXT_OBJECT);
	assert_int_equal(jsontext_kind_of(STR("[]")), JSONTEXT_ARRAY);
	assert_int_equal(jsontext_kind_of(STR("\"\"")), JSONTEXT_STRING);
	assert_int_equal(jsontext_kind_of(STR("-1")), JSONTEXT_NUMBER);
	assert_int_equal(jsontext_kind_of(STR("true")), JSONTEXT_TRUE);
	assert_int_equal(jsontext_kind_of(STR("false")), JSONTEXT_FALSE);
	assert_int_equal(jsontext_kind_of(STR("null")), JSONTEXT_NULL);
}

static void decodes_strings(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(100);
	assert_int_equal(
	    jsontext_decode_string(
		STR(" \"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\uD83D\\uDE00\\u0000z\" "), &out, NULL),
	    0);
	assert_int_equal(out.len, 20);
	assert_memory_equal(out.data, "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z", 20);
	buffer_reset(&out);
	static const char *const lone[] = {"\"\\ud800\"",  "\"\\udc00\"",    "\"\\ud800\\ud800\"",
					   "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\udc00\\ud800\""};
	buffer_append_c(&out, "kept");
	for (size_t i = 0; i < sizeof(lone) / sizeof(lone[0]); i++) {
		struct error err;
		assert_int_equal(jsontext_decode_string(str_of(lone[i]), &out, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_string_equal(out.data, "kept");
	}
	struct error err;
	assert_int_equal(jsontext_decode_string(STR("1"), &out, &err), -1);
	assert_string_equal(err.message, "expected a JSON string");
	assert_int_equal(jsontext_decode_string(STR("\""), &out, &err), -1);
	cleanup_buffer struct buffer small = BUFFER(3);
	assert_int_equal(jsontext_decode_string(STR("\"abcd\""), &small, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_int_equal(small.len, 0);
}

static void writes_strings(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(1000);
	assert_int_equal(
	    jsontext_append_string(
		&out, (struct str){"a\"\\\b\f\n\r\t\x01\x1f\x7f/\0\xc3\xa9\xff\xed\xa0\x80\xe2\x82", 21}),
	    0);
	assert_string_equal(
	    out.data,
	    "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\\u0000\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	assert_int_equal(jsontext_check(buffer_str(&out), NULL, NULL), 0);
	buffer_reset(&out);
	jsontext_append_string(&out, (struct str){NULL, 0});
	assert_string_equal(out.data, "\"\"");
	cleanup_buffer struct buffer small = BUFFER(5);
	assert_int_equal(jsontext_append_string(&small, STR("abcd")), -1);
	assert_int_equal(small.len, 0);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Twice the keys must take about twice the time: far below four times, what a quadratic search would need. */
static double time_keys(size_t count)
{
	cleanup_buffer struct buffer b = BUFFER((size_t)64 << 20), out = BUFFER((size_t)64 << 20);
	buffer_append_c(&b, "{");
	for (size_t i = 0; i < count; i++)
		buffer_appendf(&b, "%s\"key-%zu\" : [ %zu ]", i ? "," : "", i, i);
	buffer_append_c(&b, "}");
	struct jsontext_rules rules = {.refuse_duplicates = true};
	double start = seconds();
	assert_int_equal(jsontext_minify(buffer_str(&b), &rules, &out, NULL), 0);
	return seconds() - start;
}

static void large_texts_take_linear_time(void **state)
{
	(void)state;
	double one = time_keys(50000), eight = time_keys(400000);
	assert_true(eight < 24 * one + 0.05);
	size_t n = (size_t)64 << 20; /* 64 MiB in one string, and a quarter of it as an array */
	char *text = malloc(n);
	assert_non_null(text);
	memset(text, 'x', n);
	text[0] = text[n - 1] = '"';
	assert_int_equal(jsontext_check((struct str){text, n}, NULL, NULL), 0);
	n /= 4;
	for (size_t i = 1; i < n - 1; i++)
		text[i] = i % 2 ? '1' : ',';
	text[0] = '[';
	text[n - 2] = ' ';
	text[n - 1] = ']';
	text[n - 3] = '1';
	assert_int_equal(jsontext_check((struct str){text, n}, NULL, NULL), 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_rfc8259),
	    cmocka_unit_test(sees_each_byte_at_each_place),
	    cmocka_unit_test(finds_the_end_of_strings),
	    cmocka_unit_test(refuses_what_is_not_json),
	    cmocka_unit_test(never_reads_beyond_the_end),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(any_depth_when_asked),
	    cmocka_unit_test(depth_of_a_value),
	    cmocka_unit_test(duplicates_when_asked),
	    cmocka_unit_test(duplicates_that_are_long),
	    cmocka_unit_test(minify_keeps_every_other_byte),
	    cmocka_unit_test(minify_leaves_the_output_alone_when_it_fails),
	    cmocka_unit_test(walks),
	    cmocka_unit_test(finds_members_by_decoded_key),
	    cmocka_unit_test(knows_kinds),
	    cmocka_unit_test(decodes_strings),
	    cmocka_unit_test(writes_strings),
	    cmocka_unit_test(large_texts_take_linear_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
