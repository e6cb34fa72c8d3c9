/* What a build Pod answers: taken in pieces of every size, and only if it is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/build/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ZIP "PK, or so\n\n"
#define LOG "six==1.0\nSaved six\n"

static const char *whole(const char *verdict, const char *log, const char *zip, const char *end)
{
	static char text[1024];
	char hex[DIGEST_HEX_SIZE] = "-";
	if (*zip)
		assert_int_equal(digest_sha256_hex(str_of(zip), hex, NULL), 0);
	snprintf(text, sizeof(text), "SKILLBOX BUILD 1 %s %zu %zu %s\n%s%s%s", verdict, strlen(log),
		 strlen(zip), hex, log, zip, end);
	return text;
}

#define END "SKILLBOX BUILD END\n"

/* 0: it is whole; -1 with err. */
static int take(struct build_answer *answer, const char *text, size_t piece, struct error *err)
{
	size_t length = strlen(text);
	build_answer_init(answer);
	for (size_t at = 0; at < length; at += piece) {
		struct str bytes = {text + at, length - at < piece ? length - at : piece};
		if (build_answer_take(answer, bytes, err) != 0)
			return -1;
	}
	return build_answer_end(answer, err);
}

static void test_pieces(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 200; piece++) {
		struct build_answer answer;
		char zip[sizeof(ZIP)] = "";
		assert_int_equal(take(&answer, whole("ok", LOG, ZIP, END), piece, NULL), 0);
		assert_int_equal(answer.verdict, BUILD_OK);
		assert_string_equal(answer.log.data, LOG);
		assert_int_equal(answer.size, strlen(ZIP));
		assert_int_equal(pread(answer.fd, zip, sizeof(zip), 0), strlen(ZIP));
		assert_string_equal(zip, ZIP);
		build_answer_free(&answer);

		assert_int_equal(
		    take(&answer, whole("refused", "no such name\nmore\n", "", END), piece, NULL), 0);
		assert_int_equal(answer.verdict, BUILD_REFUSED);
		assert_true(str_eq(build_answer_reason(&answer), STR("no such name")));
		assert_int_equal(answer.fd, -1);
		build_answer_free(&answer);

		assert_int_equal(take(&answer, whole("failed", "", "", END), piece, NULL), 0);
		assert_int_equal(answer.verdict, BUILD_FAILED);
		assert_int_equal(build_answer_reason(&answer).n, 0);
		build_answer_free(&answer);
	}
}

/* A stream that is cut anywhere is no answer, whatever came before. */
static void test_cut(void **state)
{
	(void)state;
	char text[1024];
	snprintf(text, sizeof(text), "%s", whole("ok", LOG, ZIP, END));
	for (size_t n = strlen(text); n-- > 0;) {
		struct build_answer answer;
		struct error err = {0};
		text[n] = '\0';
		assert_int_equal(take(&answer, text, 7, &err), -1);
		assert_int_equal(err.code, ERR_UNAVAILABLE);
		build_answer_free(&answer);
	}
}

static void test_wrong(void **state)
{
	static const struct {
		const char *text;
		enum error_code code;
	} rows[] = {
	    {"hello\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 2 failed 0 0 -\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 perhaps 0 0 -\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 failed -1 0 -\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 failed 0 0 - more\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 failed 99999 0 -\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 failed 0 5 -\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 ok 0 0 -\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 ok 0 5 -\n", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 ok 0 999999999999 -\n", ERR_TOO_LARGE},
	    {"SKILLBOX BUILD 1 ok 0 1 0000000000000000000000000000000000000000000000000000000000000000\nx",
	     ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 failed 0 0 -\nSKILLBOX BUILD END\nx", ERR_PROTOCOL},
	    {"SKILLBOX BUILD 1 failed 0 0 -\nsomething else\n", ERR_PROTOCOL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct build_answer answer;
		struct error err = {0};
		if (take(&answer, rows[i].text, 1, &err) != -1 || err.code != rows[i].code)
			fail_msg("%s: %d %s", rows[i].text, (int)err.code, err.message);
		build_answer_free(&answer);
	}
}

static void test_endless_line(void **state)
{
	(void)state;
	struct build_answer answer;
	struct error err = {0};
	char text[400];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(take(&answer, text, sizeof(text), &err), -1);
	assert_int_equal(err.code, ERR_PROTOCOL);
	build_answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pieces),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_endless_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
