#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/rest/file_type.h"

static void test_types(void **state)
{
	(void)state;
	static const struct {
		const char *path, *type;
		bool is_shown;
	} rows[] = {
	    {"a.png", "image/png", true},
	    {"plots/A.PNG", "image/png", true},
	    {"a.txt", "text/plain; charset=utf-8", true},
	    {"a.tar.gz", "application/gzip", false},
	    {"a.svg", "image/svg+xml", false},
	    {"a.png.html", "text/html; charset=utf-8", false},
	    {"a.html.png", "image/png", true},
	    {"a.png/b", "application/octet-stream", false},
	    {".png", "application/octet-stream", false},
	    {"png", "application/octet-stream", false},
	    {"a.", "application/octet-stream", false},
	    {"", "application/octet-stream", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct file_type *type = file_type_of(str_of(rows[i].path));
		if (strcmp(type->content_type, rows[i].type) != 0 || type->is_shown != rows[i].is_shown)
			fail_msg("%s: %s", rows[i].path, type->content_type);
	}
}

/* What could do something in a window of the server's own origin. */
static void test_what_has_scripts_is_never_shown(void **state)
{
	(void)state;
	static const char *const paths[] = {"a.html", "a.HTM", "a.xhtml", "a.svg", "a.xml",
					    "a.pdf",  "a.js",  "a.xsl",   "a"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_false(file_type_of(str_of(paths[i]))->is_shown);
}

static void test_dispositions(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		bool is_shown;
		const char *expected;
	} rows[] = {
	    {"a.txt", true, "inline; filename=\"a.txt\""},
	    {"plots/b-1_2.bin", false, "attachment; filename=\"b-1_2.bin\""},
	    {"a \"b\".txt", false, "attachment; filename=\"a__b_.txt\"; filename*=UTF-8''a%20%22b%22.txt"},
	    {"\xc3\xa9.csv", true, "inline; filename=\"__.csv\"; filename*=UTF-8''%C3%A9.csv"},
	    {"a\r\nX-Evil: 1", false,
	     "attachment; filename=\"a__X-Evil__1\"; filename*=UTF-8''a%0D%0AX-Evil%3A%201"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buffer struct buffer out = BUFFER(4096);
		file_disposition(&out, str_of(rows[i].path), rows[i].is_shown);
		assert_string_equal(out.data, rows[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_types),
	    cmocka_unit_test(test_what_has_scripts_is_never_shown),
	    cmocka_unit_test(test_dispositions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
