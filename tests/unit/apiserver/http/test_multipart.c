#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/multipart.h"
#include "lib/base/buffer.h"

#include <stdlib.h>

struct reading {
	struct buffer text; /* "[name]" for each part's start, then its data */
	bool refuse;
};

static int on_begin(void *context, struct str name, struct error *err)
{
	struct reading *reading = context;
	if (reading->refuse)
		return error_set(err, ERR_CONFLICT, "refused");
	buffer_appendf(&reading->text, "[%.*s]", (int)name.n, name.n ? name.p : "");
	return 0;
}

static int on_data(void *context, struct str data, struct error *err)
{
	struct reading *reading = context;
	return buffer_append_str(&reading->text, data) == 0 ? 0 : error_no_memory(err);
}

/* Read `body` in pieces of that size. */
static int read_form(const char *boundary, struct str body, size_t piece, struct reading *reading,
		     struct error *err)
{
	struct multipart_handler handler = {on_begin, on_data, reading};
	struct multipart *m = multipart_new(str_of(boundary), &handler, err);
	assert_non_null(m);
	int result = 0;
	for (size_t at = 0; result == 0 && at < body.n; at += piece) {
		/* A copy of exactly that size, so that reading beyond it is noticed. */
		size_t n = body.n - at < piece ? body.n - at : piece;
		char *copy = malloc(n);
		assert_non_null(copy);
		memcpy(copy, body.p + at, n);
		result = multipart_feed(m, (struct str){copy, n}, err);
		free(copy);
	}
	if (result == 0)
		result = multipart_finish(m, err);
	multipart_free(m);
	return result;
}

static void reads(const char *boundary, struct str body, const char *expected)
{
	static const size_t pieces[] = {1, 2, 3, 4, 5, 7, 11, 13, 64, 1000, 1 << 20};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct reading reading = {.text = BUFFER(1 << 20)};
		struct error err = {0};
		if (read_form(boundary, body, pieces[i], &reading, &err) != 0)
			fail_msg("pieces of %zu: %s", pieces[i], err.message);
		assert_string_equal(reading.text.data ? reading.text.data : "", expected);
		buffer_free(&reading.text);
	}
}

static void fails(const char *boundary, struct str body, const char *word)
{
	static const size_t pieces[] = {1, 2, 5, 1 << 20};
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct reading reading = {.text = BUFFER(1 << 20)};
		struct error err = {0};
		assert_int_equal(read_form(boundary, body, pieces[i], &reading, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(err.message, word));
		buffer_free(&reading.text);
	}
}

#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static void test_parts(void **state)
{
	(void)state;
	reads("b", STR("--b\r\n" PART("file") "data\r\n--b--\r\n"), "[file]data");
	reads("b", STR("--b\r\n" PART("a") "\r\n--b\r\n" PART("b") "2\r\n--b--"), "[a][b]2");
	reads("b", STR("--b--"), "");
	reads("b", STR("preamble\r\n--c\r\n--b \t\r\n" PART("x") "1\r\n--b--\r\nepilogue --b\r\n"), "[x]1");
	reads("b", STR("--b\r\n\r\nno headers\r\n--b--"), "[]no headers");
	reads("long-boundary:1",
	      STR("--long-boundary:1\r\n" PART("x") "\r\n--long-boundary\r\n--long-boundary:1--"),
	      "[x]\r\n--long-boundary");
}

/* Data that nearly is a boundary, again and again. */
static void test_data_like_a_boundary(void **state)
{
	(void)state;
	reads("bb", STR("--bb\r\n" PART("x") "\r\n--b\r\n--\r\n-\r\n\r\r\n--b--\r\n--b\r\r\n--bb--"),
	      "[x]\r\n--b\r\n--\r\n-\r\n\r\r\n--b--\r\n--b\r");
	reads("b", STR("--b\r\n" PART("x") "--b--\r\n--b--"), "[x]--b--"); /* not at the start of a line */
}

static void test_headers(void **state)
{
	(void)state;
	reads("b",
	      STR("--b\r\nContent-Type: text/plain; name=no\r\ncontent-disposition:  Form-Data ; "
		  "filename=\"a;name=x.zip\" ; NAME = file "
		  "\r\nX: y\r\n\r\n1\r\n--b--"),
	      "[file]1");
	reads("b",
	      STR("--b\r\nContent-Disposition: form-data; filename=\"\\\"; name=evil\"; "
		  "name=\"file\"\r\n\r\n1\r\n--b--"),
	      "[file]1");
	reads("b", STR("--b\r\nContent-Disposition: attachment; name=file\r\n\r\n1\r\n--b--"), "[]1");
	reads("b", STR("--b\r\nContent-Disposition: form-data; name=\"open\r\n\r\n1\r\n--b--"), "[open]1");
	reads("b", STR("--b\r\nnonsense\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--"), "[]1");
}

