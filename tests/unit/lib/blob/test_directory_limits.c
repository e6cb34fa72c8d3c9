/* A tenant's limit and the disk's reserve, on a real directory; and whose put is next. */
#include "blob_util.h"
#include "lib/blob/directory_internal.h"
#include "lib/blob/directory_limits.h"
#include "lib/blob/directory_sweep.h"

#include <stdio.h>
#include <string.h>

static uv_loop_t loop;
static char root[] = "/tmp/skillbox-blob-XXXXXX";
static struct blob_store *store;

static void open_store(void)
{
	struct error err;
	store = blob_store_directory(&loop, root, SIGNING_KEY, "http://localhost:8080", &err);
	if (!store)
		fail_msg("%s", err.message);
}

static void close_store(void)
{
	store = blob_store_free(store);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static int setup(void **state)
{
	(void)state;
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(root));
	assert_int_equal(uv_loop_init(&loop), 0);
	open_store();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_store();
	assert_int_equal(uv_loop_close(&loop), 0);
	remove_tree(root);
	return 0;
}

/* And the count is done. */
static void limit(int64_t tenant_size, int64_t waiting)
{
	const struct blob_limits limits = {tenant_size, waiting};
	assert_int_equal(blob_directory_limit(store, &limits, NULL), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static struct blob_key key_of(const char *tenant, const char *text)
{
	static char digests[8][DIGEST_TEXT_SIZE];
	static unsigned at;
	char *digest = digests[at++ % 8];
	assert_int_equal(digest_text(str_of(text), digest, NULL), 0);
	return (struct blob_key){BLOB_EXECUTIONS, tenant, digest};
}

static enum error_code put_text(const char *tenant, const char *text)
{
	struct blob_key key = key_of(tenant, text);
	return put(&loop, store, &key, text, strlen(text)).error.code;
}

static int64_t size_of(const char *tenant)
{
	return account_size(&directory_from(store)->account, tenant);
}

static void test_a_tenants_limit(void **state)
{
	struct blob_usage usage;
	(void)state;
	limit(10, 0);
	assert_int_equal(put_text("a", "12345"), ERR_NONE);
	assert_int_equal(put_text("a", "123456"), ERR_NO_CAPACITY);
	assert_int_equal(put_text("a", "1234567890123"), ERR_NO_CAPACITY);
	assert_int_equal(put_text("b", "123456"), ERR_NONE); /* it is the tenant's own */
	assert_int_equal(put_text("a", "54321"), ERR_NONE);
	assert_int_equal(put_text("a", "12345"), ERR_NONE); /* it is there, and costs nothing */
	assert_int_equal(size_of("a"), 10);
	assert_int_equal(blob_directory_usage(store, &usage, NULL), 0);
	assert_true(usage.is_counted && usage.size == 16 && usage.highest == 10 &&
		    usage.free > usage.reserve);
	assert_true(usage.reserve > 0 && usage.reserve <= (int64_t)1 << 30);
	struct blob_key key = key_of("a", "12345");
	struct answer answer = delete (&loop, store, &key);
	answer = delete (&loop, store, &key);
	assert_int_equal(answer.error.code, ERR_NONE);
	assert_int_equal(size_of("a"), 5);
	assert_int_equal(put_text("a", "67890"), ERR_NONE);
	assert_int_equal(directory_from(store)->account.reserved, 0);
}

/* The bytes of many puts under way are set aside: together they stay below the limit. */
static void test_puts_at_once(void **state)
{
	struct answer answers[40] = {0};
	char text[16];
	unsigned stored = 0;
	(void)state;
	limit(100, 0);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "%010u", i);
		struct blob_key key = key_of("a", text);
		int fd = file_with(text, 10);
		assert_int_equal(blob_put(store, &key, fd, 10, on_answer, &answers[i], NULL), 0);
		close(fd);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(answers[i].calls, 1);
		stored += answers[i].error.code == ERR_NONE;
	}
	assert_int_equal(stored, 10);
	assert_int_equal(size_of("a"), 100);
}

