/* One file out of an execution's archive: who may have it, in which steps, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/file.h"
#include "apiserver/operation.h"
#include "lib/base/temporary.h"
#include "lib/skill/archive.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define WITH_FILES                                                                                           \
	"\"files\":[\"a.txt\",\"b/c.txt\",\"lost\"],\"filesRef\":{\"digest\":\"" DIGEST "\",\"size\":9}"
#define NOT_READ "the file could not be read from storage"

struct told {
	unsigned known, found, done;
	bool stop_known, stop_found;
	int64_t size, offset, length; /* wanted; length < 0: all */
	char bytes[64], message[256];
	enum error_code code;
};

static bool on_known(void *context, const char *digest)
{
	struct told *told = context;
	told->known++;
	assert_string_equal(digest, DIGEST);
	return !told->stop_known;
}

static bool on_found(void *context, int64_t size, int64_t *ret_offset, int64_t *ret_length)
{
	struct told *told = context;
	told->found++;
	told->size = size;
	*ret_offset = told->offset;
	*ret_length = told->length < 0 ? size : told->length;
	return !told->stop_found;
}

static void on_done(void *context, struct execution_file *file, const struct error *failure)
{
	struct told *told = context;
	told->done++;
	if (failure) {
		assert_int_equal(file->fd, -1);
		told->code = failure->code;
		snprintf(told->message, sizeof(told->message), "%s", failure->message);
	} else if (file->fd >= 0) {
		ssize_t n = pread(file->fd, told->bytes, sizeof(told->bytes) - 1, 0);
		assert_int_equal(n, file->length);
		close(file->fd);
	}
}

static void ask(struct stage *stage, const char *path, struct told *told)
{
	const struct execution_file_listener listener = {on_known, on_found, on_done, told};
	stage->config.policy.max_files_size = 1 << 20;
	execution_file(&stage->server, stage->caller, STR(STAGE_ID), str_of(path), &listener);
}

static void work(struct stage *stage)
{
	while (operation_work_queue(&stage->server) > 0)
		uv_run(&stage->loop, UV_RUN_ONCE);
}

/* "a.txt" and "b/c.txt" as the controller packs them. */
static void answer_archive(void)
{
	struct error err;
	static char bytes[65536];
	int64_t size;
	int source = temporary_file(&err), out = temporary_file(&err);
	assert_int_equal(temporary_write(source, STR("hello world"), &err), 0);
	const struct archive_source files[] = {{STR("a.txt"), source, 0, 5, 0, false},
					       {STR("b/c.txt"), source, 6, 5, 0, false}};
	assert_int_equal(archive_write_tar_gz(out, files, 2, &size, &err), 0);
	assert_int_equal(pread(out, bytes, sizeof(bytes), 0), size);
	stage_answer_blob_bytes(ERR_NONE, (struct str){bytes, (size_t)size});
	close(source);
	close(out);
}

static void reads(struct stage *stage, const char *path, int64_t offset, int64_t length, const char *expected)
{
	struct told told = {.offset = offset, .length = length};
	ask(stage, path, &told);
	assert_string_equal(stage_blob(STAGE_BLOB_GET)->digest, DIGEST);
	assert_string_equal(stage_blob(STAGE_BLOB_GET)->tenant, "acme");
	answer_archive();
	assert_int_equal(told.done, 0); /* the thread pool works */
	work(stage);
	assert_int_equal(told.done, 1);
	assert_string_equal(told.message, "");
	assert_int_equal(told.size, 5);
	assert_string_equal(told.bytes, expected);
}

static void test_all_of_it_and_a_part(void **state)
{
	stage_execution(*state, stage_execution_json(STAGE_ID, "success", WITH_FILES));
	reads(*state, "a.txt", 0, -1, "hello");
	reads(*state, "b/c.txt", 0, -1, "world");
	reads(*state, "b/c.txt", 1, 3, "orl");
	reads(*state, "b/c.txt", 5, 0, "");
}

/* Nothing is fetched for a name that no execution of the tenant has. */
static void test_what_is_not_there(void **state)
{
	static const char *const paths[] = {"",         "c.txt",   "/a.txt",          "./a.txt", "../a.txt",
					    "b",        "b/",      "b/../a.txt",      "A.txt",   "a.txt/",
					    "b//c.txt", "a.txt\n", "b/c.txt/../../x", "\xff"};
	stage_execution(*state, stage_execution_json(STAGE_ID, "success", WITH_FILES));
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct told told = {0};
		ask(*state, paths[i], &told);
		assert_int_equal(told.done, 1);
		assert_int_equal(told.known, 0);
		assert_int_equal(told.code, ERR_NOT_FOUND);
		assert_non_null(strstr(told.message, "has no file \""));
	}
	static const char *const others[] = {"\"files\":[\"a.txt\"]", "\"files\":[]", ""};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct told told = {0};
		stage_execution(*state, stage_execution_json(STAGE_ID, "success", others[i]));
		ask(*state, "a.txt", &told);
		assert_int_equal(told.done, 1);
		assert_int_equal(told.code, ERR_NOT_FOUND);
	}
}

