#include "lib/skill/tar_reader.h"

#include "lib/base/buffer.h"
#include "lib/base/temporary.h"
#include "lib/base/utf8.h"
#include "lib/skill/libarchive.h"

#include <inttypes.h>
#include <stdlib.h>

#define BLOCK_SIZE ((size_t)64 * 1024)
#define NAME_MAX_BYTES ((size_t)4096) /* cleaned; longer ones are nobody's */

struct tar_reader {
	struct archive *archive;
	struct tar_limits limits;
	size_t entries;
	char block[BLOCK_SIZE];
};

/* libarchive's own words stay inside: they speak of its parser. */
static int damaged(struct error *err)
{
	return error_set(err, ERR_PROTOCOL, "the archive of the files is damaged");
}

static int too_large(const struct tar_reader *reader, struct error *err)
{
	return error_set(err, ERR_TOO_LARGE,
			 "the archive of the files unpacks to more than %" PRId64 " bytes or %zu files",
			 reader->limits.max_unpacked, reader->limits.max_entries);
}

struct tar_reader *tar_reader_open(int fd, const struct tar_limits *limits, struct error *err)
{
	struct tar_reader *reader = calloc(1, sizeof(*reader));
	if (reader)
		reader->archive = archive_read_new();
	if (!reader || !reader->archive) {
		error_no_memory(err);
		return tar_reader_close(reader);
	}
	reader->limits = *limits;
	if (archive_read_support_filter_gzip(reader->archive) != ARCHIVE_OK ||
	    archive_read_support_format_tar(reader->archive) != ARCHIVE_OK ||
	    archive_read_open_fd(reader->archive, fd, BLOCK_SIZE) != ARCHIVE_OK) {
		damaged(err);
		return tar_reader_close(reader);
	}
	return reader;
}

struct tar_reader *tar_reader_close(struct tar_reader *reader)
{
	if (reader)
		archive_read_free(reader->archive);
	free(reader);
	return NULL;
}

static bool is_wanted(struct libarchive_entry *entry, struct str name)
{
	cleanup_buffer struct buffer shown = BUFFER(NAME_MAX_BYTES);
	const char *raw = archive_entry_pathname(entry);
	if (!raw || archive_entry_hardlink(entry) || archive_entry_filetype(entry) != AE_IFREG)
		return false;
	return utf8_append_clean(&shown, str_of(raw)) == 0 && str_eq(buffer_str(&shown), name);
}

/* What an entry says of its size is what would be inflated to pass it by: so it is looked at before. */
static int check_limits(struct tar_reader *reader, struct libarchive_entry *entry, struct error *err)
{
	int64_t before = archive_filter_bytes(reader->archive, 0), size = archive_entry_size(entry);
	if (size < 0)
		return damaged(err);
	if (++reader->entries > reader->limits.max_entries || before > reader->limits.max_unpacked ||
	    size > reader->limits.max_unpacked - before)
		return too_large(reader, err);
	return 0;
}

int tar_reader_find(struct tar_reader *reader, struct str name, int64_t *ret_size, struct error *err)
{
	struct libarchive_entry *entry;
	for (;;) {
		int status = archive_read_next_header(reader->archive, &entry);
		if (status == ARCHIVE_EOF)
			return error_set(err, ERR_NOT_FOUND, "the archive has no such file");
		/* A warning is about a name that this process's locale can't show. */
		if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
			return damaged(err);
		if (check_limits(reader, entry, err) != 0)
			return -1;
		if (is_wanted(entry, name)) {
			*ret_size = archive_entry_size(entry);
			return 0;
		}
	}
}

int tar_reader_copy(struct tar_reader *reader, int64_t offset, int64_t length, int out_fd, struct error *err)
{
	int64_t end = offset + length;
	for (int64_t at = 0; at < end;) {
		int64_t left = end - at;
		size_t want = left < (int64_t)BLOCK_SIZE ? (size_t)left : BLOCK_SIZE;
		la_ssize_t n = archive_read_data(reader->archive, reader->block, want);
		if (n <= 0)
			return damaged(err); /* it ends before its size, too */
		int64_t skip = at < offset ? offset - at : 0;
		if (skip < n &&
		    temporary_write(out_fd, (struct str){reader->block + skip, (size_t)(n - skip)}, err) != 0)
			return -1;
		at += n;
	}
	return 0;
}
