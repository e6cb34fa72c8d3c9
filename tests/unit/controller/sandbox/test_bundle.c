/* A bundle holds the skill's bytes, whatever its size and wherever it is kept; the cache keeps what was used
 * last, within its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/bundle_cache.h"
#include "lib/base/digest.h"
#include "lib/frame/frame.h"
#include "lib/skill/archive.h"
#include "zip_maker.h"

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- encoding */

/* Decode its frames as a sandbox does; they must be exactly these files, in this order. */
static void expect_files(const struct bundle *bundle, const struct made_entry *files, size_t count)
{
	char *wire = malloc((size_t)bundle->size + 1);
	struct error problem;
	assert_non_null(wire);
	/* as the sender does: in pieces */
	for (int64_t at = 0; at < bundle->size;) {
		size_t n = bundle->size - at < 10007 ? (size_t)(bundle->size - at) : 10007;
		if (bundle_read(bundle, at, wire + at, n, &problem) != 0)
			fail_msg("%s", problem.message);
		at += (int64_t)n;
	}
	struct str rest = {wire, (size_t)bundle->size};
	uint64_t total = 0;
	for (size_t i = 0; i < count; i++) {
		struct frame frame;
		size_t used = 0, size = str_of(files[i].data).n;
		assert_int_equal(frame_decode(rest, false, &frame, &used, &problem), 1);
		rest = (struct str){rest.p + used, rest.n - used};
		assert_int_equal(frame.type, FRAME_FILE);
		assert_true(str_eq(frame.file.path, str_of(files[i].name)));
		assert_int_equal(frame.file.size, size);
		for (size_t at = 0; at < size; at += frame.data.n) {
			assert_int_equal(frame_decode(rest, false, &frame, &used, &problem), 1);
			rest = (struct str){rest.p + used, rest.n - used};
			assert_int_equal(frame.type, FRAME_DATA);
			assert_true(frame.data.n > 0 && frame.data.n <= size - at);
			assert_memory_equal(frame.data.p, files[i].data + at, frame.data.n);
		}
		total += size;
	}
	assert_int_equal(rest.n, 0);
	assert_int_equal(bundle->file_count, count);
	assert_int_equal(bundle->byte_count, total);
	free(wire);
}

static struct bundle *encode(int fd)
{
	struct error problem;
	struct bundle *bundle = bundle_encode_zip(fd, STR(""), &problem);
	if (!bundle)
		fail_msg("%s", problem.message);
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
	struct archive_entry entries[] = {{(char *)"data", 0644, data, 300000},
					  {(char *)"run.sh", 0644, (char *)"ls", 2}};
	const struct archive_content content = {entries, 2, 300002};
	const struct made_entry files[] = {{.name = "data", .data = data}, {.name = "run.sh", .data = "ls"}};
	struct error problem;
	struct bundle *bundle = bundle_encode(&content, STR("bash"), &problem);
	assert_non_null(bundle);
	expect_files(bundle, files, 2);
	bundle_unref(bundle);
	assert_null(bundle_encode(&content, STR("python"), &problem));
	assert_int_equal(problem.code, ERR_INVALID_SKILL);
	free(data);
}

static void what_is_no_skill(void **state)
{
	(void)state;
	const struct made_entry without[] = {{.name = "a", .data = "1"}};
	const struct made_entry damaged[] = {{.name = "main.py", .data = "1", .crc = 7, .streamed = true}};
	struct error problem;
	int fd = make_entries(without, 1);
	assert_null(bundle_encode_zip(fd, STR(""), &problem));
	assert_int_equal(problem.code, ERR_INVALID_SKILL);
	assert_non_null(strstr(problem.message, "no entrypoint"));
	close(fd);
	fd = make_entries(damaged, 1);
	assert_null(bundle_encode_zip(fd, STR(""), &problem));
	assert_int_equal(problem.code, ERR_INVALID_SKILL);
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
	struct error problem;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 1000000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	struct bundle *bundle = bundle_encode_zip(fd, STR(""), &problem);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_null(bundle);
	assert_int_equal(problem.code, ERR_IO);
	assert_non_null(strstr(problem.message, "temporary file"));
	close(fd);
	free(data);
}

/* ---- the cache */

