/* lib/wheel/record.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wheel/record.h"

static struct buffer text;

static struct str load(const char *bytes)
{
	text = BUFFER(4096);
	buffer_append_c(&text, bytes);
	return buffer_str(&text);
}

static void expect_str(struct str got, const char *wanted)
{
	if (!str_eq(got, str_of(wanted)))
		fail_msg("'%.*s', not '%s'", (int)got.n, got.p, wanted);
}

static void lines_have_path_hash_and_size(void **state)
{
	(void)state;
	struct record_line line;
	struct str rest = load("\r\n\na.py,sha256=abc,12\r\n"
			       "\"b,\"\"c\"\".py\",sha384=x==,\r\n"
			       "\"\",,\n"
			       "d/RECORD,,\n"
			       "\"e\",sha512=y,\"0\"");
	assert_int_equal(record_next(&rest, &line, NULL), 1);
	expect_str(line.path, "a.py");
	expect_str(line.hash, "sha256=abc");
	assert_true(line.has_size);
	assert_int_equal(line.size, 12);
	assert_int_equal(record_next(&rest, &line, NULL), 1);
	expect_str(line.path, "b,\"c\".py");
	expect_str(line.hash, "sha384=x");
	assert_false(line.has_size);
	assert_int_equal(record_next(&rest, &line, NULL), 1);
	expect_str(line.path, "");
	assert_int_equal(record_next(&rest, &line, NULL), 1);
	expect_str(line.hash, "");
	assert_int_equal(record_next(&rest, &line, NULL), 1);
	expect_str(line.path, "e");
	assert_int_equal(line.size, 0);
	assert_int_equal(record_next(&rest, &line, NULL), 0);
	buffer_free(&text);
}

static void other_lines_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *line, *why;
	} bad[] = {
	    {"a.py", "a line must have three fields: path, hash and size"},
	    {"a.py,", "a line must have three fields: path, hash and size"},
	    {"a.py,sha256=x\n,1", "a line must have three fields: path, hash and size"},
	    {"a.py,sha256=x,1,", "a line must have three fields: path, hash and size"},
	    {"\"a.py", "a quotation mark is not closed"},
	    {"\"a.py\"\"", "a quotation mark is not closed"},
	    {"\"a\"b,,", "there is more behind a closed quotation mark"},
	    {"a.py,sha256=x,-1", "a size is no number"},
	    {"a.py,sha256=x,1k", "a size is no number"},
	    {"a.py,sha256=x,99999999999999999999", "a size is no number"},
	    {"a.py,md5=x,1", "a hash is none of sha256=, sha384= and sha512="},
	    {"a.py,x,1", "a hash is none of sha256=, sha384= and sha512="},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct record_line line;
		struct error err = {0};
		struct str rest = load(bad[i].line);
		assert_int_equal(record_next(&rest, &line, &err), -1);
		assert_string_equal(err.message, bad[i].why);
		assert_int_equal(err.code, ERR_INVALID_SKILL);
		buffer_free(&text);
	}
}

/* printf abc | openssl dgst -sha256 -binary | basenc --base64url, and so on. */
static void hashes_come_piece_by_piece(void **state)
{
	(void)state;
	static const char *const right[] = {
	    "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0",
	    "sha384=ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP_W-2AhgcroefMI1i67KE0yCWn",
	    "sha512=3a81oZNherrMQXNJriBBMRLm-k6JqX6iCp7u5ktV05ohkpkqJ0_BqDa6PCOj_uu9RU1EI2Q86A4qmslPpUyknw",
	};
	struct error err;
	struct record_hash *hash = record_hash_new(&err);
	assert_non_null(hash);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		for (unsigned wrong = 0; wrong < 2; wrong++) {
			bool is_same = wrong;
			assert_int_equal(record_hash_begin(hash, str_of(right[i]), &err), 0);
			assert_int_equal(record_hash_update(hash, STR("a"), &err), 0);
			assert_int_equal(record_hash_update(hash, STR(""), &err), 0);
			assert_int_equal(record_hash_update(hash, wrong ? STR("bd") : STR("bc"), &err), 0);
			assert_int_equal(record_hash_matches(hash, str_of(right[i]), &is_same, &err), 0);
			assert_int_equal(is_same, !wrong);
		}
	assert_int_equal(record_hash_begin(hash, STR("md5=x"), &err), -1);
	record_hash_free(hash);
	assert_null(record_hash_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_have_path_hash_and_size),
	    cmocka_unit_test(other_lines_are_refused),
	    cmocka_unit_test(hashes_come_piece_by_piece),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
