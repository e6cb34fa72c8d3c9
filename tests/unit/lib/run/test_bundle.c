/* A bundle holds the skill's bytes, whatever its size and wherever it is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../frame/taker.h"
#include "lib/run/bundle.h"
#include "lib/skill/archive.h"
#include "zip_maker.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Decode its frames as a sandbox does; they must be exactly these files, in this order. */
static void expect_files(const struct bundle *bundle, const struct made_entry *files, size_t count)
{
	char *wire = malloc((size_t)bundle->size + 1);
	struct error err;
	assert_non_null(wire);
	/* as the sender does: in pieces */
	for (int64_t at = 0; at < bundle->size;) {
		size_t n = bundle->size - at < 10007 ? (size_t)(bundle->size - at) : 10007;
		if (bundle_read(bundle, at, wire + at, n, &err) != 0)
			fail_msg("%s", err.message);
		at += (int64_t)n;
	}
	struct taker taker = taker_of((struct str){wire, (size_t)bundle->size});
	struct frame frame;
	uint64_t total = 0;
	for (size_t i = 0; i < count; i++) {
		size_t size = str_of(files[i].data).n;
		assert_true(taker_next(&taker, &frame));
		assert_int_equal(frame.type, FRAME_FILE);
		assert_true(str_eq(frame.file.path, str_of(files[i].name)));
		assert_int_equal(frame.file.size, size);
		for (size_t at = 0; at < size; at += frame.data.n) {
			assert_true(taker_next(&taker, &frame));
			assert_int_equal(frame.type, FRAME_DATA);
			assert_true(frame.data.n > 0 && frame.data.n <= size - at);
			assert_memory_equal(frame.data.p, files[i].data + at, frame.data.n);
		}
		total += size;
	}
	assert_false(taker_next(&taker, &frame));
	buffer_free(&taker.unpacked);
	assert_int_equal(bundle->file_count, count);
	assert_int_equal(bundle->byte_count, total);
	free(wire);
}

static struct bundle *encode(int fd)
{
	struct error err;
	struct bundle *bundle = bundle_encode_zip(fd, "", "", &err);
	if (!bundle)
		fail_msg("%s", err.message);
	close(fd);
	return bundle;
}

static void a_zip_of_any_size(void **state)
{
	(void)state;
	static const size_t sizes[] = {0,     1,      1000,    65000,   65535,
				       65536, 262144, 1000000, 5000000, FRAME_DATA_SIZE * 3};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *data = make_noise(sizes[i]);
		/* The order of the archive, which is not that of names. */
		const struct made_entry files[] = {{.name = "z", .data = "1"},
						   {.name = "data", .data = data},
						   {.name = "main.py", .data = "print()"},
						   {.name = "empty", .data = ""}};
		struct bundle *bundle = encode(make_entries(files, 4));
		expect_files(bundle, files, 4);
		assert_string_equal(bundle->entrypoint, "main.py");
		assert_string_equal(bundle->interpreter, "python");
		assert_true(bundle->size <= BUNDLE_IN_MEMORY ? bundle->frames && bundle->fd < 0
							     : !bundle->frames && bundle->fd >= 0);
		bundle_unref(bundle);
		free(data);
	}
}

/* Where SKILLBOX_MAX_SKILL_SIZE was raised, archives of more than 50 MiB could be pushed, but not run. */
static void an_archive_of_more_than_50_mib(void **state)
{
	(void)state;
	const struct made_entry files[] = {{.name = "main.py", .data = "print()"}};
	char *prefix = make_noise((size_t)51 << 20);
	struct made_zip zip = {.entries = files, .count = 1, .prefix = prefix};
	struct bundle *bundle = encode(make_zip(&zip));
	expect_files(bundle, files, 1);
	bundle_unref(bundle);
	free(prefix);
}