struct fixture {
	uv_loop_t loop;
	char directory[64];
	struct blob_store *store;
	struct bundle_cache *cache;
	char digest[DIGEST_TEXT_SIZE];
	struct skill skill;
	/* answers */
	unsigned calls;
	struct error error;
	struct bundle *bundle;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error problem;
	snprintf(f->directory, sizeof(f->directory), "/tmp/skillbox-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->store =
	    blob_store_directory(&f->loop, f->directory, STR("a signing key"), "http://localhost", &problem);
	assert_non_null(f->store);
	f->cache = bundle_cache_new(&f->loop, f->store, &problem);
	assert_non_null(f->cache);
	f->skill.spec.bundle.digest = f->digest;
	f->skill.spec.lang = (char *)"python";
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	bundle_cache_free(f->cache);
	blob_store_free(f->store);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	nftw(f->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void stored(void *context, const struct error *error, int fd, int64_t size)
{
	(void)fd;
	(void)size;
	assert_null(error);
	(*(unsigned *)context)++;
}

/* Make fixture->skill one whose main.py has this text. */
static void store(struct fixture *f, const char *text)
{
	const struct made_entry files[] = {{.name = "main.py", .data = text}};
	int fd = make_entries(files, 1);
	off_t size = lseek(fd, 0, SEEK_END);
	char *bytes = malloc((size_t)size);
	unsigned done = 0;
	assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
	assert_int_equal(digest_text((struct str){bytes, (size_t)size}, f->digest, NULL), 0);
	struct blob_key key = {BLOB_SKILLS, "acme", f->digest};
	assert_int_equal(blob_put(f->store, &key, fd, size, stored, &done, NULL), 0);
	while (!done)
		uv_run(&f->loop, UV_RUN_ONCE);
	free(bytes);
	close(fd);
}

static void loaded(void *context, const struct error *error, struct bundle *bundle)
{
	struct fixture *f = context;
	f->calls++;
	f->error = error ? *error : (struct error){0};
	bundle_unref(f->bundle);
	f->bundle = bundle;
}

static void load(struct fixture *f, const char *text)
{
	store(f, text);
	unsigned before = f->calls;
	assert_non_null(bundle_cache_load(f->cache, &f->skill, "acme", loaded, f, NULL));
	while (f->calls == before)
		uv_run(&f->loop, UV_RUN_ONCE);
}

static bool is_cached(struct fixture *f)
{
	struct bundle *bundle = bundle_cache_find(f->cache, &f->skill, "acme");
	bundle_unref(bundle);
	return bundle != NULL;
}

static void one_load_for_all_who_wait(void **state)
{
	struct fixture *f = *state;
	store(f, "print()");
	assert_false(is_cached(f));
	struct bundle_wait *first = bundle_cache_load(f->cache, &f->skill, "acme", loaded, f, NULL);
	assert_non_null(bundle_cache_load(f->cache, &f->skill, "acme", loaded, f, NULL));
	assert_non_null(bundle_cache_load(f->cache, &f->skill, "acme", loaded, f, NULL));
	bundle_wait_cancel(first);
	while (f->calls < 2)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->error.code, ERR_NONE);
	struct bundle *found = bundle_cache_find(f->cache, &f->skill, "acme");
	assert_ptr_equal(found, f->bundle);
	bundle_unref(found);
	assert_null(bundle_cache_find(f->cache, &f->skill, "other")); /* another tenant's is not ours */
	f->bundle = bundle_unref(f->bundle);
}

static void a_load_that_fails_is_not_kept(void **state)
{
	struct fixture *f = *state;
	memset(f->digest, 0, sizeof(f->digest));
	snprintf(f->digest, sizeof(f->digest), "sha256:%064d", 7);
	assert_non_null(bundle_cache_load(f->cache, &f->skill, "acme", loaded, f, NULL));
	while (f->calls < 1)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->error.code, ERR_NOT_FOUND);
	assert_null(f->bundle);
	assert_false(is_cached(f));
	f->skill.spec.lang = (char *)"node";
	load(f, "print()");
	assert_int_equal(f->error.code, ERR_INVALID_SKILL);
	assert_false(is_cached(f));
}

static void the_least_used_goes_first(void **state)
{
	struct fixture *f = *state;
	char text[32], first[DIGEST_TEXT_SIZE], second[DIGEST_TEXT_SIZE];
	for (int i = 0; i < 64; i++) {
		snprintf(text, sizeof(text), "print(%d)", i);
		load(f, text);
		memcpy(i == 0 ? first : second, f->digest, i < 2 ? sizeof(first) : 0);
	}
	memcpy(f->digest, first, sizeof(first));
	assert_true(is_cached(f)); /* and used just now */
	load(f, "print('one more')");
	assert_true(is_cached(f));
	memcpy(f->digest, first, sizeof(first));
	assert_true(is_cached(f));
	memcpy(f->digest, second, sizeof(second));
	assert_false(is_cached(f));
	f->bundle = bundle_unref(f->bundle);
}

/* Large bundles don't drive the small ones out, nor they each other within their room. */
static void small_and_large_have_rooms_of_their_own(void **state)
{
	struct fixture *f = *state;
	char small[DIGEST_TEXT_SIZE], large[DIGEST_TEXT_SIZE];
	char *data = make_noise(100000);
	load(f, "print('small')");
	memcpy(small, f->digest, sizeof(small));
	for (int i = 0; i < 65; i++) {
		data[0] = (char)('!' + i);
		load(f, data);
		assert_null(f->bundle->frames);
		memcpy(large, f->digest, i == 0 ? sizeof(large) : 0);
	}
	assert_true(is_cached(f)); /* the last */
	memcpy(f->digest, small, sizeof(small));
	assert_true(is_cached(f));
	memcpy(f->digest, large, sizeof(large));
	assert_false(is_cached(f));
	f->bundle = bundle_unref(f->bundle);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_zip_of_any_size),
	    cmocka_unit_test(an_archive_of_more_than_50_mib),
	    cmocka_unit_test(inline_files),
	    cmocka_unit_test(what_is_no_skill),
	    cmocka_unit_test(a_full_disk),
	    cmocka_unit_test_setup_teardown(one_load_for_all_who_wait, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_load_that_fails_is_not_kept, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(the_least_used_goes_first, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(small_and_large_have_rooms_of_their_own, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
