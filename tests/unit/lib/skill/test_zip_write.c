#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/temporary.h"
#include "lib/skill/archive.h"
#include "lib/skill/zip_write.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_zip(struct zip_writer **ret_writer)
{
	struct error err = {0};
	int fd = temporary_file(&err);
	assert_true(fd >= 0);
	*ret_writer = zip_writer_new(fd, &err);
	assert_non_null(*ret_writer);
	return fd;
}

static int note(void *context, struct str piece, struct error *err)
{
	(void)err;
	return buffer_append_str(context, piece);
}

static int any_file(void *context, const struct archive_entry *entry, struct error *err)
{
	(void)err;
	return buffer_appendf(context, "[%s %o]", entry->path, entry->mode);
}

/* What is written is what our own reader, with all its rules, takes. */
static void test_it_is_read_again(void **state)
{
	(void)state;
	struct error err = {0};
	struct zip_writer *writer;
	int64_t size = 0;
	int fd = write_zip(&writer), in = temporary_file(&err);
	static char large[300000];
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)((i * 2654435761u) >> 16);
	assert_int_equal(temporary_write(in, STR("from a file"), &err), 0);
	assert_int_equal(zip_writer_add_bytes(writer, STR("SKILL.md"), false, STR("---\n"), &err), 0);
	assert_int_equal(zip_writer_add_bytes(writer, STR("empty"), false, STR(""), &err), 0);
	assert_int_equal(zip_writer_add(writer, STR("sub/é.sh"), true, in, &err), 0);
	assert_int_equal(
	    zip_writer_add_bytes(writer, STR("x"), false, (struct str){large, sizeof(large)}, &err), 0);
	assert_int_equal(zip_writer_end(writer, &size, &err), 0);
	zip_writer_free(writer);
	close(in);
	assert_int_equal(lseek(fd, 0, SEEK_END), size);

	cleanup_buffer struct buffer seen = BUFFER(1 << 20);
	struct archive_visitor visitor = {any_file, note, &seen};
	struct archive_content content;
	if (archive_read_zip(fd, &archive_limits_default, &visitor, &content, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(content.count, 4);
	assert_int_equal(content.entries[0].modified_s, 315532800); /* 1980-01-01 */
	static const char head[] = "[SKILL.md 644]---\n[empty 644][sub/é.sh 755]from a file[x 644]";
	assert_memory_equal(seen.data, head, sizeof(head) - 1);
	assert_int_equal(seen.len, sizeof(head) - 1 + sizeof(large));
	assert_memory_equal(seen.data + sizeof(head) - 1, large, sizeof(large));
	archive_content_free(&content);
	close(fd);
}

static void test_refused(void **state)
{
	(void)state;
	struct error err = {0};
	struct zip_writer *writer;
	static char name[65537];
	int fd = write_zip(&writer);
	memset(name, 'n', sizeof(name) - 1);
	assert_int_equal(zip_writer_add_bytes(writer, STR(""), false, STR("x"), &err), -1);
	assert_int_equal(zip_writer_add_bytes(writer, STR("\xff"), false, STR("x"), &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_int_equal(zip_writer_add_bytes(writer, str_of(name), false, STR("x"), &err), -1);
	assert_int_equal(zip_writer_add(writer, STR("x"), false, 999, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	zip_writer_free(writer);
	close(fd);
}

static void test_parts_of_a_file(void **state)
{
	(void)state;
	struct error err = {0};
	struct zip_writer *writer;
	int64_t size;
	int in = temporary_file(&err), fd = write_zip(&writer);
	assert_int_equal(temporary_write(in, STR("before|the part|behind"), &err), 0);
	assert_int_equal(zip_writer_add_part(writer, STR("a"), false, in, 7, 8, &err), 0);
	assert_int_equal(zip_writer_add_part(writer, STR("b"), false, in, 22, 0, &err), 0);
	assert_int_equal(zip_writer_end(writer, &size, &err), 0);
	cleanup_buffer struct buffer seen = BUFFER(1000);
	struct archive_visitor visitor = {any_file, note, &seen};
	struct archive_content content;
	if (archive_read_zip(fd, &archive_limits_default, &visitor, &content, &err) != 0)
		fail_msg("%s", err.message);
	assert_string_equal(seen.data, "[a 644]the part[b 644]");
	archive_content_free(&content);
	assert_int_equal(zip_writer_add_part(writer, STR("c"), false, in, 16, 9, &err), -1);
	assert_string_equal(err.message, "c: it ends too early");
	zip_writer_free(writer);
	close(in);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_is_read_again),
	    cmocka_unit_test(test_parts_of_a_file),
	    cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