static void test_an_execution_that_is_not_there(void **state)
{
	struct told told = {0};
	ask(*state, "a.txt", &told);
	stage_answer(404, "not found");
	assert_int_equal(told.done, 1);
	assert_int_equal(told.code, ERR_NOT_FOUND);
	assert_string_equal(told.message, "execution not found: " STAGE_ID);
}

/* It is in the list, and not in the archive. */
static void test_a_list_that_is_wrong(void **state)
{
	struct told told = {0};
	stage_execution(*state, stage_execution_json(STAGE_ID, "success", WITH_FILES));
	ask(*state, "lost", &told);
	answer_archive();
	work(*state);
	assert_int_equal(told.done, 1);
	assert_int_equal(told.found, 0);
	assert_int_equal(told.code, ERR_NOT_FOUND);
}

static void test_the_listener_ends_it(void **state)
{
	struct told at_once = {.stop_known = true}, later = {.stop_found = true};
	stage_execution(*state, stage_execution_json(STAGE_ID, "success", WITH_FILES));
	ask(*state, "a.txt", &at_once);
	assert_int_equal(at_once.done, 1);
	assert_int_equal(stage_waiting(), 0);
	ask(*state, "a.txt", &later);
	answer_archive();
	work(*state);
	assert_int_equal(later.done, 1);
	assert_int_equal(later.code, ERR_NONE);
	assert_string_equal(later.bytes, "");
}

static void fails(struct told *told, enum error_code code)
{
	assert_int_equal(told->done, 1);
	assert_int_equal(told->code, code);
	*told = (struct told){0};
}

static void test_failures(void **state)
{
	struct stage *stage = *state;
	struct told told = {0};
	stage_execution(stage, stage_execution_json(STAGE_ID, "success", WITH_FILES));
	ask(stage, "a.txt", &told);
	stage_answer_blob(ERR_NOT_FOUND, NULL);
	assert_non_null(strstr(told.message, NOT_READ));
	fails(&told, ERR_INTERNAL);
	ask(stage, "a.txt", &told);
	stage_answer_blob(ERR_UNAVAILABLE, NULL);
	fails(&told, ERR_UNAVAILABLE);
	stage_refuse(STAGE_BLOB_GET, 1);
	ask(stage, "a.txt", &told);
	fails(&told, ERR_UNAVAILABLE);
	ask(stage, "a.txt", &told);
	stage_answer_blob(ERR_NONE, "this is no archive");
	work(stage);
	assert_non_null(strstr(told.message, NOT_READ));
	fails(&told, ERR_INTERNAL);
}

/* One more than the tenant may have waiting for the thread pool. */
static void test_too_many_at_once(void **state)
{
	struct stage *stage = *state;
	struct told told[3] = {{.length = -1}, {.length = -1}, {.length = -1}};
	stage->config.limits.max_waiting_calls = 1;
	stage_execution(stage, stage_execution_json(STAGE_ID, "success", WITH_FILES));
	for (int i = 0; i < 3; i++) {
		ask(stage, "a.txt", &told[i]);
		answer_archive();
	}
	assert_int_equal(told[2].done, 1); /* one runs, one waits */
	assert_int_equal(told[2].code, ERR_NO_CAPACITY);
	assert_non_null(strstr(told[2].message, "SKILLBOX_MAX_WAITING_CALLS"));
	work(stage);
	assert_int_equal(told[0].done, 1);
	assert_string_equal(told[0].bytes, "hello");
	assert_int_equal(told[1].done, 1);
}

static void test_the_server_ends(void **state)
{
	struct told told = {0};
	stage_execution(*state, stage_execution_json(STAGE_ID, "success", WITH_FILES));
	ask(*state, "a.txt", &told);
	stage_forget(*state);
	fails(&told, ERR_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_all_of_it_and_a_part, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_what_is_not_there, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_an_execution_that_is_not_there, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_a_list_that_is_wrong, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_the_listener_ends_it, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_failures, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_too_many_at_once, stage_setup, stage_teardown),
	    cmocka_unit_test_setup_teardown(test_the_server_ends, stage_setup, stage_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
