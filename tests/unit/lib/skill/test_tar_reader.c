/* lib/skill/tar_reader.c, with archives of archive_write_tar_gz and with what nobody of us writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/temporary.h"
#include "lib/skill/archive.h"
#include "lib/skill/libarchive.h"
#include "lib/skill/tar_reader.h"
#include "zip_maker.h"

#include <stdlib.h>
#include <unistd.h>

#define BIG 300000
#define LIMITS ((struct tar_limits){1 << 20, 100})

static char big[BIG];

static int archive_of(const struct archive_source *files, size_t count)
{
	struct error err;
	int64_t size;
	int out = make_file(STR(""));
	if (archive_write_tar_gz(out, files, count, &size, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	return out;
}

/* "a", "deep/big.bin", one whose name is no UTF-8, and an empty one. */
static int sample(void)
{
	uint32_t noise = 1; /* which doesn't become small */
	for (size_t i = 0; i < BIG; i++) {
		noise = noise * 1664525u + 1013904223u;
		big[i] = (char)(noise >> 24);
	}
	int source = make_file((struct str){big, BIG});
	const struct archive_source files[] = {
	    {STR("a"), source, 0, 5, 0, false},
	    {STR("deep/big.bin"), source, 0, BIG, 1700000000, true},
	    {STR("caf\xe9"), source, 7, 3, 0, false},
	    {STR("empty"), source, 0, 0, 0, false},
	};
	int fd = archive_of(files, 4);
	close(source);
	return fd;
}

static struct tar_reader *open_reader(int fd, struct tar_limits limits)
{
	struct error err;
	struct tar_reader *reader = tar_reader_open(fd, &limits, &err);
	if (!reader)
		fail_msg("%s", err.message);
	return reader;
}

static void reads(const char *name, int64_t offset, int64_t length, int64_t size, const char *expected)
{
	struct error err;
	int64_t found;
	int fd = sample(), out = temporary_file(&err);
	struct tar_reader *reader = open_reader(fd, LIMITS);
	char *got = malloc((size_t)length + 1);
	if (tar_reader_find(reader, str_of(name), &found, &err) != 0 ||
	    tar_reader_copy(reader, offset, length, out, &err) != 0)
		fail_msg("%s: %s", name, err.message);
	assert_int_equal(found, size);
	assert_int_equal(pread(out, got, (size_t)length + 1, 0), length);
	assert_memory_equal(got, expected, (size_t)length);
	free(got);
	tar_reader_close(reader);
	close(fd);
	close(out);
}

static void test_a_file_or_a_part_of_it(void **state)
{
	(void)state;
	reads("a", 0, 5, 5, big);
	reads("a", 2, 2, 5, big + 2);
	reads("a", 5, 0, 5, "");
	reads("deep/big.bin", 0, BIG, BIG, big);
	reads("deep/big.bin", 65536, 1, BIG, big + 65536);
	reads("deep/big.bin", 65535, 65538, BIG, big + 65535);
	reads("deep/big.bin", BIG - 1, 1, BIG, big + BIG - 1);
	reads("empty", 0, 0, 0, "");
	/* As the list of files shows it. */
	reads("caf\xef\xbf\xbd", 0, 3, 3, big + 7);
}

static void refuses(int fd, struct tar_limits limits, const char *name, enum error_code code)
{
	struct error err;
	int64_t size;
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	struct tar_reader *reader = tar_reader_open(fd, &limits, &err);
	int result = reader ? tar_reader_find(reader, str_of(name), &size, &err) : -1;
	assert_int_equal(result, -1);
	if (err.code != code)
		fail_msg("%s: %d %s", name, err.code, err.message);
	tar_reader_close(reader);
	close(fd);
}

static void test_what_is_not_there(void **state)
{
	(void)state;
	static const char *const names[] = {"",      "b",         "/a", "./a",   "deep",
					    "deep/", "deep/../a", "A",  "a\xff", "caf\xe9"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refuses(sample(), LIMITS, names[i], ERR_NOT_FOUND);
}

static void test_limits(void **state)
{
	(void)state;
	refuses(sample(), (struct tar_limits){1 << 20, 3}, "empty", ERR_TOO_LARGE);
	refuses(sample(), (struct tar_limits){1 << 20, 4}, "none", ERR_NOT_FOUND);
	refuses(sample(), (struct tar_limits){BIG, 100}, "empty", ERR_TOO_LARGE);
	/* What is before it is within them. */
	int64_t size;
	struct error err;
	int fd = sample();
	struct tar_reader *reader = open_reader(fd, (struct tar_limits){BIG, 100});
	assert_int_equal(tar_reader_find(reader, STR("a"), &size, &err), 0);
	tar_reader_close(reader);
	close(fd);
}

/* A header may promise anything: it is refused before that is inflated. */
static void test_a_size_that_is_a_lie(void **state)
{
	(void)state;
	char header[1024] = "huge"; /* ustar, POSIX.1-1988 */
	unsigned sum = 0;
	memcpy(header + 100,
	       "0000644\0"
	       "0000000\0"
	       "0000000\0"
	       "77777777777\0"
	       "00000000000\0        0",
	       57);
	memcpy(header + 257,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	refuses(make_file((struct str){header, sizeof(header)}), LIMITS, "huge", ERR_TOO_LARGE);
	refuses(make_file((struct str){header, sizeof(header)}), LIMITS, "other", ERR_TOO_LARGE);
	refuses(make_file((struct str){header, sizeof(header)}), (struct tar_limits){INT64_MAX, 100}, "other",
		ERR_PROTOCOL);
}

/* Links and folders are no files, whatever they are called. */
static void test_other_kinds(void **state)
{
	(void)state;
	static const unsigned kinds[] = {AE_IFLNK, AE_IFDIR, AE_IFIFO, AE_IFREG};
	struct libarchive_entry *entry = archive_entry_new();
	struct archive *archive = archive_write_new();
	int fd = make_file(STR(""));
	archive_write_set_format_gnutar(archive);
	archive_write_add_filter_gzip(archive);
	assert_int_equal(archive_write_open_fd(archive, fd), ARCHIVE_OK);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		archive_entry_clear(entry);
		archive_entry_set_pathname(entry, "x");
		archive_entry_set_filetype(entry, kinds[i]);
		if (kinds[i] == AE_IFLNK)
			archive_entry_set_symlink(entry, "/etc/passwd");
		if (kinds[i] == AE_IFREG)
			archive_entry_set_hardlink(entry, "/etc/passwd");
		assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
	}
	assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
	archive_entry_free(entry);
	refuses(fd, LIMITS, "x", ERR_NOT_FOUND);
}

static void test_damage(void **state)
{
	(void)state;
	struct error err;
	int64_t size;
	refuses(make_file(STR("no archive at all, and longer than a block of a tar would need to be known")),
		LIMITS, "a", ERR_PROTOCOL);
	int fd = sample(), out = temporary_file(&err);
	assert_int_equal(ftruncate(fd, 200000), 0);
	struct tar_reader *reader = open_reader(fd, LIMITS);
	assert_int_equal(tar_reader_find(reader, STR("deep/big.bin"), &size, &err), 0);
	assert_int_equal(tar_reader_copy(reader, 0, BIG, out, &err), -1);
	assert_int_equal(err.code, ERR_PROTOCOL);
	tar_reader_close(reader);
	close(out);
	refuses(fd, LIMITS, "empty", ERR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_file_or_a_part_of_it),
	    cmocka_unit_test(test_what_is_not_there),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_a_size_that_is_a_lie),
	    cmocka_unit_test(test_other_kinds),
	    cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