/* The same bytes, all at once, are there once. */
static void test_the_same_at_once(void **state)
{
	struct answer answers[8] = {0};
	struct blob_key key = key_of("a", "the same");
	(void)state;
	limit(1000, 0);
	for (unsigned i = 0; i < 8; i++) {
		int fd = file_with("the same", 8);
		assert_int_equal(blob_put(store, &key, fd, 8, on_answer, &answers[i], NULL), 0);
		close(fd);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	for (unsigned i = 0; i < 8; i++)
		assert_string_equal(answers[i].error.message, "");
	assert_int_equal(size_of("a"), 8);
}

static void on_removed(void *context, const struct error *error, const struct blob_removal *removed)
{
	assert_null(error);
	*(int64_t *)context = removed->bytes;
}

static void test_what_the_sweep_removes(void **state)
{
	int64_t bytes = 0;
	struct blob_name name = {.bucket = BLOB_EXECUTIONS, .tenant = "a"};
	(void)state;
	limit(10, 0);
	assert_int_equal(put_text("a", "12345"), ERR_NONE);
	snprintf(name.digest, sizeof(name.digest), "%s", key_of("a", "12345").digest);
	assert_int_equal(blob_directory_remove(store, &name, 1, INT64_MAX, on_removed, &bytes, NULL), 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(bytes, 5);
	assert_int_equal(size_of("a"), 0);
}

/* A server that starts again knows what is there; what lies there beside blobs doesn't count. */
static void test_count_at_the_start(void **state)
{
	(void)state;
	char path[256];
	assert_int_equal(put_text("a", "12345"), ERR_NONE);
	assert_int_equal(put_text("a", "123"), ERR_NONE);
	assert_int_equal(put_text("b", "1"), ERR_NONE);
	close_store();
	snprintf(path, sizeof(path), "%s/executions/lost+found!", root);
	FILE *stray = fopen(path, "w");
	assert_non_null(stray);
	assert_true(fputs("stray", stray) >= 0);
	fclose(stray);
	open_store();
	struct blob_usage usage;
	assert_int_equal(blob_directory_usage(store, &usage, NULL), 0);
	assert_false(usage.is_counted);
	limit(10, 0);
	assert_int_equal(size_of("a"), 8);
	assert_int_equal(size_of("b"), 1);
	assert_int_equal(put_text("a", "abc"), ERR_NO_CAPACITY);
	assert_int_equal(put_text("a", "ab"), ERR_NONE);
}

/* What is put while the walk runs counts once. */
static void test_count_while_it_is_used(void **state)
{
	(void)state;
	char text[16];
	limit(10000, 0);
	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(blob_directory_count(store, NULL), 0);
		snprintf(text, sizeof(text), "%010u", i);
		assert_int_equal(put_text("a", text), ERR_NONE);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(size_of("a"), 600);
}

/* The disk's reserve is everybody's. */
static void test_reserve(void **state)
{
	struct blob_usage usage;
	(void)state;
	limit(1 << 20, 0);
	assert_int_equal(put_text("a", "12345"), ERR_NONE);
	assert_int_equal(blob_directory_usage(store, &usage, NULL), 0);
	/* As if so much were under way that only a little is left. */
	directory_from(store)->account.reserved = usage.free - usage.reserve + (1 << 20);
	struct blob_key key = key_of("b", "54321");
	struct answer answer = put(&loop, store, &key, "54321", 5);
	assert_int_equal(answer.error.code, ERR_STORAGE_FULL);
	assert_non_null(strstr(answer.error.message, "the storage is nearly full"));
	assert_int_equal(put_text("a", "12345"), ERR_NONE); /* it is there */
	directory_from(store)->account.reserved = 0;
	assert_int_equal(put_text("b", "54321"), ERR_NONE);
}

/* Tenants take turns: one put of another waits for those that run, not for all that came before. */

struct turn {
	char letter, *order;
};

static void on_turn(void *context, const struct error *error, int fd, int64_t size)
{
	struct turn *turn = context;
	(void)fd;
	(void)size;
	assert_null(error);
	strncat(turn->order, &turn->letter, 1);
}

static void test_turns(void **state)
{
	char order[32] = "", text[32];
	struct turn many = {'m', order}, few = {'f', order};
	struct error err;
	(void)state;
	limit(1 << 20, 8);
	for (unsigned i = 0; i < 12; i++) { /* 4 run, 8 wait */
		snprintf(text, sizeof(text), "%u", i);
		struct blob_key key = key_of("many", text);
		int fd = file_with(text, strlen(text));
		assert_int_equal(blob_put(store, &key, fd, (int64_t)strlen(text), on_turn, &many, &err), 0);
		close(fd);
	}
	int fd = file_with("x", 1);
	struct blob_key key = key_of("many", "x");
	assert_int_equal(blob_put(store, &key, fd, 1, on_turn, &many, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_string_equal(err.message, "8 blobs of this tenant wait to be stored already");
	key.tenant = "few";
	assert_int_equal(blob_put(store, &key, fd, 1, on_turn, &few, &err), 0);
	close(fd);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(strlen(order), 13);
	/* The four that ran, the one whose turn it was, and what ran beside it. */
	assert_in_range(strchr(order, 'f') - order, 0, 9);
	assert_int_equal(directory_from(store)->account.reserved, 0);
}

/* The server ends: what waits is forgotten. */
static void test_end_with_puts_that_wait(void **state)
{
	(void)state;
	limit(1 << 20, 0);
	char text[32], order[32] = "";
	struct turn turn = {'m', order};
	for (unsigned i = 0; i < 12; i++) {
		snprintf(text, sizeof(text), "%u", i);
		struct blob_key key = key_of("many", text);
		int fd = file_with(text, strlen(text));
		assert_int_equal(blob_put(store, &key, fd, (int64_t)strlen(text), on_turn, &turn, NULL), 0);
		close(fd);
	}
	assert_int_equal(blob_directory_count(store, NULL), 0);
	close_store();
	assert_string_equal(order, "");
	open_store();
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_tenants_limit),
	    TEST(test_puts_at_once),
	    TEST(test_the_same_at_once),
	    TEST(test_what_the_sweep_removes),
	    TEST(test_count_at_the_start),
	    TEST(test_count_while_it_is_used),
	    TEST(test_reserve),
	    TEST(test_turns),
	    TEST(test_end_with_puts_that_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
