#include "lib/skill/zip_write.h"

#include "lib/base/buffer.h"
#include "lib/base/utf8.h"
#include "lib/skill/libarchive.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The container is written here (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16): libarchive's own zip
 * writer has local time and converts names by the process's locale. What is deflated comes out of its gzip
 * filter, whose header is ten bytes and whose trailer is CRC-32 and size: just what a zip says of a file,
 * too. */
#define GZIP_HEADER 10
#define GZIP_TRAILER 8
#define BLOCK ((size_t)64 * 1024)
#define FILES_MAX 65535
#define SIZE_MAX_ZIP ((int64_t)UINT32_MAX)
#define NAME_MAX_BYTES 65535
#define DIRECTORY_MAX ((size_t)64 << 20)

#define VERSION_NEEDED 20
#define MADE_BY_UNIX (3 << 8 | 20)
#define FLAG_UTF8 0x0800
#define DEFLATED 8
#define DOS_DATE 0x0021 /* 1980-01-01, as early as can be said; the time is 0 */
#define LOCAL_SIZE 30

struct zip_writer {
	int fd;
	int64_t size;
	unsigned count;
	struct buffer directory;
};

static void put16(struct buffer *out, unsigned value)
{
	buffer_append_byte(out, (char)(value & 0xff));
	buffer_append_byte(out, (char)(value >> 8 & 0xff));
}

static void put32(struct buffer *out, uint32_t value)
{
	put16(out, value & 0xffff);
	put16(out, value >> 16);
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int write_at(int fd, int64_t offset, const void *data, size_t n, struct error *err)
{
	const char *at = data;
	while (n > 0) {
		ssize_t put = pwrite(fd, at, n, (off_t)offset);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return error_errno(err, "can't write the zip");
		at += put;
		offset += put;
		n -= (size_t)put;
	}
	return 0;
}

struct zip_writer *zip_writer_new(int fd, struct error *err)
{
	struct zip_writer *writer = calloc(1, sizeof(*writer));
	if (!writer) {
		error_no_memory(err);
		return NULL;
	}
	writer->fd = fd;
	writer->directory = BUFFER(DIRECTORY_MAX);
	return writer;
}

struct zip_writer *zip_writer_free(struct zip_writer *writer)
{
	if (writer)
		buffer_free(&writer->directory);
	free(writer);
	return NULL;
}

/* ---- one file, deflated */

/* Where gzip's bytes go: from `offset` on, less its header. */
struct deflated {
	int fd;
	int64_t offset, got;
	unsigned char flags; /* of gzip's header: 0, or it is longer than was thought */
	struct error *err;
};

static la_ssize_t take_block(struct archive *archive, void *context, const void *data, size_t n)
{
	struct deflated *d = context;
	size_t skipped = d->got >= GZIP_HEADER ? 0 : (size_t)(GZIP_HEADER - d->got);
	if (d->got <= 3 && d->got + (int64_t)n > 3)
		d->flags = ((const unsigned char *)data)[3 - d->got];
	skipped = skipped < n ? skipped : n;
	int64_t at = d->offset + (d->got < GZIP_HEADER ? 0 : d->got - GZIP_HEADER);
	if (write_at(d->fd, at, (const char *)data + skipped, n - skipped, d->err) != 0) {
		archive_set_error(archive, EIO, "%s", d->err->message);
		return ARCHIVE_FATAL;
	}
	d->got += (int64_t)n;
	return (la_ssize_t)n;
}

static int failed(struct archive *archive, struct error *err)
{
	const char *why = archive ? archive_error_string(archive) : NULL;
	return error_set(err, archive && archive_errno(archive) == ENOMEM ? ERR_NO_MEMORY : ERR_IO,
			 "can't write the zip: %s", why ? why : "no memory");
}

static int open_filter(struct archive *archive, struct deflated *to, bool is_packed, struct error *err)
{
	struct libarchive_entry *entry = archive_entry_new();
	if (!entry)
		return error_no_memory(err);
	archive_entry_set_filetype(entry, AE_IFREG);
	bool is_good = archive_write_set_format_raw(archive) == ARCHIVE_OK &&
		       archive_write_add_filter_gzip(archive) == ARCHIVE_OK &&
		       archive_write_set_options(archive, is_packed ? "gzip:!timestamp,compression-level=0"
								    : "gzip:!timestamp") == ARCHIVE_OK &&
		       archive_write_set_bytes_per_block(archive, 0) == ARCHIVE_OK &&
		       archive_write_open(archive, to, NULL, take_block, NULL) == ARCHIVE_OK &&
		       archive_write_header(archive, entry) == ARCHIVE_OK;
	archive_entry_free(entry);
	return is_good ? 0 : failed(archive, err);
}

/* Where a file's bytes come from: a descriptor, or memory. */
struct source {
	int fd; /* < 0: bytes */
	int64_t offset;
	int64_t size; /* < 0: up to its end */
	struct str bytes;
	bool is_packed; /* trying again costs time alone */
};

static int feed_file(struct archive *archive, const struct source *from, struct error *err)
{
	char block[BLOCK];
	for (int64_t done = 0;;) {
		int64_t left = from->size < 0 ? (int64_t)sizeof(block) : from->size - done;
		size_t want = left < (int64_t)sizeof(block) ? (size_t)left : sizeof(block);
		ssize_t n = want > 0 ? pread(from->fd, block, want, (off_t)(from->offset + done)) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "can't read it");
		if (n == 0 && done < from->size)
			return error_set(err, ERR_IO, "it ends too early");
		if (n == 0)
			return 0;
		if (archive_write_data(archive, block, (size_t)n) != n)
			return failed(archive, err);
		done += n;
		if (done > SIZE_MAX_ZIP)
			return error_set(err, ERR_TOO_LARGE, "it is larger than 4 GiB");
	}
}

