/* What an answer needs of the blob store, one blob after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/texts.h"
#include "lib/base/temporary.h"
#include "tests/unit/apiserver/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIGEST(c) "sha256:" c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define INPUT DIGEST("1a")
#define OUTPUT DIGEST("2b")
#define LOGS DIGEST("3c")
#define FILES DIGEST("4d")
#define REF(name, digest) "\"" name "\":{\"digest\":\"" digest "\",\"size\":9}"

struct fetched {
	unsigned calls;
	char input[32], output[32], logs[32], url[256], message[256];
	enum error_code code;
};

static void keep(char *to, size_t size, struct str text)
{
	snprintf(to, size, "%.*s", (int)text.n, text.n ? text.p : "");
}

static void on_texts(void *context, const struct shared_execution *execution,
		     const struct render_texts *texts, const struct error *failure)
{
	struct fetched *fetched = context;
	fetched->calls++;
	assert_non_null(execution);
	if (failure) {
		fetched->code = failure->code;
		snprintf(fetched->message, sizeof(fetched->message), "%s", failure->message);
		return;
	}
	keep(fetched->input, sizeof(fetched->input), texts->input);
	keep(fetched->output, sizeof(fetched->output), texts->output);
	keep(fetched->logs, sizeof(fetched->logs), texts->logs);
	keep(fetched->url, sizeof(fetched->url), str_of(texts->files_url));
}

/* Of an execution whose texts are all in the blob store, or all in its object. */
static void fetch(struct stage *stage, bool in_blobs, unsigned wanted, struct fetched *ret)
{
	struct error err;
	struct shared_execution *shared = shared_execution_from_json(
	    str_of(in_blobs
		       ? "{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"},\"spec\":{\"skillRef\":{"
			 "\"name\":\"s\"}," REF("inputRef", INPUT) "},\"status\":{" REF(
			     "outputRef", OUTPUT) "," REF("logsRef", LOGS) "," REF("filesRef", FILES) "}}"
		       : "{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\"},\"spec\":{\"skillRef\":{"
			 "\"name\":\"s\"},\"inputText\":\"[1]\"},\"status\":{\"output\":\"[2]\",\"logs\":"
			 "\"said\"}}"),
	    &err);
	if (!shared)
		fail_msg("%s", err.message);
	*ret = (struct fetched){0};
	texts_fetch(&stage->server, stage->caller, shared, wanted, on_texts, ret);
	shared_execution_unref(shared); /* it holds one of its own */
}

static void test_forms(void **state)
{
	(void)state;
	assert_int_equal(texts_of_form(RENDER_SUMMARY), 0);
	assert_int_equal(texts_of_form(RENDER_RESULT), TEXTS_OUTPUT | TEXTS_LOGS | TEXTS_FILES_URL);
	assert_int_equal(texts_of_form(RENDER_RECORD),
			 TEXTS_INPUT | TEXTS_OUTPUT | TEXTS_LOGS | TEXTS_FILES_URL);
}

static void test_small_ones_are_in_the_object(void **state)
{
	struct fetched fetched;
	fetch(*state, false, texts_of_form(RENDER_RECORD), &fetched);
	assert_int_equal(fetched.calls, 1);
	assert_string_equal(fetched.input, "[1]");
	assert_string_equal(fetched.output, "[2]");
	assert_string_equal(fetched.logs, "said");
	assert_string_equal(fetched.url, "");
}