static void test_all_bytes_pass(void **state)
{
	(void)state;
	struct buffer body = BUFFER(1 << 20), expected = BUFFER(1 << 20);
	buffer_append_c(&body, "--b\r\n" PART("x"));
	for (int i = 0; i < 200000; i++) {
		char c = (char)(i * 7 + i / 255);
		c = c == '\0' ? '\r' : c; /* the comparison is of C strings */
		buffer_append_byte(&body, c);
		buffer_append_byte(&expected, c);
	}
	buffer_append_c(&body, "\r\n--b--");
	struct reading reading = {.text = BUFFER(1 << 20)};
	struct error err;
	assert_int_equal(read_form("b", buffer_str(&body), 4099, &reading, &err), 0);
	assert_int_equal(reading.text.len, expected.len + strlen("[x]"));
	assert_string_equal(reading.text.data + strlen("[x]"), expected.data);
	buffer_free(&reading.text);
	buffer_free(&body);
	buffer_free(&expected);
}

static void test_bad_forms(void **state)
{
	(void)state;
	fails("b", STR("x"), "closing boundary");
	fails("b", STR("--b\r\n" PART("x") "data\r\n--b"), "closing boundary");
	fails("b", STR("--b\r\n" PART("x") "data"), "closing boundary");
	fails("b", STR("--b\r\nContent-Disposition: form-data; name=x\r\n"), "closing boundary");
	fails("b", STR("--bc\r\n" PART("x") "data\r\n--bc--"), "end of its line");
	fails("b", STR("--b \r--"), "end of its line");
}

static void test_bounds(void **state)
{
	(void)state;
	struct buffer body = BUFFER(1 << 20);
	buffer_append_c(&body, "--b\r\nX: ");
	for (int i = 0; i < MULTIPART_MAX_HEADERS; i++)
		buffer_append_byte(&body, 'x');
	buffer_append_c(&body, "\r\n\r\n1\r\n--b--");
	fails("b", buffer_str(&body), "too long");
	buffer_reset(&body);
	for (int i = 0; i <= MULTIPART_MAX_PARTS; i++)
		buffer_append_c(&body, "--b\r\n\r\n\r\n");
	buffer_append_c(&body, "--b--");
	fails("b", buffer_str(&body), "too many parts");
	buffer_reset(&body);
	buffer_append_c(&body, "--b");
	for (int i = 0; i < 2 * MULTIPART_MAX_HEADERS; i++)
		buffer_append_byte(&body, ' ');
	fails("b", buffer_str(&body), "blanks");
	buffer_free(&body);
}

static void test_the_handler_can_stop_it(void **state)
{
	(void)state;
	struct reading reading = {.text = BUFFER(100), .refuse = true};
	struct error err;
	assert_int_equal(read_form("b", STR("--b\r\n" PART("x") "1\r\n--b--"), 3, &reading, &err), -1);
	assert_int_equal(err.code, ERR_CONFLICT);
	buffer_free(&reading.text);
}

static void test_boundary_of_a_content_type(void **state)
{
	(void)state;
	struct {
		const char *type, *boundary; /* NULL: refused */
	} const rows[] = {
	    {"multipart/form-data; boundary=abc", "abc"},
	    {"multipart/form-data;charset=utf-8;BOUNDARY=\"a b:c\"", "a b:c"},
	    {"multipart/form-data; boundary= ----x123 ; y=z", "----x123"},
	    {"multipart/form-data", NULL},
	    {"multipart/form-data;", NULL},
	    {"multipart/form-data; boundary", NULL},
	    {"multipart/form-data; boundary=", NULL},
	    {"multipart/form-data; boundary=\"\"", NULL},
	    {"multipart/form-data; boundary=\"a \"", NULL},
	    {"multipart/form-data; boundary=\"a\\\"b\"", NULL},
	    {"multipart/form-data; boundary=a\x01", NULL},
	    {"multipart/form-data; "
	     "boundary=0123456789012345678901234567890123456789012345678901234567890123456789",
	     "0123456789012345678901234567890123456789012345678901234567890123456789"},
	    {"multipart/form-data; "
	     "boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
	     NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str boundary = {NULL, 0};
		struct error err;
		int result = multipart_boundary(str_of(rows[i].type), &boundary, &err);
		assert_int_equal(result, rows[i].boundary ? 0 : -1);
		assert_true(str_eq(boundary, str_of(rows[i].boundary)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_data_like_a_boundary),
	    cmocka_unit_test(test_headers),
	    cmocka_unit_test(test_all_bytes_pass),
	    cmocka_unit_test(test_bad_forms),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_the_handler_can_stop_it),
	    cmocka_unit_test(test_boundary_of_a_content_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
