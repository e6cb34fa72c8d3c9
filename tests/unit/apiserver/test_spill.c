/* A small answer stays in memory; a large one is in a file, whole and counted, however it was appended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/spill.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct apiserver_config config = {
    .limits = {.transfer_memory = 4 << 20, .transfer_size = (int64_t)256 << 20},
    .policy = {.max_files_size = 1 << 20},
    .max_skill_size = 1 << 20};

static char *content(const struct spill *spill)
{
	char *text = calloc(1, (size_t)spill->size + 1);
	assert_int_equal(pread(spill->fd, text, (size_t)spill->size, 0), spill->size);
	return text;
}

static void test_small(void **state)
{
	(void)state;
	struct error err;
	struct spill spill;
	spill_init(&spill, NULL, "a");
	buffer_append_c(&spill.text, "small");
	assert_int_equal(spill_finish(&spill, &err), 0);
	assert_int_equal(spill.fd, -1);
	assert_string_equal(spill.text.data, "small");
	spill_clear(&spill);
	spill_clear(&spill);
}

/* The same text, in pieces of every kind of size, is the same file; a comma is where it belongs. */
static void test_pieces(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 2, 1000, 65535, 65536, 65537, 200000, 3000000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct error err;
		struct spill spill;
		struct metrics *metrics = metrics_new(apiserver_metric_table, APISERVER_METRIC_COUNT, &err);
		struct usage *usage = usage_new(&config, metrics, &err);
		struct buffer expected = BUFFER(64 << 20);
		char *value = malloc(sizes[i]);
		memset(value, 'v', sizes[i]);
		spill_init(&spill, usage, "a");
		json_open(&spill.text, '[');
		json_open(&expected, '[');
		while (expected.len < 1000000) {
			if (expected.len > 1) {
				buffer_append_byte(&expected, ',');
				buffer_append_byte(&spill.text, ',');
			}
			jsontext_append_string(&expected, (struct str){value, sizes[i]});
			jsontext_append_string(&spill.text, (struct str){value, sizes[i]});
			json_element_string(&expected, "x\n");
			json_element_string(&spill.text, "x\n");
		}
		json_close(&expected, ']');
		json_close(&spill.text, ']');
		assert_int_equal(spill_finish(&spill, &err), 0);
		assert_int_equal(spill.size, expected.len);
		assert_int_equal(usage_now(usage, USAGE_FILES), spill.size);
		char *found = content(&spill);
		assert_memory_equal(found, expected.data, expected.len);
		free(found);
		free(value);
		buffer_free(&expected);
		spill_clear(&spill);
		assert_int_equal(usage_now(usage, USAGE_FILES), 0);
		usage_free(usage);
		metrics_free(metrics);
	}
}

static void test_no_room(void **state)
{
	(void)state;
	struct error err;
	struct spill spill;
	struct usage_hold others = {0};
	struct metrics *metrics = metrics_new(apiserver_metric_table, APISERVER_METRIC_COUNT, &err);
	struct usage *usage = usage_new(&config, metrics, &err);
	assert_int_equal(usage_take(usage, "a", USAGE_FILES, ((int64_t)64 << 20) - 100000, &others, &err), 0);
	spill_init(&spill, usage, "a");
	for (int i = 0; i < 200000; i++)
		buffer_append_c(&spill.text, "text");
	assert_int_equal(spill_finish(&spill, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE); /* the request is right */
	assert_non_null(strstr(err.message, "SKILLBOX_TRANSFER_SIZE"));
	spill_clear(&spill);
	usage_release(&others);
	assert_int_equal(usage_now(usage, USAGE_FILES), 0);
	usage_free(usage);
	metrics_free(metrics);
}

static void test_no_disk(void **state)
{
	(void)state;
	struct error err;
	struct spill spill;
	setenv("TMPDIR", "/nowhere", 1);
	spill_init(&spill, NULL, "a");
	for (int i = 0; i < 200000; i++)
		buffer_append_c(&spill.text, "text");
	assert_int_equal(spill_finish(&spill, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	unsetenv("TMPDIR");
	spill_clear(&spill);
}

static void test_too_large(void **state)
{
	(void)state;
	struct error err;
	struct spill spill;
	char *megabyte = calloc(1, 1 << 20);
	spill_init(&spill, NULL, "a");
	for (int i = 0; i <= SPILL_MAX >> 20; i++)
		buffer_append(&spill.text, megabyte, 1 << 20);
	assert_int_equal(spill_finish(&spill, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.message, "the limit"));
	spill_clear(&spill);
	free(megabyte);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_small),   cmocka_unit_test(test_pieces),    cmocka_unit_test(test_no_room),
	    cmocka_unit_test(test_no_disk), cmocka_unit_test(test_too_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
