/* lib/blob/directory.c and blob.c, on a real loop and a real directory. */
#include "blob_util.h"
#include "lib/base/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static uv_loop_t loop;
static char root[] = "/tmp/skillbox-blob-XXXXXX", directory[64];
static struct blob_store *store;
static char digest[DIGEST_TEXT_SIZE];
static struct blob_key key = {BLOB_SKILLS, "tenant-a", digest};

static int setup(void **state)
{
	(void)state;
	struct error err;
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(root));
	snprintf(directory, sizeof(directory), "%s/store", root);
	assert_int_equal(uv_loop_init(&loop), 0);
	store = blob_store_directory(&loop, directory, SIGNING_KEY, "http://localhost:8080", &err);
	if (!store)
		fail_msg("%s", err.message);
	digest_text(STR("hello"), digest, NULL);
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

/* Where the blob of `key` lies. */
static const char *path_of(const struct blob_key *k)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s/%s/%.2s/%s", directory,
		 k->bucket == BLOB_SKILLS ? "skills" : "executions", k->tenant, k->digest + 7, k->digest + 9);
	return path;
}

static unsigned temporary_files(void)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/tmp", directory);
	DIR *folder = opendir(path);
	assert_non_null(folder);
	unsigned count = 0;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void what_is_put_can_be_got(void **state)
{
	(void)state;
	struct answer answer = put(&loop, store, &key, "hello", 5);
	assert_string_equal(answer.error.message, "");
	assert_int_equal(answer.size, 5);
	struct stat st;
	assert_int_equal(stat(path_of(&key), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(temporary_files(), 0);
	answer = get(&loop, store, &key, 5);
	expect_bytes(&answer, "hello", 5);
	answer = put(&loop, store, &key, "hello", 5); /* again */
	assert_string_equal(answer.error.message, "");
	answer = delete (&loop, store, &key);
	assert_string_equal(answer.error.message, "");
	answer = delete (&loop, store, &key);
	assert_string_equal(answer.error.message, "");
	answer = get(&loop, store, &key, 5);
	assert_int_equal(answer.error.code, ERR_NOT_FOUND);
	assert_non_null(strstr(answer.error.message, digest));
	assert_int_equal(answer.fd, -1);
}

static void large_and_empty_ones(void **state)
{
	(void)state;
	size_t size = 3000001;
	char *data = malloc(size);
	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 % 253);
	digest_text((struct str){data, size}, digest, NULL);
	struct answer answer = put(&loop, store, &key, data, size);
	assert_string_equal(answer.error.message, "");
	answer = get(&loop, store, &key, INT64_MAX);
	expect_bytes(&answer, data, size);
	free(data);
	digest_text(STR(""), digest, NULL);
	answer = put(&loop, store, &key, "", 0);
	assert_string_equal(answer.error.message, "");
	answer = get(&loop, store, &key, 0);
	expect_bytes(&answer, "", 0);
}

static void tenants_and_buckets_are_apart(void **state)
{
	(void)state;
	put(&loop, store, &key, "hello", 5);
	struct blob_key other = key;
	other.tenant = "tenant-b";
	struct answer answer = get(&loop, store, &other, 5);
	assert_int_equal(answer.error.code, ERR_NOT_FOUND);
	other = key;
	other.bucket = BLOB_EXECUTIONS;
	answer = get(&loop, store, &other, 5);
	assert_int_equal(answer.error.code, ERR_NOT_FOUND);
}

static void a_wrong_digest_is_not_stored(void **state)
{
	(void)state;
	struct answer answer = put(&loop, store, &key, "other", 5);
	char message[300];
	char other[DIGEST_TEXT_SIZE];
	digest_text(STR("other"), other, NULL);
	snprintf(message, sizeof(message), "the content has the digest %s, not %s", other, digest);
	expect_error(&answer, ERR_BAD_REQUEST, message);
	assert_int_equal(access(path_of(&key), F_OK), -1);
	assert_int_equal(temporary_files(), 0);
	put(&loop, store, &key, "hello", 5);
	answer =
	    put(&loop, store, &key, "other", 5); /* nor does one succeed because the right one is there */
	expect_error(&answer, ERR_BAD_REQUEST, message);
	answer = get(&loop, store, &key, 5);
	expect_bytes(&answer, "hello", 5);
}

static void a_short_file_is_an_error(void **state)
{
	(void)state;
	struct answer answer = {0};
	int fd = file_with("hel", 3);
	assert_int_equal(blob_put(store, &key, fd, 5, on_answer, &answer, NULL), 0);
	close(fd); /* the store has its own */
	wait_for(&loop, &answer);
	expect_error(&answer, ERR_IO, "read blob: it has 3 bytes instead of 5");
	assert_int_equal(temporary_files(), 0);
}

static void bounds_and_damage_on_the_way_out(void **state)
{
	(void)state;
	char message[400];
	put(&loop, store, &key, "hello", 5);
	struct answer answer = get(&loop, store, &key, 4);
	snprintf(message, sizeof(message), "blob %s has 5 bytes; at most 4 are allowed", digest);
	expect_error(&answer, ERR_TOO_LARGE, message);
	assert_int_equal(unlink(path_of(&key)), 0);
	assert_int_equal(symlink("/etc/passwd", path_of(&key)), 0);
	answer = get(&loop, store, &key, 100000);
	assert_int_equal(answer.error.code, ERR_IO);
	assert_int_equal(unlink(path_of(&key)), 0);
	assert_int_equal(mkfifo(path_of(&key), 0600), 0);
	answer = get(&loop, store, &key, 100000);
	snprintf(message, sizeof(message), "blob %s is not a regular file in the storage directory", digest);
	expect_error(&answer, ERR_IO, message);
}

static void keys_are_checked(void **state)
{
	(void)state;
	struct error err;
	struct answer answer = {0};
	static const char *const tenants[] = {
	    "",    "..",   "a/b",
	    "A",   "-a",   "a-",
	    "a.b", "a\nb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++) {
		struct blob_key bad = {BLOB_SKILLS, tenants[i], digest};
		assert_int_equal(blob_get(store, &bad, 5, on_answer, &answer, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(err.message, "invalid tenant"));
	}
	static const char *const digests[] = {NULL, "", "sha256:", "sha256:../../../etc/passwd", "md5:abc"};
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		struct blob_key bad = {BLOB_SKILLS, "a", digests[i]};
		assert_int_equal(blob_delete(store, &bad, on_answer, &answer, &err), -1);
		assert_non_null(strstr(err.message, "invalid digest"));
		assert_int_equal(blob_put(store, &bad, 0, 0, on_answer, &answer, &err), -1);
	}
	struct blob_key bad = {(enum blob_bucket)7, "a", digest};
	assert_int_equal(blob_get(store, &bad, 5, on_answer, &answer, &err), -1);
	assert_int_equal(blob_put(store, &key, 0, -1, on_answer, &answer, &err), -1);
	assert_int_equal(blob_put(store, &key, -1, 5, on_answer, &answer, &err), -1);
	assert_int_equal(answer.calls, 0);
}

static void presigned_urls_are_its_own(void **state)
{
	(void)state;
	cleanup_buffer struct buffer url = BUFFER(1000);
	struct error err;
	struct blob_request request;
	assert_int_equal(blob_presign_get(store, &key, "files.tar.gz", 3600, &url, &err), 0);
	struct str rest = buffer_str(&url), path, query;
	struct str prefix = STR("http://localhost:8080");
	assert_true(str_starts_with(rest, prefix));
	assert_true(str_split_once((struct str){rest.p + prefix.n, rest.n - prefix.n}, '?', &path, &query));
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t now_ms = (int64_t)now.tv_sec * 1000;
	assert_int_equal(
	    blob_request_verify(SIGNING_KEY, "GET", path, query, now_ms + 3590000, &request, NULL), 0);
	assert_string_equal(request.digest, digest);
	assert_int_equal(
	    blob_request_verify(SIGNING_KEY, "GET", path, query, now_ms + 3610000, &request, NULL), -1);
	assert_int_equal(blob_presign_get(store, &key, "f", 0, &url, &err), -1);
	assert_int_equal(blob_presign_get(store, &key, "f", 8 * 24 * 3600, &url, &err), -1);
	cleanup_buffer struct buffer small = BUFFER(20);
	assert_int_equal(blob_presign_get(store, &key, "f", 60, &small, &err), -1);
	assert_int_equal(small.len, 0);
}

static void stale_temporary_files_go(void **state)
{
	(void)state;
	char stale[128], fresh[128];
	struct timespec old[2] = {{.tv_sec = time(NULL) - 7200}, {.tv_sec = time(NULL) - 7200}};
	snprintf(stale, sizeof(stale), "%s/tmp/stale", directory);
	snprintf(fresh, sizeof(fresh), "%s/tmp/fresh", directory);
	close(open(stale, O_CREAT | O_WRONLY, 0600));
	close(open(fresh, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(utimensat(AT_FDCWD, stale, old, 0), 0);
	struct blob_store *second = blob_store_directory(&loop, directory, SIGNING_KEY, "http://h", NULL);
	assert_non_null(second);
	assert_int_equal(access(stale, F_OK), -1);
	assert_int_equal(access(fresh, F_OK), 0);
	assert_null(blob_store_free(second));
}

static void check_tells_what_is_wrong(void **state)
{
	(void)state;
	struct error err;
	assert_int_equal(blob_check(store, &err), 0);
	remove_tree(directory);
	assert_int_equal(blob_check(store, &err), -1);
	assert_string_equal(err.message, "the storage directory can't be written: No such file or directory");
	struct answer answer = put(&loop, store, &key, "hello", 5);
	assert_int_equal(answer.error.code, ERR_IO);
}

static void making_one_fails_with_a_reason(void **state)
{
	(void)state;
	struct error err;
	assert_null(blob_store_directory(&loop, "/nowhere/at/all", SIGNING_KEY, "http://h", &err));
	assert_string_equal(err.message,
			    "make the storage directory /nowhere/at/all: No such file or directory");
	assert_null(blob_store_directory(&loop, "/etc/passwd", SIGNING_KEY, "http://h", &err));
	assert_string_equal(err.message, "open the storage directory /etc/passwd: Not a directory");
	assert_null(blob_store_directory(&loop, directory, (struct str){NULL, 0}, "http://h", &err));
	assert_string_equal(err.message, "the blob store needs a signing key");
	assert_null(blob_store_free(NULL));
}

/* Jobs of a store that is gone end in silence, and leak nothing. */
static void closing_with_work_in_flight(void **state)
{
	(void)state;
	put(&loop, store, &key, "hello", 5);
	struct answer answers[40] = {0};
	int fd = file_with("hello", 5);
	for (size_t i = 0; i < 40; i += 2) {
		assert_int_equal(blob_get(store, &key, 5, on_answer, &answers[i], NULL), 0);
		assert_int_equal(blob_put(store, &key, fd, 5, on_answer, &answers[i + 1], NULL), 0);
	}
	close(fd);
	store = blob_store_free(store);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(answers[i].calls, 0);
}

static void close_in_callback(void *context, const struct error *error, int fd, int64_t size)
{
	on_answer(context, error, fd, size);
	close(fd);
	store = blob_store_free(store);
}

static void closing_inside_a_callback(void **state)
{
	(void)state;
	put(&loop, store, &key, "hello", 5);
	struct answer first = {0}, second = {0};
	assert_int_equal(blob_get(store, &key, 5, close_in_callback, &first, NULL), 0);
	wait_for(&loop, &first);
	assert_null(store);
	assert_int_equal(second.calls, 0);
}

static void many_at_once(void **state)
{
	(void)state;
	struct answer answers[200] = {0};
	int fd = file_with("hello", 5);
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(blob_put(store, &key, fd, 5, on_answer, &answers[i], NULL), 0);
	for (size_t i = 0; i < 200; i++) {
		wait_for(&loop, &answers[i]);
		assert_string_equal(answers[i].error.message, "");
	}
	close(fd);
	assert_int_equal(temporary_files(), 0);
	struct answer answer = get(&loop, store, &key, 5);
	expect_bytes(&answer, "hello", 5);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(what_is_put_can_be_got),
	    CASE(large_and_empty_ones),
	    CASE(tenants_and_buckets_are_apart),
	    CASE(a_wrong_digest_is_not_stored),
	    CASE(a_short_file_is_an_error),
	    CASE(bounds_and_damage_on_the_way_out),
	    CASE(keys_are_checked),
	    CASE(presigned_urls_are_its_own),
	    CASE(stale_temporary_files_go),
	    CASE(check_tells_what_is_wrong),
	    CASE(making_one_fails_with_a_reason),
	    CASE(closing_with_work_in_flight),
	    CASE(closing_inside_a_callback),
	    CASE(many_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
