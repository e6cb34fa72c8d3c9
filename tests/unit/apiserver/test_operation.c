/* References, and calls of all kinds: each holds one until its callback has run, or is forgotten at the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/operation.h"
#include "tests/unit/apiserver/stage.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static struct test {
	struct operation operation;
	unsigned answers, freed;
	atomic_uint works, running;
	atomic_bool overlapped;
	char seen[32];
} test;

static void on_free(struct operation *operation)
{
	assert_ptr_equal(operation, &test.operation);
	test.freed++;
}

static struct operation *begin(struct stage *stage)
{
	test = (struct test){0};
	operation_init(&test.operation, &stage->server, stage->caller, on_free);
	return &test.operation;
}

static void on_kube(struct operation *operation, const struct kube_response *response)
{
	assert_int_equal(operation->references, 1); /* the call's own */
	test.answers++;
	snprintf(test.seen, sizeof(test.seen), "%.*s", (int)response->body.n, response->body.p);
}

static void on_blob(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	assert_int_equal(operation->references, 1);
	test.answers++;
	snprintf(test.seen, sizeof(test.seen), "%d %d", error ? (int)error->code : 0, (int)size);
	if (fd >= 0)
		close(fd);
}

static void on_db(struct operation *operation, const struct db_result *result, const struct error *error)
{
	assert_int_equal(operation->references, 1);
	test.answers++;
	snprintf(test.seen, sizeof(test.seen), "%s", error ? error->message : db_result_text(result, 0, 0));
}

/* Each kind of call. */
static int make_call(struct operation *operation, enum stage_kind kind, struct error *err)
{
	const struct blob_key key = {
	    BLOB_SKILLS, "acme", "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	const struct kube_call call = {.method = "GET", .path = "/x"};
	struct db_parameters *parameters;
	switch (kind) {
	case STAGE_KUBE:
		return operation_kube(operation, &call, on_kube, err);
	case STAGE_BLOB_GET:
		return operation_blob_get(operation, &key, 100, on_blob, err);
	case STAGE_BLOB_RENEW:
		return operation_blob_renew(operation, &key, 100, on_blob, err);
	case STAGE_BLOB_PUT:
		return operation_blob_put(operation, &key, STDIN_FILENO, 0, on_blob, err);
	case STAGE_BLOB_DELETE:
		return operation_blob_delete(operation, &key, on_blob, err);
	case STAGE_DB:
		break;
	}
	parameters = db_parameters_new();
	db_put_text(parameters, "p");
	return operation_db(operation, DB_KEY_LIST, parameters, on_db, err);
}

static void answer(enum stage_kind kind)
{
	static const char *const row[] = {"row"};
	if (kind == STAGE_KUBE)
		stage_answer(200, "body");
	else if (kind == STAGE_DB)
		stage_answer_db(ERR_NONE, row, 1, 1);
	else
		stage_answer_blob(ERR_NONE, "seven b");
}

static void test_calls(void **state)
{
	static const char *const seen[] = {
	    [STAGE_KUBE] = "body",    [STAGE_BLOB_GET] = "0 7",    [STAGE_BLOB_RENEW] = "0 7",
	    [STAGE_BLOB_PUT] = "0 7", [STAGE_BLOB_DELETE] = "0 7", [STAGE_DB] = "row"};
	for (enum stage_kind kind = STAGE_KUBE; kind <= STAGE_DB; kind++) {
		struct operation *operation = begin(*state);
		assert_int_equal(make_call(operation, kind, NULL), 0);
		assert_int_equal(operation->references, 2);
		operation_unref(operation);
		assert_int_equal(test.freed, 0);
		answer(kind);
		assert_int_equal(test.answers, 1);
		assert_string_equal(test.seen, seen[kind]);
		assert_int_equal(test.freed, 1);
	}
}

static void test_calls_that_can_not_be_made(void **state)
{
	for (enum stage_kind kind = STAGE_KUBE; kind <= STAGE_DB; kind++) {
		struct error err;
		struct operation *operation = begin(*state);
		stage_refuse(kind, 1);
		assert_int_equal(make_call(operation, kind, &err), -1);
		assert_int_equal(err.code, ERR_UNAVAILABLE);
		assert_int_equal(operation->references, 1);
		operation_unref(operation);
		assert_int_equal(test.answers, 0);
		assert_int_equal(test.freed, 1);
	}
}

/* The server ends: nothing is called back, and everything is freed. */
static void test_forgotten(void **state)
{
	struct operation *operation = begin(*state);
	for (enum stage_kind kind = STAGE_KUBE; kind <= STAGE_DB; kind++)
		assert_int_equal(make_call(operation, kind, NULL), 0);
	operation_unref(operation);
	stage_forget(*state);
	assert_int_equal(test.answers, 0);
	assert_int_equal(test.freed, 1);
}

static void test_storage_is_measured(void **state)
{
	struct stage *stage = *state;
	static const enum error_code codes[] = {ERR_NONE, ERR_NOT_FOUND, ERR_IO};
	for (size_t i = 0; i < 3; i++) {
		struct operation *operation = begin(stage);
		make_call(operation, STAGE_BLOB_GET, NULL);
		operation_unref(operation);
		stage_answer_blob(codes[i], "x");
		assert_true(metrics_get(stage->server.metrics, APISERVER_STORAGE_OPERATIONS,
					METRIC_AT(STORAGE_GET, i)) == 1);
	}
}

/* In the thread pool: the next may run before this one's callback does, but never beside it. */
static void work(struct operation *operation)
{
	(void)operation;
	if (atomic_fetch_add(&test.running, 1) > 0)
		test.overlapped = true;
	test.works++;
	atomic_fetch_sub(&test.running, 1);
}

static void on_worked(struct operation *operation)
{
	assert_true(test.works > test.answers);
	assert_true(operation->references > 0);
	test.answers++;
}

static void run_loop(struct stage *stage)
{
	while (operation_work_queue(&stage->server) > 0)
		uv_run(&stage->loop, UV_RUN_ONCE);
}

static void test_work_goes_one_by_one(void **state)
{
	struct stage *stage = *state;
	struct operation *operation = begin(stage);
	for (int i = 0; i < 3; i++)
		assert_int_equal(operation_work(operation, work, on_worked, NULL), 0);
	assert_int_equal(operation_work_queue(&stage->server), 3);
	operation_unref(operation);
	run_loop(stage);
	assert_int_equal(test.works, 3);
	assert_false(test.overlapped);
	assert_int_equal(test.answers, 3);
	assert_int_equal(test.freed, 1);
}

/* What runs is finished; what waits never starts, and nothing is called back. */
static void test_work_at_the_end(void **state)
{
	struct stage *stage = *state;
	struct operation *operation = begin(stage);
	for (int i = 0; i < 2; i++)
		assert_int_equal(operation_work(operation, work, on_worked, NULL), 0);
	operation_unref(operation);
	stage->server.ended = true;
	while (operation_work_queue(&stage->server) == 2)
		uv_run(&stage->loop, UV_RUN_ONCE);
	assert_int_equal(test.works, 1);
	operation_forget_all(&stage->server);
	assert_int_equal(test.answers, 0);
	assert_int_equal(test.freed, 1);
}

/* One of another tenant waits for the one that runs, not for all that came before. */
struct tenants_work {
	struct operation operation;
	char letter;
};

static char order[16];
static size_t ordered_count;

static void do_nothing(struct operation *operation)
{
	(void)operation;
}

static void note_order(struct operation *operation)
{
	order[ordered_count++] = ((struct tenants_work *)operation)->letter;
}

static bool note_piece(struct operation *operation)
{
	note_order(operation);
	return ordered_count < 5;
}

static void keep(struct operation *operation)
{
	(void)operation;
}

/* Of the tenant "acme": a, b, c; of another: x. */
static void make_works(struct stage *stage, struct tenants_work works[4], struct caller *another)
{
	memset(order, 0, sizeof(order));
	ordered_count = 0;
	another->tenant = str_dup(STR("another"));
	for (size_t i = 0; i < 4; i++) {
		works[i].letter = "abcx"[i];
		operation_init(&works[i].operation, &stage->server, i < 3 ? stage->caller : another, keep);
	}
}

static void end_works(struct tenants_work works[4], struct caller *another)
{
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(works[i].operation.references, 1);
		operation_unref(&works[i].operation);
	}
	caller_unref(another);
}

