/* lib/blob/directory_sweep.c: what is old goes once somebody says so; what is young, renewed or not a blob
 * stays. */
#include "blob_util.h"

#include "lib/base/clock.h"
#include "lib/blob/directory_sweep.h"

#include <fcntl.h>
#include <sys/stat.h>

#define DAY_MS 86400000
#define MANY 600

static uv_loop_t loop;
static char root[] = "/tmp/skillbox-sweep-XXXXXX";
static struct blob_store *store;
static int64_t yesterday_ms;

static int setup(void **state)
{
	(void)state;
	struct error err;
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(root));
	assert_int_equal(uv_loop_init(&loop), 0);
	store = blob_store_directory(&loop, root, SIGNING_KEY, "http://localhost:8080", &err);
	if (!store)
		fail_msg("%s", err.message);
	yesterday_ms = clock_wall_ms(&clock_system) - DAY_MS;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store = blob_store_free(store);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	remove_tree(root);
	return 0;
}

/* Blobs */

static const char *path_of(const struct blob_name *blob)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s/%s/%.2s/%s", root,
		 blob->bucket == BLOB_SKILLS ? "skills" : "executions", blob->tenant, blob->digest + 7,
		 blob->digest + 9);
	return path;
}

static void make_old(const char *path)
{
	const struct timespec times[2] = {{.tv_sec = yesterday_ms / 1000 - 1},
					  {.tv_sec = yesterday_ms / 1000 - 1}};
	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void put_text(const struct blob_name *blob, const char *text)
{
	const struct blob_key key = {blob->bucket, blob->tenant, blob->digest};
	struct answer answer = put(&loop, store, &key, text, strlen(text));
	assert_string_equal(answer.error.message, "");
}

static struct blob_name blob_of(enum blob_bucket bucket, const char *tenant, const char *text)
{
	struct blob_name blob = {.bucket = bucket};
	snprintf(blob.tenant, sizeof(blob.tenant), "%s", tenant);
	assert_int_equal(digest_text(str_of(text), blob.digest, NULL), 0);
	return blob;
}

static struct blob_name old_blob(enum blob_bucket bucket, const char *tenant, const char *text)
{
	struct blob_name blob = blob_of(bucket, tenant, text);
	put_text(&blob, text);
	make_old(path_of(&blob));
	return blob;
}

/* Calls */

struct pages {
	unsigned calls;
	struct error error;
	struct blob_page page;
	struct blob_removal removed;
};

static void on_page(void *context, const struct error *error, const struct blob_page *page)
{
	struct pages *pages = context;
	pages->calls++;
	pages->error = error ? *error : (struct error){0};
	if (page)
		pages->page = *page;
}

static void on_removed(void *context, const struct error *error, const struct blob_removal *removed)
{
	struct pages *pages = context;
	pages->calls++;
	pages->error = error ? *error : (struct error){0};
	pages->removed = *removed;
}

static void await(const struct pages *pages)
{
	while (pages->calls == 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(pages->calls, 1);
	assert_string_equal(pages->error.message, "");
}

static struct pages next_page(struct blob_cursor *cursor)
{
	struct pages pages = {0};
	assert_int_equal(blob_directory_old(store, cursor, yesterday_ms, on_page, &pages, NULL), 0);
	await(&pages);
	*cursor = pages.page.next;
	return pages;
}

static struct blob_removal remove_blobs(const struct blob_name *blobs, size_t count)
{
	struct pages pages = {0};
	assert_int_equal(blob_directory_remove(store, blobs, count, yesterday_ms, on_removed, &pages, NULL),
			 0);
	await(&pages);
	return pages.removed;
}

/* Tests */

static void old_ones_and_only_those(void **state)
{
	(void)state;
	struct blob_cursor cursor = {0};
	struct pages pages = next_page(&cursor);
	assert_int_equal(pages.page.count, 0);
	assert_true(pages.page.is_last);
	struct blob_name old = old_blob(BLOB_SKILLS, "a", "old"),
			 other = old_blob(BLOB_EXECUTIONS, "b", "other"),
			 young = blob_of(BLOB_SKILLS, "a", "young");
	put_text(&young, "young");
	cursor = (struct blob_cursor){0};
	pages = next_page(&cursor);
	assert_true(pages.page.is_last);
	assert_int_equal(pages.page.count, 2);
	assert_int_equal(pages.page.blobs[0].bucket, BLOB_EXECUTIONS);
	assert_string_equal(pages.page.blobs[0].tenant, "b");
	assert_string_equal(pages.page.blobs[0].digest, other.digest);
	assert_int_equal(pages.page.blobs[1].bucket, BLOB_SKILLS);
	assert_string_equal(pages.page.blobs[1].digest, old.digest);
	struct blob_removal removed = remove_blobs((struct blob_name[]){old, young}, 2);
	assert_int_equal(removed.count, 1);
	assert_int_equal(removed.bytes, 3);
	assert_false(exists(path_of(&old)));
	assert_true(exists(path_of(&young)));
	assert_true(exists(path_of(&other)));
	removed = remove_blobs(&old, 1); /* again: it is gone already */
	assert_int_equal(removed.count, 0);
}

/* The story: a blob lies there old, a sweep has seen that nothing names it; then the same bytes are uploaded,
 * and a record that names them is made. */
static void a_put_of_what_is_there_makes_it_young(void **state)
{
	(void)state;
	struct blob_name blob = old_blob(BLOB_SKILLS, "a", "again");
	struct blob_cursor cursor = {0};
	assert_int_equal(next_page(&cursor).page.count, 1);
	put_text(&blob, "again");
	assert_int_equal(remove_blobs(&blob, 1).count, 0);
	assert_true(exists(path_of(&blob)));
	cursor = (struct blob_cursor){0};
	assert_int_equal(next_page(&cursor).page.count, 0);
}

/* The same at the same time, on several threads: whoever is first, what put has answered for is there. */
static void a_put_and_a_removal_at_once(void **state)
{
	(void)state;
	struct blob_name blob = blob_of(BLOB_EXECUTIONS, "a", "race");
	const struct blob_key key = {blob.bucket, blob.tenant, blob.digest};
	size_t removals = 0;
	int fd = file_with("race", 4);
	for (int i = 0; i < 400; i++) {
		struct answer answer = {0};
		struct pages pages = {0};
		old_blob(BLOB_EXECUTIONS, "a", "race");
		if (i % 2)
			assert_int_equal(blob_put(store, &key, fd, 4, on_answer, &answer, NULL), 0);
		assert_int_equal(
		    blob_directory_remove(store, &blob, 1, yesterday_ms, on_removed, &pages, NULL), 0);
		if (!(i % 2))
			assert_int_equal(blob_put(store, &key, fd, 4, on_answer, &answer, NULL), 0);
		wait_for(&loop, &answer);
		await(&pages);
		removals += pages.removed.count;
		assert_string_equal(answer.error.message, "");
		assert_true(exists(path_of(&blob)));
	}
	assert_true(removals > 0); /* else nothing was tested */
	close(fd);
}

static void page_after_page(void **state)
{
	(void)state;
	char text[32];
	static const char *const tenants[] = {"a", "b-2", "b"};
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "blob %d", i);
		old_blob(i % 2 ? BLOB_SKILLS : BLOB_EXECUTIONS, tenants[i % 3], text);
	}
	struct blob_cursor cursor = {0};
	unsigned seen = 0, count = 0;
	char last[256] = "";
	for (bool is_last = false; !is_last; count++) {
		struct pages pages = next_page(&cursor);
		is_last = pages.page.is_last;
		assert_true(is_last || pages.page.count == BLOB_PAGE_MAX);
		for (size_t i = 0; i < pages.page.count; i++) {
			const struct blob_name *blob = &pages.page.blobs[i];
			char key[256];
			assert_true(exists(path_of(blob)));
			snprintf(key, sizeof(key), "%d\n%s\n%s", blob->bucket == BLOB_SKILLS, blob->tenant,
				 blob->digest);
			assert_true(strcmp(last, key) < 0); /* in order, so none twice */
			snprintf(last, sizeof(last), "%s", key);
		}
		seen += (unsigned)pages.page.count;
		if (count == 0) /* what goes meanwhile changes nothing for the others */
			assert_int_equal(remove_blobs(pages.page.blobs, pages.page.count).count,
					 BLOB_PAGE_MAX);
	}
	assert_int_equal(seen, MANY);
	assert_int_equal(count, 3);
}