static void inline_files(void **state)
{
	(void)state;
	char *data = make_noise(300000);
	struct archive_entry entries[] = {
	    {.path = (char *)"data", .mode = 0644, .data = data, .size = 300000},
	    {.path = (char *)"run.sh", .mode = 0644, .data = (char *)"ls", .size = 2}};
	const struct archive_content content = {entries, 2, 300002};
	const struct made_entry files[] = {{.name = "data", .data = data}, {.name = "run.sh", .data = "ls"}};
	struct error err;
	struct bundle *bundle = bundle_encode(&content, "bash", "", &err);
	assert_non_null(bundle);
	expect_files(bundle, files, 2);
	bundle_unref(bundle);
	assert_null(bundle_encode(&content, "python", "", &err));
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	bundle = bundle_encode(&content, "bash", "data", &err); /* given by name */
	assert_non_null(bundle);
	assert_string_equal(bundle->entrypoint, "data");
	assert_string_equal(bundle->interpreter, "bash");
	bundle_unref(bundle);
	assert_null(bundle_encode(&content, "bash", "other", &err));
	assert_non_null(strstr(err.message, "\"other\" is not among the files"));
	free(data);
}

static void what_is_no_skill(void **state)
{
	(void)state;
	const struct made_entry without[] = {{.name = "a", .data = "1"}};
	const struct made_entry damaged[] = {{.name = "main.py", .data = "1", .crc = 7, .streamed = true}};
	struct error err;
	int fd = make_entries(without, 1);
	assert_null(bundle_encode_zip(fd, "", "", &err));
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	assert_non_null(strstr(err.message, "no entrypoint"));
	close(fd);
	fd = make_entries(damaged, 1);
	assert_null(bundle_encode_zip(fd, "", "", &err));
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	close(fd);
}

/* The disk's trouble is not the skill's: another try may succeed. */
static void a_full_disk(void **state)
{
	(void)state;
	char *data = make_noise(2000000);
	const struct made_entry files[] = {{.name = "main.py", .data = "1"}, {.name = "data", .data = data}};
	int fd = make_entries(files, 2);
	struct rlimit before, small;
	struct error err;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 1000000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	struct bundle *bundle = bundle_encode_zip(fd, "", "", &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_null(bundle);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.message, "temporary file"));
	close(fd);
	free(data);
}

/* What a job has to say of files that the sandbox has already. */
static void an_outline(void **state)
{
	(void)state;
	const struct made_entry files[] = {{.name = "main.py", .data = "print()"},
					   {.name = "a", .data = "12"}};
	struct bundle *bundle = encode(make_entries(files, 2));
	struct bundle *outline = bundle_outline(bundle);
	bundle_unref(bundle); /* it needs nothing of it */
	assert_non_null(outline);
	assert_string_equal(outline->entrypoint, "main.py");
	assert_string_equal(outline->interpreter, "python");
	assert_int_equal(outline->file_count, 2);
	assert_int_equal(outline->byte_count, 9);
	assert_int_equal(outline->size, 0);
	assert_int_equal(outline->fd, -1);
	assert_null(outline->frames);
	bundle_unref(outline);
}

static void counted(void **state)
{
	(void)state;
	const struct made_entry files[] = {{.name = "main.py", .data = "print()"}};
	struct bundle *bundle = encode(make_entries(files, 1));
	assert_ptr_equal(bundle_ref(bundle), bundle);
	assert_null(bundle_unref(bundle));
	expect_files(bundle, files, 1); /* still there */
	assert_null(bundle_unref(bundle));
	assert_null(bundle_unref(NULL));
}

/* Whoever cleans up temporary files may cut ours. */
static void a_file_that_was_cut(void **state)
{
	(void)state;
	char *data = make_noise(300000), byte;
	const struct made_entry files[] = {{.name = "main.py", .data = "1"}, {.name = "data", .data = data}};
	struct bundle *bundle = encode(make_entries(files, 2));
	struct error err;
	assert_true(bundle->fd >= 0);
	assert_int_equal(bundle_read(bundle, bundle->size - 1, &byte, 1, &err), 0);
	assert_int_equal(ftruncate(bundle->fd, bundle->size - 1), 0);
	assert_int_equal(bundle_read(bundle, bundle->size - 1, &byte, 1, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	bundle_unref(bundle);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_zip_of_any_size), cmocka_unit_test(an_archive_of_more_than_50_mib),
	    cmocka_unit_test(inline_files),      cmocka_unit_test(what_is_no_skill),
	    cmocka_unit_test(a_full_disk),       cmocka_unit_test(an_outline),
	    cmocka_unit_test(counted),           cmocka_unit_test(a_file_that_was_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