/* Sizes and checksum of what was written. */
struct deflated_size {
	uint32_t packed, unpacked, crc;
};

static int deflate_into(struct zip_writer *writer, int64_t offset, const struct source *from,
			struct deflated_size *ret, struct error *err)
{
	struct str bytes = from->bytes;
	struct deflated to = {.fd = writer->fd, .offset = offset, .err = err};
	unsigned char trailer[GZIP_TRAILER];
	struct archive *archive = archive_write_new();
	int status = archive ? open_filter(archive, &to, from->is_packed, err) : error_no_memory(err);
	if (status == 0 && from->fd >= 0)
		status = feed_file(archive, from, err);
	else if (status == 0 && bytes.n > 0 &&
		 archive_write_data(archive, bytes.p, bytes.n) != (la_ssize_t)bytes.n)
		status = failed(archive, err);
	if (status == 0 && archive_write_close(archive) != ARCHIVE_OK)
		status = failed(archive, err);
	archive_write_free(archive);
	if (status != 0)
		return -1;
	int64_t packed = to.got - GZIP_HEADER - GZIP_TRAILER;
	if (packed < 0 || to.flags != 0)
		return error_set(err, ERR_INTERNAL,
				 "can't write the zip: libarchive's gzip is not as it was");
	if (offset + packed > SIZE_MAX_ZIP)
		return error_set(err, ERR_TOO_LARGE, "the zip is larger than 4 GiB");
	if (pread(writer->fd, trailer, sizeof(trailer), (off_t)(offset + packed)) != GZIP_TRAILER)
		return error_errno(err, "can't read the zip again");
	*ret = (struct deflated_size){(uint32_t)packed, get32(trailer + 4), get32(trailer)};
	return 0;
}

/* ---- the container */

/* What a local header and the directory say alike. */
static void put_common(struct buffer *out, struct str name, const struct deflated_size *size)
{
	bool is_ascii = true;
	for (size_t i = 0; i < name.n; i++)
		is_ascii = is_ascii && (unsigned char)name.p[i] < 0x80;
	put16(out, VERSION_NEEDED);
	put16(out, is_ascii ? 0 : FLAG_UTF8);
	put16(out, DEFLATED);
	put16(out, 0);
	put16(out, DOS_DATE);
	put32(out, size->crc);
	put32(out, size->packed);
	put32(out, size->unpacked);
	put16(out, (unsigned)name.n);
	put16(out, 0); /* no extra field */
}