static void make_file(const char *path, bool old)
{
	char full[256];
	snprintf(full, sizeof(full), "%s/%s", root, path);
	int fd = open(full, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	if (old)
		make_old(full);
}

static void what_is_no_blob_is_left_alone(void **state)
{
	(void)state;
	struct blob_name blob = old_blob(BLOB_SKILLS, "a", "x");
	char folder[256], path[512];
	snprintf(folder, sizeof(folder), "%s/skills/a/zz", root);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(folder, sizeof(folder), "%s/lost+found", root);
	assert_int_equal(mkdir(folder, 0700), 0);
	make_file("lost+found/#1", true);
	make_file("skills/a/note.txt", true);
	make_file("skills/README", true);
	snprintf(path, sizeof(path), "%s.bak", path_of(&blob) + strlen(root) + 1);
	make_file(path, true);
	/* a link under a blob's name, and one in a tenant's place */
	struct blob_name link = blob_of(BLOB_SKILLS, "a", "x");
	link.digest[70] = link.digest[70] == '0' ? '1' : '0';
	assert_int_equal(symlink("/etc/passwd", path_of(&link)), 0);
	make_old(path_of(&link));
	snprintf(path, sizeof(path), "%s/skills/b", root);
	assert_int_equal(symlink("a", path), 0);
	struct blob_cursor cursor = {0};
	struct pages pages = next_page(&cursor);
	assert_true(pages.page.is_last);
	assert_int_equal(pages.page.count, 1);
	assert_string_equal(pages.page.blobs[0].digest, blob.digest);
	assert_int_equal(remove_blobs(&link, 1).count, 0);
	struct stat st;
	assert_int_equal(lstat(path_of(&link), &st), 0);
}

static void half_written_files_go(void **state)
{
	(void)state;
	struct blob_cursor cursor = {0};
	char path[256];
	make_file("tmp/crashed", true);
	make_file("tmp/being-written", false);
	next_page(&cursor);
	snprintf(path, sizeof(path), "%s/tmp/crashed", root);
	assert_false(exists(path));
	snprintf(path, sizeof(path), "%s/tmp/being-written", root);
	assert_true(exists(path));
}

static void an_error_is_told(void **state)
{
	(void)state;
	struct blob_name blob = old_blob(BLOB_SKILLS, "a", "x");
	char path[256];
	struct pages pages = {0};
	/* no lock, no removal */
	snprintf(path, sizeof(path), "%s/.lock", root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	assert_int_equal(blob_directory_remove(store, &blob, 1, yesterday_ms, on_removed, &pages, NULL), 0);
	while (pages.calls == 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(pages.error.code, ERR_IO);
	assert_non_null(strstr(pages.error.message, "lock"));
	assert_true(exists(path_of(&blob)));
}

static void a_store_that_is_closed_meanwhile(void **state)
{
	(void)state;
	struct pages pages = {0};
	struct blob_cursor cursor = {0};
	assert_int_equal(blob_directory_old(store, &cursor, yesterday_ms, on_page, &pages, NULL), 0);
	store = blob_store_free(store);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(pages.calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(old_ones_and_only_those, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_put_of_what_is_there_makes_it_young, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_put_and_a_removal_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(page_after_page, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_blob_is_left_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(half_written_files_go, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_error_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_store_that_is_closed_meanwhile, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
