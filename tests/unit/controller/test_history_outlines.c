/* controller/history.c: of what the cache has only as an outline the object is read, and then archived. The
 * database and the reader are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/history.h"
#include "lib/base/log.h"
#include "tests/unit/lib/kube/fake_reader.h"

#include <stdio.h>

#define UID "11111111-2222-3333-4444-555555555555"
#define KEY STR("ns/name")
#define PATH API_BASE_PATH "/namespaces/ns/executions/name"
#define WHOLE(input)                                                                                         \
	"{\"metadata\":{\"name\":\"name\",\"namespace\":\"ns\",\"uid\":\"" UID                               \
	"\"},\"spec\":{\"skillRef\":{"                                                                       \
	"\"name\":\"a\"},\"inputText\":\"" input "\"}}"

/* The database: one statement at a time is answered by the test */

static bool is_away;
static struct db_call statement;
static unsigned statements;

int db_check(const struct db *db, struct error *err)
{
	(void)db;
	return is_away ? error_set(err, ERR_UNAVAILABLE, "the database is away") : 0;
}

int db_run(struct db *db, const struct db_call *call, struct error *err)
{
	(void)db;
	(void)err;
	statement = *call;
	statements++;
	return 0;
}

size_t db_result_rows(const struct db_result *result)
{
	(void)result;
	return 1;
}

const char *db_result_text(const struct db_result *result, size_t row, size_t column)
{
	(void)result;
	(void)row;
	(void)column;
	return UID;
}

/* Of rows that are read, which is nothing that happens here. */

int64_t db_result_int(const struct db_result *result, size_t row, size_t column)
{
	(void)result;
	(void)row;
	(void)column;
	return 0;
}

bool db_result_is_null(const struct db_result *result, size_t row, size_t column)
{
	return db_result_int(result, row, column) == 0;
}

bool db_result_bool(const struct db_result *result, size_t row, size_t column)
{
	return db_result_int(result, row, column) != 0;
}

static void answer_statement(void)
{
	static char some_result;
	db_parameters_free(statement.parameters);
	statement.done(statement.context, (const struct db_result *)(void *)&some_result, NULL);
	statement.release(statement.context);
}

/* The history */

static struct history *history;
static unsigned looks, archived;

static void look(void *context, struct str key, int64_t delay_ms)
{
	(void)context;
	(void)delay_ms;
	assert_true(str_starts_with(key, STR("ns/")));
	looks++;
}

static void note_archived(void *context, struct str key)
{
	(void)context;
	assert_true(str_starts_with(key, STR("ns/")));
	archived++;
}

static const struct execution outline = {
    .meta = {.namespace = (char *)"ns", .name = (char *)"name", .uid = (char *)UID}, .is_outline = true};

static int set_up(void **state)
{
	(void)state;
	static const struct history_options options = {
	    .clock = &clock_system, .look = look, .archived = note_archived};
	log_init("test", LOG_ERROR);
	reading_count = readings_cancelled = statements = looks = archived = 0;
	is_away = false;
	history = history_new(&options, NULL);
	return history ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	history = history_free(history);
	return 0;
}

static enum history_state state_of(struct str key)
{
	int64_t retry_ms;
	return history_state(history, key, UID, &retry_ms);
}

static void read_then_archived(void **state)
{
	(void)state;
	history_put(history, KEY, &outline, "acme");
	assert_int_equal(state_of(KEY), HISTORY_PENDING);
	assert_int_equal(reading_count, 1);
	assert_string_equal(readings[0].path, PATH);
	assert_int_equal(statements, 0);
	readings[0].done(readings[0].context, &(struct kube_response){.body = str_of(WHOLE("[1,2]"))});
	assert_int_equal(statements, 1);
	assert_int_equal(statement.statement, DB_EXECUTION_PUT);
	assert_int_equal(archived, 0);
	answer_statement();
	assert_int_equal(state_of(KEY), HISTORY_DONE);
	assert_int_equal(archived, 1);
	assert_int_equal(looks, 1);
}

static void what_is_whole_is_not_read(void **state)
{
	(void)state;
	struct execution whole = outline;
	whole.is_outline = false;
	whole.spec.skill_name = whole.spec.skill_version = (char *)"";
	history_put(history, KEY, &whole, "acme");
	assert_int_equal(reading_count, 0);
	assert_int_equal(statements, 1);
	answer_statement();
	assert_int_equal(archived, 1);
}

static void a_reading_that_fails_is_tried_again(void **state)
{
	(void)state;
	static const struct error away = {ERR_UNAVAILABLE, "no route"};
	history_put(history, KEY, &outline, "acme");
	readings[0].done(readings[0].context, &(struct kube_response){.error = &away});
	int64_t retry_ms;
	assert_int_equal(history_state(history, KEY, UID, &retry_ms), HISTORY_PENDING);
	assert_true(retry_ms > 0);
	assert_int_equal(statements, 0);
}

/* Or each of thousands would be read again and again for as long as that lasts. */
static void nothing_is_read_while_the_database_is_away(void **state)
{
	(void)state;
	is_away = true;
	history_put(history, KEY, &outline, "acme");
	assert_int_equal(reading_count, 0);
	assert_int_equal(state_of(KEY), HISTORY_PENDING);
	assert_int_equal(looks, 1);
}

static void forgotten_or_freed_while_it_is_read(void **state)
{
	(void)state;
	history_put(history, KEY, &outline, "acme");
	history_forget(history, KEY);
	readings[0].done(readings[0].context, &(struct kube_response){.body = str_of(WHOLE("[1,2]"))});
	assert_int_equal(statements, 0);
	history_put(history, KEY, &outline, "acme");
	history = history_free(history);
	assert_int_equal(readings_cancelled, 1);
}

/* Those that are read count with what they may have. */
static void few_are_under_way_at_a_time(void **state)
{
	(void)state;
	char key[16];
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "ns/%d", i);
		history_put(history, str_of(key), &outline, "acme");
	}
	assert_in_range(reading_count, 2, 6);
	unsigned before = looks;
	readings[0].done(readings[0].context, &(struct kube_response){.body = str_of(WHOLE("[1,2]"))});
	assert_int_equal(looks, before + 1); /* the next one's turn */
	answer_statement();
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(read_then_archived),
					   TEST(what_is_whole_is_not_read),
					   TEST(a_reading_that_fails_is_tried_again),
					   TEST(nothing_is_read_while_the_database_is_away),
					   TEST(forgotten_or_freed_while_it_is_read),
					   TEST(few_are_under_way_at_a_time)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
