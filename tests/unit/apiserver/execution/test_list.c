/* Pages, filters, and what is in the cluster and in the history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/list.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>
#include <stdlib.h>

#define ID(n) "00000000-0000-4000-8000-00000000000" n

struct listed {
	unsigned calls;
	char ids[128]; /* their last digits */
	char next[LIST_CURSOR_SIZE];
	enum error_code code;
	char message[256];
};

static void on_page(void *context, const struct execution_page *page, const struct error *failure)
{
	struct listed *listed = context;
	listed->calls++;
	if (failure) {
		listed->code = failure->code;
		snprintf(listed->message, sizeof(listed->message), "%s", failure->message);
		return;
	}
	for (size_t i = 0; i < page->count; i++) {
		const char *id = execution_id(page->executions[i]->execution);
		snprintf(listed->ids + i, sizeof(listed->ids) - i, "%s", id + strlen(id) - 1);
	}
	if (page->has_next)
		list_cursor_format(&page->next, listed->next);
}

/* Made at that second; status: of REST. */
static void put(struct stage *stage, const char *id, int second, const char *skill, const char *status)
{
	char json[512];
	const char *condition = strcmp(status, "success") == 0
				    ? "{\"type\":\"Succeeded\",\"status\":\"True\",\"reason\":\"Succeeded\"}"
				    : "";
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"creationTimestamp\":\"2025-11-24T10:"
		 "00:%02dZ\"},"
		 "\"spec\":{\"skillRef\":{\"name\":\"%s\"}},\"status\":{\"conditions\":[%s]}}",
		 id, second, skill, condition);
	stage_execution(stage, json);
}

static void list(struct stage *stage, const char *skill, const char *status, const char *limit,
		 const char *cursor, struct listed *ret)
{
	struct execution_query query;
	struct error err;
	if (execution_query_read(str_of(skill), str_of(status), str_of(limit), str_of(cursor), &query,
				 &err) != 0)
		fail_msg("%s", err.message);
	*ret = (struct listed){0};
	execution_list(&stage->server, stage->caller, &query, on_page, ret);
}