static void test_tenants_take_turns(void **state)
{
	struct stage *stage = *state;
	struct tenants_work works[4];
	struct caller *another = caller_new();
	make_works(stage, works, another);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(operation_work(&works[i].operation, do_nothing, note_order, NULL), 0);
	run_loop(stage);
	assert_string_equal(order, "abxc");
	end_works(works, another);
}

static void test_pieces_take_turns(void **state)
{
	struct stage *stage = *state;
	struct tenants_work works[4];
	struct caller *another = caller_new();
	make_works(stage, works, another);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(operation_pieces(&works[i].operation, note_piece, NULL), 0);
	for (size_t turn = 1; turn <= 5; turn++) {
		uv_run(&stage->loop, UV_RUN_NOWAIT);
		assert_int_equal(ordered_count, turn); /* one in each */
	}
	uv_run(&stage->loop, UV_RUN_DEFAULT);
	assert_string_equal(order, "axbxcxab");
	end_works(works, another);
}

static void test_a_tenants_lane_is_bounded(void **state)
{
	struct stage *stage = *state;
	struct error err;
	struct tenants_work works[4];
	struct caller *another = caller_new();
	make_works(stage, works, another);
	for (size_t i = 0; i < 4; i++) /* one runs, three wait */
		assert_int_equal(operation_work(&works[0].operation, do_nothing, note_order, &err), 0);
	assert_int_equal(operation_work(&works[1].operation, do_nothing, note_order, &err), -1);
	assert_int_equal(err.code, ERR_NO_CAPACITY);
	assert_non_null(strstr(err.message, "the limit (SKILLBOX_MAX_WAITING_CALLS)"));
	assert_true(metrics_get(stage->server.metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_WORK)) == 1);
	assert_int_equal(operation_work(&works[3].operation, do_nothing, note_order, &err), 0);
	run_loop(stage);
	assert_string_equal(order, "aaxaa");
	assert_int_equal(operation_work(&works[1].operation, do_nothing, note_order, &err), 0);
	run_loop(stage);
	end_works(works, another);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_calls),
	    TEST(test_calls_that_can_not_be_made),
	    TEST(test_forgotten),
	    TEST(test_storage_is_measured),
	    TEST(test_work_goes_one_by_one),
	    TEST(test_work_at_the_end),
	    TEST(test_tenants_take_turns),
	    TEST(test_pieces_take_turns),
	    TEST(test_a_tenants_lane_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
