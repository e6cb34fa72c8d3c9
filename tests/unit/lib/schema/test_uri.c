#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/schema/uri.h"

static void check(const char *base, const char *reference, const char *wanted, const char *fragment)
{
	cleanup_buffer struct buffer out = BUFFER(256);
	struct str rest = {"-", 1};
	uri_resolve(str_of(base), str_of(reference), &out, &rest);
	buffer_append_byte(&out, '\0');
	if (strcmp(out.data, wanted) != 0)
		fail_msg("%s at %s: %s, not %s", reference, base, out.data, wanted);
	assert_true(str_eq(rest, str_of(fragment)));
}

/* RFC 3986, 5.4. */
static void references_mean_what_the_standard_says(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"g:h", "g:h"},
	    {"g", "http://a/b/c/g"},
	    {"./g", "http://a/b/c/g"},
	    {"g/", "http://a/b/c/g/"},
	    {"/g", "http://a/g"},
	    {"//g", "http://g"},
	    {"?y", "http://a/b/c/d;p?y"},
	    {"g?y", "http://a/b/c/g?y"},
	    {";x", "http://a/b/c/;x"},
	    {"", "http://a/b/c/d;p?q"},
	    {".", "http://a/b/c/"},
	    {"./", "http://a/b/c/"},
	    {"..", "http://a/b/"},
	    {"../", "http://a/b/"},
	    {"../g", "http://a/b/g"},
	    {"../..", "http://a/"},
	    {"../../g", "http://a/g"},
	    {"../../../g", "http://a/g"},
	    {"/./g", "http://a/g"},
	    {"/../g", "http://a/g"},
	    {"g.", "http://a/b/c/g."},
	    {"..g", "http://a/b/c/..g"},
	    {"./../g", "http://a/b/g"},
	    {"g/./h", "http://a/b/c/g/h"},
	    {"g/../h", "http://a/b/c/h"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check("http://a/b/c/d;p?q", rows[i][0], rows[i][1], NULL);
	check("http://a/b/c/d;p?q", "g#s/./x", "http://a/b/c/g", "s/./x");
	check("http://a/b", "#", "http://a/b", "");
	check("http://a", "b", "http://a/b", NULL);
	check("urn:uuid:deadbeef", "#/x", "urn:uuid:deadbeef", "/x");
	check("", "#/x", "", "/x");
	check("", "item.json", "item.json", NULL);
	check("", "", "", NULL);
}

static void decodes_percent(void **state)
{
	(void)state;
	cleanup_buffer struct buffer out = BUFFER(64);
	assert_true(uri_decode(STR("a%22b%7Ec"), &out));
	assert_string_equal(out.data, "a\"b~c");
	assert_false(uri_decode(STR("a%2"), &out));
	assert_false(uri_decode(STR("a%zz"), &out));
	assert_false(uri_decode(STR("%"), &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(references_mean_what_the_standard_says),
	    cmocka_unit_test(decodes_percent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
