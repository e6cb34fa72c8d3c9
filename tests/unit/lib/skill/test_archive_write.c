/* lib/skill/archive_write.c: what is written is read back by libarchive, as any client would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/skill/archive.h"
#include "lib/skill/libarchive.h"
#include "zip_maker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char deep_path[] =
    "very/long/path/that/does/not/fit/the/hundred/bytes/of/an/old/tar/header/because/it/goes/on/and/on/and/"
    "on/and/on/caf\xc3\xa9/\xe2\x82\xac.txt";

#define LATEST (((int64_t)1 << 33) - 1) /* that the header has digits for */

static int write_sample(int source, int64_t *ret_size)
{
	const struct archive_source files[] = {
	    {STR("a.txt"), source, 0, 5, 0, false},
	    {str_of(deep_path), source, 5, 100000, 1700000000, true},
	    {STR("empty"), source, 9, 0, LATEST, false},
	};
	int out = make_file(STR(""));
	struct error err;
	if (archive_write_tar_gz(out, files, 3, ret_size, &err) != 0)
		fail_msg("%s", err.message);
	return out;
}

static int make_source(void)
{
	static char bytes[100005];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 31 % 251);
	return make_file((struct str){bytes, sizeof(bytes)});
}

static void read_entry(struct archive *a, const char *path, int64_t size, int64_t mtime, unsigned mode)
{
	struct libarchive_entry *entry;
	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_OK);
	assert_string_equal(archive_entry_pathname(entry), path);
	assert_int_equal(archive_entry_size(entry), size);
	assert_int_equal(archive_entry_filetype(entry), AE_IFREG);
	assert_int_equal(archive_entry_perm(entry), mode);
	assert_int_equal(archive_entry_mtime(entry), mtime);
	assert_int_equal(archive_entry_uid(entry), 0);
	static char data[100001];
	if (size > 0) {
		assert_int_equal(archive_read_data(a, data, sizeof(data)), size);
		assert_int_equal((unsigned char)data[size - 1], (size == 5 ? 4 : 100004) * 31 % 251);
	}
}

static void what_is_written_can_be_read(void **state)
{
	(void)state;
	int64_t size = 0;
	int source = make_source(), out = write_sample(source, &size);
	struct stat st;
	assert_int_equal(fstat(out, &st), 0);
	assert_int_equal(st.st_size, size);
	lseek(out, 0, SEEK_SET);
	struct archive *a = archive_read_new();
	archive_read_support_format_tar(a);
	archive_read_support_filter_gzip(a);
	assert_int_equal(archive_read_open_fd(a, out, 10240), ARCHIVE_OK);
	read_entry(a, "a.txt", 5, 0, 0644);
	read_entry(a, deep_path, 100000, 1700000000, 0755);
	read_entry(a, "empty", 0, LATEST, 0644);
	struct libarchive_entry *entry;
	assert_int_equal(archive_read_next_header(a, &entry), ARCHIVE_EOF);
	archive_read_free(a);
	close(out);
	close(source);
}

static void the_same_input_gives_the_same_bytes(void **state)
{
	(void)state;
	int64_t size[2];
	int source = make_source(), out[2] = {write_sample(source, &size[0]), write_sample(source, &size[1])};
	static char bytes[2][200000];
	assert_int_equal(size[0], size[1]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pread(out[i], bytes[i], sizeof(bytes[i]), 0), size[i]);
		close(out[i]);
	}
	assert_memory_equal(bytes[0], bytes[1], (size_t)size[0]);
	assert_memory_equal(bytes[0] + 4, "\0\0\0\0", 4); /* gzip's time stamp */
	close(source);
}

static void failures_are_told(void **state)
{
	(void)state;
	int source = make_file(STR("short"));
	int64_t size = -7;
	struct error err;
	const struct archive_source file = {.path = str_of("a"), .fd = source, .size = 100};
	int out = make_file(STR(""));
	assert_int_equal(archive_write_tar_gz(out, &file, 1, &size, &err), -1);
	assert_string_equal(err.message, "read a: it ends too early");
	assert_int_equal(err.code, ERR_IO);
	close(out);
	out = open("/dev/full", O_WRONLY);
	const struct archive_source good = {.path = str_of("a"), .fd = source, .size = 5};
	assert_int_equal(archive_write_tar_gz(out, &good, 1, &size, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "write tar.gz: No space left on device");
	assert_int_equal(size, -7);
	close(out);
	close(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_can_be_read),
	    cmocka_unit_test(the_same_input_gives_the_same_bytes),
	    cmocka_unit_test(failures_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
