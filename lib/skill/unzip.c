#include "lib/skill/unzip.h"

#include "lib/skill/libarchive.h"
#include "lib/skill/zip_directory.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

struct unzip {
	struct archive *archive;
	int fd;
	int64_t offset, size;
	struct error read_error; /* of the file, not of the zip format; code ERR_NONE if none */
	char block[BLOCK_SIZE];
};

static la_ssize_t read_block(struct archive *archive, void *context, const void **ret)
{
	struct unzip *unzip = context;
	int64_t left = unzip->size - unzip->offset;
	size_t n = left > (int64_t)BLOCK_SIZE ? BLOCK_SIZE : left > 0 ? (size_t)left : 0;
	if (n > 0 &&
	    zip_read_at(unzip->fd, (uint64_t)unzip->offset, unzip->block, n, &unzip->read_error) != 0) {
		archive_set_error(archive, -1, "%s", unzip->read_error.message);
		return ARCHIVE_FATAL;
	}
	unzip->offset += (int64_t)n;
	*ret = unzip->block;
	return (la_ssize_t)n;
}

static la_int64_t seek(struct archive *archive, void *context, la_int64_t offset, int whence)
{
	struct unzip *unzip = context;
	int64_t at = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? unzip->offset : unzip->size;
	if (__builtin_add_overflow(at, offset, &at) || at < 0 || at > unzip->size) {
		archive_set_error(archive, -1, "seek outside of the archive");
		return ARCHIVE_FATAL;
	}
	unzip->offset = at;
	return at;
}

/* libarchive's own words stay inside: they speak of its parser, not of what an uploader can do. */
static int failed(struct unzip *unzip, struct error *err)
{
	if (unzip->read_error.code != ERR_NONE)
		return error_set(err, unzip->read_error.code, "%s", unzip->read_error.message);
	return error_set(err, ERR_INVALID_SKILL, "it is damaged (its data or checksum is wrong)");
}

struct unzip *unzip_open(int fd, int64_t size, struct error *err)
{
	struct unzip *unzip = calloc(1, sizeof(*unzip));
	if (unzip)
		unzip->archive = archive_read_new();
	if (!unzip || !unzip->archive) {
		error_no_memory(err);
		return unzip_close(unzip);
	}
	unzip->fd = fd;
	unzip->size = size;
	struct archive *archive = unzip->archive;
	if (archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK ||
	    archive_read_set_read_callback(archive, read_block) != ARCHIVE_OK ||
	    archive_read_set_seek_callback(archive, seek) != ARCHIVE_OK ||
	    archive_read_set_callback_data(archive, unzip) != ARCHIVE_OK ||
	    archive_read_open1(archive) != ARCHIVE_OK) {
		failed(unzip, err);
		return unzip_close(unzip);
	}
	return unzip;
}

int unzip_next(struct unzip *unzip, struct error *err)
{
	struct libarchive_entry *entry;
	int status = archive_read_next_header(unzip->archive, &entry);
	/* A warning is about a name that this process's locale can't show. */
	return status == ARCHIVE_OK || status == ARCHIVE_WARN ? 0 : failed(unzip, err);
}

int unzip_read(struct unzip *unzip, uint64_t maximum, unzip_take take, void *context, uint64_t *ret_size,
	       struct error *err)
{
	uint64_t size = 0;
	for (;;) {
		const void *block;
		size_t n;
		la_int64_t offset;
		int status = archive_read_data_block(unzip->archive, &block, &n, &offset);
		if (status == ARCHIVE_EOF)
			break;
		if (status != ARCHIVE_OK)
			return failed(unzip, err);
		if (n > maximum - size)
			return error_set(err, ERR_TOO_LARGE, "it unpacks to more bytes than it says");
		size += n;
		if (take && take(context, (struct str){block, n}, err) != 0)
			return -1;
	}
	*ret_size = size;
	return 0;
}

struct unzip *unzip_close(struct unzip *unzip)
{
	if (unzip)
		archive_read_free(unzip->archive);
	free(unzip);
	return NULL;
}
