/* Transfers on the thread pool: so many at a time, tenants by turns, and what becomes of those that wait. */
#include "blob_util.h"
#include "lib/blob/remote.h"

#include <stdatomic.h>
#include <string.h>

#define MANY 12

static uv_loop_t loop;
static struct remote_store *store;
static char order[64];
static atomic_uint running, most_running, freed, destroyed;

static void on_destroy(struct remote_store *which)
{
	destroyed++;
	free(which);
}

static void on_free(struct remote_transfer *transfer)
{
	freed++;
	free(transfer);
}

static int setup(void **state)
{
	(void)state;
	static const struct blob_operations none = {0};
	order[0] = '\0';
	running = most_running = freed = destroyed = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	store = calloc(1, sizeof(*store));
	assert_int_equal(remote_store_init(store, &none, &loop, NULL, on_destroy, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(destroyed, 1);
	return 0;
}

static void job(struct remote_transfer *transfer)
{
	(void)transfer;
	unsigned now = atomic_fetch_add(&running, 1) + 1;
	if (now > most_running)
		most_running = now;
	atomic_fetch_sub(&running, 1);
}

static void after(struct remote_transfer *transfer)
{
	strncat(order, transfer->tenant, 1);
	remote_transfer_free(transfer);
}

static void start(const char *tenant)
{
	const struct blob_key key = {BLOB_SKILLS, tenant, "sha256:a"};
	struct remote_transfer *transfer = calloc(1, sizeof(*transfer));
	assert_non_null(transfer);
	remote_transfer_init(transfer, store, &key, NULL, NULL, on_free);
	remote_transfer_on_pool(transfer, job, after);
}

static void test_turns(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		start("many");
	start("few");
	assert_int_equal(store->on_pool, REMOTE_ON_POOL_MAX);
	assert_int_equal(store->waiting.count, MANY + 1 - REMOTE_ON_POOL_MAX);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(strlen(order), MANY + 1);
	/* Behind those that ran, and what ran beside it. */
	assert_in_range(strchr(order, 'f') - order, 0, 2 * REMOTE_ON_POOL_MAX);
	assert_true(most_running <= REMOTE_ON_POOL_MAX);
	assert_int_equal(freed, MANY + 1);
	remote_store_close(store);
}

/* Nobody is told, and nothing is kept. */
static void test_closed(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		start("many");
	remote_store_close(store);
	assert_int_equal(freed, MANY - REMOTE_ON_POOL_MAX);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_string_equal(order, "");
	assert_int_equal(freed, MANY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