static void test_what_is_wanted_is_fetched(void **state)
{
	static const struct {
		unsigned wanted;
		const char *digests[4];
		const char *input, *output, *logs, *url;
	} rows[] = {
	    {TEXTS_INPUT | TEXTS_OUTPUT | TEXTS_LOGS | TEXTS_FILES_URL,
	     {INPUT, OUTPUT, LOGS},
	     INPUT,
	     OUTPUT,
	     LOGS,
	     "http://blobs/" FILES "/files.tar.gz?seconds=3600"},
	    {TEXTS_OUTPUT | TEXTS_LOGS, {OUTPUT, LOGS}, "", OUTPUT, LOGS, ""},
	    {TEXTS_LOGS, {LOGS}, "", "", LOGS, ""},
	    {TEXTS_FILES_URL, {NULL}, "", "", "", "http://blobs/" FILES "/files.tar.gz?seconds=3600"},
	    {0, {NULL}, "", "", "", ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fetched fetched;
		char expected[32];
		fetch(*state, true, rows[i].wanted, &fetched);
		for (size_t blob = 0; rows[i].digests[blob]; blob++) {
			assert_int_equal(fetched.calls, 0);
			assert_int_equal(stage_waiting(), 1);
			const struct stage_call *get = stage_blob(STAGE_BLOB_GET);
			assert_string_equal(get->digest, rows[i].digests[blob]);
			assert_string_equal(get->tenant, "acme");
			stage_answer_blob(ERR_NONE, rows[i].digests[blob]); /* its content is its digest */
		}
		assert_int_equal(fetched.calls, 1);
		keep(expected, sizeof(expected), str_of(rows[i].input));
		assert_string_equal(fetched.input, expected);
		keep(expected, sizeof(expected), str_of(rows[i].output));
		assert_string_equal(fetched.output, expected);
		keep(expected, sizeof(expected), str_of(rows[i].logs));
		assert_string_equal(fetched.logs, expected);
		assert_string_equal(fetched.url, rows[i].url);
	}
}

static void test_failures(void **state)
{
	static const struct {
		unsigned wanted;
		enum error_code answer; /* ERR_NONE: the call can't be made */
		enum error_code expected;
		const char *message;
	} rows[] = {
	    {TEXTS_INPUT, ERR_NONE, ERR_UNAVAILABLE,
	     "the execution's input could not be read from storage; try again in a moment"},
	    {TEXTS_INPUT, ERR_UNAVAILABLE, ERR_UNAVAILABLE,
	     "the execution's input could not be read from storage; try again in a moment"},
	    {TEXTS_OUTPUT, ERR_NOT_FOUND, ERR_INTERNAL,
	     "the execution's output could not be read from storage; the server's log has the reason under "
	     "this "
	     "request_id"},
	    {TEXTS_LOGS, ERR_TOO_LARGE, ERR_INTERNAL,
	     "the execution's log could not be read from storage; the server's log has the reason under this "
	     "request_id"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fetched fetched;
		stage_refuse(STAGE_BLOB_GET, rows[i].answer == ERR_NONE);
		fetch(*state, true, rows[i].wanted, &fetched);
		if (rows[i].answer != ERR_NONE)
			stage_answer_blob(rows[i].answer, NULL);
		assert_int_equal(fetched.calls, 1);
		assert_int_equal(fetched.code, rows[i].expected);
		assert_string_equal(fetched.message, rows[i].message);
	}
}

static void test_no_url(void **state)
{
	struct stage *stage = *state;
	struct fetched fetched;
	free(stage->caller->tenant);
	stage->caller->tenant = str_dup(STR("broken"));
	fetch(stage, true, TEXTS_FILES_URL, &fetched);
	assert_int_equal(fetched.code, ERR_INTERNAL);
	assert_non_null(strstr(fetched.message, "the URL of the execution's files could not be made"));
}

static void test_the_server_ends(void **state)
{
	struct fetched fetched;
	fetch(*state, true, TEXTS_LOGS, &fetched);
	stage_forget(*state);
	assert_int_equal(fetched.calls, 1);
	assert_int_equal(fetched.code, ERR_UNAVAILABLE);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forms),
	    TEST(test_small_ones_are_in_the_object),
	    TEST(test_what_is_wanted_is_fetched),
	    TEST(test_failures),
	    TEST(test_no_url),
	    TEST(test_the_server_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