static int write_local_header(struct zip_writer *writer, struct str name, const struct deflated_size *size,
			      struct error *err)
{
	cleanup_buffer struct buffer header = BUFFER(LOCAL_SIZE + NAME_MAX_BYTES);
	put32(&header, 0x04034b50);
	put_common(&header, name, size);
	buffer_append_str(&header, name);
	if (buffer_check(&header, "a name", err) != 0)
		return -1;
	return write_at(writer->fd, writer->size, header.data, header.len, err);
}

static void put_directory_entry(struct zip_writer *writer, struct str name, bool is_executable,
				const struct deflated_size *size)
{
	struct buffer *out = &writer->directory;
	uint32_t mode = 0100000u | (is_executable ? 0755u : 0644u);
	put32(out, 0x02014b50);
	put16(out, MADE_BY_UNIX);
	put_common(out, name, size);
	put16(out, 0); /* no comment */
	put16(out, 0); /* the first disk */
	put16(out, 0);
	put32(out, mode << 16);
	put32(out, (uint32_t)writer->size);
	buffer_append_str(out, name);
}

static int add(struct zip_writer *writer, struct str name, bool is_executable, struct source *from,
	       struct error *err)
{
	struct deflated_size size;
	from->is_packed = str_ends_with(name, STR(".whl")); /* a zip itself */
	if (name.n == 0 || name.n > NAME_MAX_BYTES || !utf8_is_valid(name, NULL))
		return error_set(err, ERR_BAD_REQUEST,
				 "'%.*s' is no name for a zip: it is too long or not UTF-8", utf8_shown(name),
				 name.p);
	if (writer->count == FILES_MAX)
		return error_set(err, ERR_TOO_LARGE, "there are more than %d files", FILES_MAX);
	int64_t content = writer->size + LOCAL_SIZE + (int64_t)name.n;
	if (deflate_into(writer, content, from, &size, err) != 0 ||
	    write_local_header(writer, name, &size, err) != 0)
		return error_wrap(err, "%.*s", (int)name.n, name.p);
	put_directory_entry(writer, name, is_executable, &size);
	writer->size = content + size.packed;
	writer->count++;
	return buffer_check(&writer->directory, "the list of files", err);
}

int zip_writer_add(struct zip_writer *writer, struct str name, bool is_executable, int in_fd,
		   struct error *err)
{
	return add(writer, name, is_executable, &(struct source){.fd = in_fd, .size = -1}, err);
}

int zip_writer_add_part(struct zip_writer *writer, struct str name, bool is_executable, int in_fd,
			int64_t offset, int64_t size, struct error *err)
{
	return add(writer, name, is_executable, &(struct source){.fd = in_fd, .offset = offset, .size = size},
		   err);
}

int zip_writer_add_bytes(struct zip_writer *writer, struct str name, bool is_executable, struct str bytes,
			 struct error *err)
{
	return add(writer, name, is_executable, &(struct source){.fd = -1, .bytes = bytes}, err);
}

int zip_writer_end(struct zip_writer *writer, int64_t *ret_size, struct error *err)
{
	struct buffer *out = &writer->directory;
	size_t length = out->len;
	if (writer->size + (int64_t)length > SIZE_MAX_ZIP)
		return error_set(err, ERR_TOO_LARGE, "the zip is larger than 4 GiB");
	put32(out, 0x06054b50);
	put16(out, 0);
	put16(out, 0);
	put16(out, writer->count);
	put16(out, writer->count);
	put32(out, (uint32_t)length);
	put32(out, (uint32_t)writer->size);
	put16(out, 0);
	if (buffer_check(out, "the list of files", err) != 0 ||
	    write_at(writer->fd, writer->size, out->data, out->len, err) != 0)
		return -1;
	*ret_size = writer->size + (int64_t)out->len;
	/* The last file's gzip trailer may reach beyond. */
	if (ftruncate(writer->fd, (off_t)*ret_size) != 0)
		return error_errno(err, "can't write the zip");
	return 0;
}