static void test_queries(void **state)
{
	(void)state;
	static const struct {
		const char *status, *limit, *cursor, *message; /* NULL: fine */
	} rows[] = {
	    {"", "", "", NULL},
	    {"cancelled", "200", "1764000000000_" ID("1"), NULL},
	    {"done", "", "",
	     "status must be pending, running, success, failed, timeout or cancelled, not \"done\""},
	    {"", "0", "", "limit must be a number from 1 to 200, not \"0\""},
	    {"", "201", "", "limit must be a number from 1 to 200, not \"201\""},
	    {"", "ten", "", "limit must be a number from 1 to 200, not \"ten\""},
	    {"", "", "x", "cursor must be the \"next\" of an earlier answer, not \"x\""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct execution_query query = {.limit = -1};
		struct error err = {0};
		int result = execution_query_read(STR(""), str_of(rows[i].status), str_of(rows[i].limit),
						  str_of(rows[i].cursor), &query, &err);
		assert_int_equal(result, rows[i].message ? -1 : 0);
		assert_string_equal(err.message, rows[i].message ? rows[i].message : "");
		assert_int_equal(query.limit, rows[i].message ? -1 : i == 0 ? 50 : 200);
		if (rows[i].message)
			assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

static void test_newest_first_in_pages(void **state)
{
	struct stage *stage = *state;
	struct listed listed;
	put(stage, ID("1"), 1, "a", "pending");
	put(stage, ID("4"), 4, "a", "pending");
	put(stage, ID("2"), 2, "a", "pending");
	put(stage, ID("3"), 3, "a", "pending");
	put(stage, ID("5"), 4, "a", "pending"); /* at the same time: by id */
	list(stage, "", "", "", "", &listed);
	assert_int_equal(listed.calls, 1);
	assert_string_equal(listed.ids, "54321");
	assert_string_equal(listed.next, "");
	char cursor[LIST_CURSOR_SIZE] = "";
	cleanup_buffer struct buffer seen = BUFFER(16);
	for (int pages = 0; pages < 3; pages++) {
		list(stage, "", "", "2", cursor, &listed);
		assert_int_equal(buffer_append_c(&seen, listed.ids), 0);
		snprintf(cursor, sizeof(cursor), "%s", listed.next);
	}
	assert_true(str_eq(buffer_str(&seen), STR("54321")));
	assert_string_equal(cursor, "");
	list(stage, "", "", "5", "", &listed); /* exactly all */
	assert_string_equal(listed.next, "");
}

static void test_filters(void **state)
{
	struct stage *stage = *state;
	static const struct {
		const char *skill, *status, *ids;
	} rows[] = {{"", "", "321"},       {"a", "", "21"},       {"b", "", "3"},       {"c", "", ""},
		    {"", "success", "32"}, {"a", "success", "2"}, {"", "pending", "1"}, {"", "running", ""}};
	put(stage, ID("1"), 1, "a", "pending");
	put(stage, ID("2"), 2, "a", "success");
	put(stage, ID("3"), 3, "b", "success");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct listed listed;
		list(stage, rows[i].skill, rows[i].status, "", "", &listed);
		assert_string_equal(listed.ids, rows[i].ids);
	}
}

/* A page costs what is in it, wherever it is and however many there are. Needles in a haystack are looked for
 * in pieces, between which others get their turn. */
static void test_what_is_looked_at(void **state)
{
	struct stage *stage = *state;
	struct listed first, needles;
	char id[64], cursor[LIST_CURSOR_SIZE];
	const int count = 1200;
	for (int i = 0; i < count; i++) {
		snprintf(id, sizeof(id), "00000000-0000-4000-8000-%012d", i * 7919 % count);
		put(stage, id, 1, i == 1 ? "needle" : "hay", "success");
	}
	list(stage, "", "", "1", "", &first);
	assert_string_equal(first.ids, "9");
	assert_true(metrics_get(stage->server.metrics, APISERVER_LISTED, METRIC_PLAIN) == 2);
	snprintf(cursor, sizeof(cursor), "1763978401000_00000000-0000-4000-8000-%012d", 600);
	list(stage, "", "", "3", cursor, &first);
	assert_string_equal(first.ids, "987");
	assert_true(metrics_get(stage->server.metrics, APISERVER_LISTED, METRIC_PLAIN) == 6);
	list(stage, "needle", "", "1", "", &needles);
	assert_int_equal(needles.calls, 0);
	for (int turn = 1; turn <= 2; turn++) { /* of some 500 each */
		assert_true(metrics_get(stage->server.metrics, APISERVER_LISTED, METRIC_PLAIN) ==
			    6 + 500 * turn);
		list(stage, "", "", "1", "", &first); /* another's goes between */
		assert_int_equal(first.calls, 1);
		metrics_add(stage->server.metrics, APISERVER_LISTED, METRIC_PLAIN, -2);
		uv_run(&stage->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(needles.calls, 1);
	assert_string_equal(needles.ids, "9");
	assert_true(metrics_get(stage->server.metrics, APISERVER_LISTED, METRIC_PLAIN) == 6 + count);
}

static void test_the_server_ends_between_pieces(void **state)
{
	struct stage *stage = *state;
	struct listed listed;
	char id[64];
	for (int i = 0; i < 600; i++) {
		snprintf(id, sizeof(id), "00000000-0000-4000-8000-%012d", i);
		put(stage, id, 1, "hay", "success");
	}
	list(stage, "needle", "", "", "", &listed);
	assert_int_equal(listed.calls, 0);
	stage_forget(stage);
	assert_int_equal(listed.calls, 1);
	assert_int_equal(listed.code, ERR_UNAVAILABLE);
}

static void test_of_another_tenant(void **state)
{
	struct stage *stage = *state;
	struct listed listed;
	put(stage, ID("1"), 1, "a", "pending");
	free(stage->caller->namespace);
	stage->caller->namespace = str_dup(STR("another"));
	list(stage, "", "", "", "", &listed);
	assert_int_equal(listed.calls, 1);
	assert_string_equal(listed.ids, "");
}

#define ROW(id, ms) [0] = id, [5] = "a", [7] = "success", [27] = ms
#define COLUMNS 28

/* What is in both comes once; the history is asked for one more than is shown. */
static void test_with_the_history(void **state)
{
	struct stage *stage = *state;
	struct listed listed;
	static const char *const rows[2][COLUMNS] = {{ROW(ID("2"), "1763978402000")},
						     {ROW(ID("1"), "1763978401000")}};
	put(stage, ID("3"), 3, "a", "success");
	put(stage, ID("2"), 2, "a", "success");
	list(stage, "a", "success", "2", "", &listed);
	assert_int_equal(listed.calls, 0);
	const struct stage_call *ask = stage_db(DB_EXECUTION_LIST);
	static const char *const parameters[] = {"acme", "a", "success", NULL, NULL, "3"};
	assert_int_equal(ask->parameter_count, 6);
	for (size_t i = 0; i < 6; i++) {
		if (parameters[i])
			assert_string_equal(ask->parameters[i], parameters[i]);
		else
			assert_null(ask->parameters[i]);
	}
	stage_answer_db(ERR_NONE, rows[0], 2, COLUMNS);
	assert_int_equal(listed.calls, 1);
	assert_string_equal(listed.ids, "32");
	assert_string_equal(listed.next, "1763978402000_" ID("2"));
}

/* A list without the history would look like a loss. */
static void test_failures(void **state)
{
	struct stage *stage = *state;
	static const char words[] =
	    "executions can't be listed without their history, which is in PostgreSQL";
	static const char *const broken[COLUMNS] = {[7] = "success"}; /* no id */
	put(stage, ID("3"), 3, "a", "success");
	for (int way = 0; way < 3; way++) {
		struct listed listed;
		stage_refuse(STAGE_DB, way == 0);
		list(stage, "", "", "", "", &listed);
		if (way == 1)
			stage_answer_db(ERR_UNAVAILABLE, NULL, 0, 0);
		else if (way == 2)
			stage_answer_db(ERR_NONE, broken, 1, COLUMNS);
		assert_int_equal(listed.calls, 1);
		assert_int_equal(listed.code, way == 2 ? ERR_INTERNAL : ERR_UNAVAILABLE);
		assert_non_null(strstr(listed.message, words));
	}
}

static void test_the_server_ends(void **state)
{
	struct listed listed;
	list(*state, "", "", "", "", &listed);
	stage_forget(*state);
	assert_int_equal(listed.calls, 1);
	assert_int_equal(listed.code, ERR_UNAVAILABLE);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)
#define TEST_WITH_DB(test) cmocka_unit_test_setup_teardown(test, stage_setup_with_db, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_queries),
	    TEST(test_newest_first_in_pages),
	    TEST(test_filters),
	    TEST(test_what_is_looked_at),
	    TEST(test_the_server_ends_between_pieces),
	    TEST(test_of_another_tenant),
	    TEST_WITH_DB(test_with_the_history),
	    TEST_WITH_DB(test_failures),
	    TEST_WITH_DB(test_the_server_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
