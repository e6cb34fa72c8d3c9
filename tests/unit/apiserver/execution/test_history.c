#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/history.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>

#define COLUMNS 28

/* What the test does with the answer. */
struct question {
	struct operation operation;
	unsigned answers;
	enum error_code code; /* of the answer, or of reading its row */
	size_t row;
	int64_t requested_ms;
	char id[64];
};

static void question_free(struct operation *operation)
{
	(void)operation;
}

static void on_rows(struct operation *operation, const struct db_result *result, const struct error *error)
{
	struct question *question = (struct question *)operation;
	struct error err = {0};
	question->answers++;
	struct shared_execution *shared = error ? NULL : history_execution(result, question->row, &err);
	question->code = error ? error->code : err.code;
	if (shared) {
		snprintf(question->id, sizeof(question->id), "%s", execution_id(shared->execution));
		question->requested_ms = shared->requested_ms;
		assert_string_equal(shared->request_digest, "");
		assert_int_equal(shared->references, 1);
	}
	shared_execution_unref(shared);
}

static void test_one(void **state)
{
	static const struct {
		const char *row[COLUMNS];
		size_t rows;
		enum error_code answer, code;
	} rows[] = {
	    {{[0] = STAGE_ID, [7] = "success", [27] = "1764000000123"}, 1, ERR_NONE, ERR_NONE},
	    {{NULL}, 0, ERR_NONE, ERR_NOT_FOUND},
	    {{[7] = "success"}, 1, ERR_NONE, ERR_INTERNAL},
	    {{NULL}, 0, ERR_TIMEOUT, ERR_TIMEOUT},
	};
	struct stage *stage = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct question question = {0};
		operation_init(&question.operation, &stage->server, stage->caller, question_free);
		assert_int_equal(history_ask(&question.operation, STR(STAGE_ID), on_rows, NULL), 0);
		const struct stage_call *ask = stage_db(DB_EXECUTION_GET);
		assert_string_equal(ask->parameters[0], STAGE_ID);
		assert_string_equal(ask->parameters[1], "acme"); /* no tenant reads another's */
		stage_answer_db(rows[i].answer, rows[i].row, rows[i].rows, COLUMNS);
		assert_int_equal(question.answers, 1);
		assert_int_equal(question.code, rows[i].code);
		if (rows[i].code == ERR_NONE) {
			assert_string_equal(question.id, STAGE_ID);
			assert_int_equal(question.requested_ms, 1764000000123);
		}
		operation_unref(&question.operation);
	}
}

static void test_a_page(void **state)
{
	struct stage *stage = *state;
	const struct list_cursor after = {.created_ms = 1764000000000, .id = STAGE_ID};
	static const struct {
		const char *skill, *status;
		bool has_cursor;
		const char *parameters[6];
	} rows[] = {
	    {"", "", false, {"acme", NULL, NULL, NULL, NULL, "51"}},
	    {"report", "failed", true, {"acme", "report", "failed", "2025", STAGE_ID, "51"}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct question question = {0};
		operation_init(&question.operation, &stage->server, stage->caller, question_free);
		assert_int_equal(history_list(&question.operation, str_of(rows[i].skill),
					      str_of(rows[i].status), rows[i].has_cursor ? &after : NULL, 51,
					      on_rows, NULL),
				 0);
		const struct stage_call *ask = stage_db(DB_EXECUTION_LIST);
		for (size_t at = 0; at < 6; at++) {
			const char *expected = rows[i].parameters[at];
			if (!expected)
				assert_null(ask->parameters[at]);
			else if (at == 3) /* a time */
				assert_true(str_starts_with(str_of(ask->parameters[at]), str_of(expected)));
			else
				assert_string_equal(ask->parameters[at], expected);
		}
		stage_answer_db(ERR_NONE, NULL, 0, 0);
		operation_unref(&question.operation);
	}
}

static void test_no_call(void **state)
{
	struct stage *stage = *state;
	struct question question = {0};
	struct error err;
	operation_init(&question.operation, &stage->server, stage->caller, question_free);
	stage_refuse(STAGE_DB, 2);
	assert_int_equal(history_ask(&question.operation, STR(STAGE_ID), on_rows, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_int_equal(history_list(&question.operation, STR(""), STR(""), NULL, 1, on_rows, &err), -1);
	assert_int_equal(question.answers, 0);
	assert_int_equal(question.operation.references, 1);
	operation_unref(&question.operation);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup_with_db, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_one), TEST(test_a_page), TEST(test_no_call)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
