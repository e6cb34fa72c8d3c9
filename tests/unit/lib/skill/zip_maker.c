#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/temporary.h"
#include "zip_maker.h"

#include "lib/base/buffer.h"
#include "lib/blob/blob.h"

#include "lib/skill/libarchive.h"

#include <stdlib.h>
#include <unistd.h>

static void put(struct buffer *b, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		buffer_append_byte(b, (char)(value >> (8 * i)));
}

static uint32_t crc32_of(struct str data)
{
	uint32_t crc = 0xffffffff;
	for (size_t i = 0; i < data.n; i++) {
		crc ^= (unsigned char)data.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static struct str name_of(const struct made_entry *e)
{
	return (struct str){e->name, e->name_size ? e->name_size : strlen(e->name)};
}

static struct str data_of(const struct made_entry *e)
{
	return e->data_size ? (struct str){e->data, e->data_size} : str_of(e->data);
}

static uint16_t flags_of(const struct made_entry *e)
{
	return (uint16_t)(e->flags | (e->streamed ? 8 : 0));
}

static void put_local(struct buffer *b, const struct made_entry *e)
{
	struct str data = data_of(e), name = e->local_name ? str_of(e->local_name) : name_of(e);
	uint32_t size = e->local_size ? e->local_size : (uint32_t)data.n;
	put(b, 0x04034b50, 4);
	put(b, 20, 2);
	put(b, e->local_flags ? e->local_flags : flags_of(e), 2);
	put(b, e->local_method ? e->local_method : e->method, 2);
	put(b, 0, 4); /* time, date */
	put(b, e->streamed ? 0 : e->local_crc ? e->local_crc : crc32_of(data), 4);
	put(b, e->streamed ? 0 : size, 4);
	put(b, e->streamed ? 0 : size, 4);
	put(b, name.n, 2);
	put(b, 0, 2);
	buffer_append_str(b, name);
	buffer_append_str(b, data);
	if (!e->streamed)
		return;
	put(b, 0x08074b50, 4);
	put(b, crc32_of(data), 4);
	put(b, data.n, 4);
	put(b, data.n, 4);
}

static void put_central(struct buffer *b, const struct made_entry *e, uint64_t offset)
{
	struct str data = data_of(e), name = name_of(e);
	uint64_t unpacked = e->central_size ? e->central_size : data.n;
	put(b, 0x02014b50, 4);
	put(b, 45 | (e->system == 255 ? 0u : e->system ? e->system : 3u) << 8, 2);
	put(b, 20, 2);
	put(b, flags_of(e), 2);
	put(b, e->method, 2);
	put(b, e->dos_time, 2);
	put(b, e->dos_date, 2);
	put(b, e->crc ? e->crc : crc32_of(data), 4);
	put(b, e->zip64 ? UINT32_MAX : data.n, 4);
	put(b, e->zip64 ? UINT32_MAX : unpacked, 4);
	put(b, name.n, 2);
	put(b, (e->zip64 ? 28u : 0) + (e->timestamp ? e->old_timestamp ? 12u : 9u : 0), 2);
	put(b, str_of(e->comment).n, 2);
	put(b, 0, 2); /* disk */
	put(b, 0, 2);
	put(b, (uint64_t)e->mode << 16 | (e->dos_folder ? 0x10 : 0), 4);
	put(b, e->zip64 ? UINT32_MAX : e->offset ? e->offset : offset, 4);
	buffer_append_str(b, name);
	if (e->zip64) {
		put(b, 1, 2);
		put(b, 24, 2);
		put(b, unpacked, 8);
		put(b, data.n, 8);
		put(b, e->offset ? e->offset : offset, 8);
	}
	if (e->timestamp && e->old_timestamp) {
		put(b, 0x5855, 2);
		put(b, 8, 2);
		put(b, 1, 4);
		put(b, e->timestamp, 4);
	} else if (e->timestamp) {
		put(b, 0x5455, 2);
		put(b, 5, 2);
		put(b, 1, 1);
		put(b, e->timestamp, 4);
	}
	buffer_append_str(b, str_of(e->comment));
}

static void put_end64(struct buffer *b, uint64_t count, uint64_t directory, uint64_t size)
{
	uint64_t at = b->len;
	put(b, 0x06064b50, 4);
	put(b, 44, 8);
	put(b, 45, 2);
	put(b, 45, 2);
	put(b, 0, 8); /* disks */
	put(b, count, 8);
	put(b, count, 8);
	put(b, size, 8);
	put(b, directory, 8);
	put(b, 0x07064b50, 4);
	put(b, 0, 4);
	put(b, at, 8);
	put(b, 1, 4);
}

int make_zip(const struct made_zip *zip)
{
	struct buffer b = BUFFER((size_t)64 << 20);
	uint64_t *offsets = calloc(zip->count + 1, sizeof(*offsets));
	if (!offsets)
		abort();
	buffer_append_str(&b, str_of(zip->prefix));
	for (size_t i = 0; i < zip->count; i++) {
		offsets[i] = b.len;
		put_local(&b, &zip->entries[i]);
	}
	uint64_t directory = b.len;
	for (size_t i = 0; i < zip->count; i++)
		put_central(&b, &zip->entries[i], offsets[i]);
	if (zip->cut_directory)
		b.len -= 4;
	uint64_t size = b.len - directory, count = zip->declared_count ? zip->declared_count : zip->count;
	if (zip->zip64_end)
		put_end64(&b, count, directory, size);
	put(&b, 0x06054b50, 4);
	put(&b, 0, 4); /* disks */
	put(&b, zip->zip64_end ? UINT16_MAX : count, 2);
	put(&b, zip->zip64_end ? UINT16_MAX : count, 2);
	put(&b, zip->zip64_end ? UINT32_MAX : size, 4);
	put(&b, zip->zip64_end ? UINT32_MAX : directory, 4);
	put(&b, str_of(zip->comment).n, 2);
	buffer_append_str(&b, str_of(zip->comment));
	buffer_append_str(&b, str_of(zip->trailer));
	free(offsets);
	int fd = make_file(buffer_str(&b));
	buffer_free(&b);
	return fd;
}

int make_entries(const struct made_entry *entries, size_t count)
{
	struct made_zip zip = {.entries = entries, .count = count};
	return make_zip(&zip);
}

int make_file(struct str bytes)
{
	int fd = temporary_file(NULL);
	if (fd < 0)
		abort();
	for (size_t done = 0; done < bytes.n;) {
		ssize_t n = write(fd, bytes.p + done, bytes.n - done);
		if (n <= 0)
			abort();
		done += (size_t)n;
	}
	return fd;
}

static void write_entry(struct archive *a, const char *name, const char *data, size_t size)
{
	struct libarchive_entry *entry = archive_entry_new();
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	if (archive_write_header(a, entry) != ARCHIVE_OK ||
	    archive_write_data(a, data, size) != (la_ssize_t)size)
		abort();
	archive_entry_free(entry);
}

int make_zeros(size_t size)
{
	int fd = temporary_file(NULL);
	char *zeros = calloc(1, size);
	struct archive *a = archive_write_new();
	if (fd < 0 || !zeros || !a || archive_write_set_format_zip(a) != ARCHIVE_OK ||
	    archive_write_open_fd(a, fd) != ARCHIVE_OK)
		abort();
	write_entry(a, "SKILL.md", "x", 1);
	write_entry(a, "zeros", zeros, size);
	if (archive_write_close(a) != ARCHIVE_OK)
		abort();
	archive_write_free(a);
	free(zeros);
	return fd;
}

#define SEEN_MAX 2000

struct seen {
	char *paths[SEEN_MAX];
	struct buffer data[SEEN_MAX];
	size_t count;
};

static int see_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct seen *seen = context;
	(void)err;
	if (entry->data || seen->count == SEEN_MAX)
		abort();
	seen->paths[seen->count] = str_dup(str_of(entry->path));
	seen->data[seen->count++] = BUFFER(entry->size);
	return 0;
}

static int see_data(void *context, struct str piece, struct error *err)
{
	struct seen *seen = context;
	(void)err;
	if (buffer_append_str(&seen->data[seen->count - 1], piece) != 0)
		abort(); /* more than the entry's size */
	return 0;
}

static char *take_data(struct seen *seen, const char *path)
{
	for (size_t i = 0; i < seen->count; i++)
		if (strcmp(seen->paths[i], path) == 0)
			return buffer_steal(&seen->data[i]);
	abort();
}

int read_zip(int fd, const struct archive_limits *limits, struct archive_content *ret, struct error *err)
{
	struct seen *seen = calloc(1, sizeof(*seen));
	if (!seen)
		abort();
	struct archive_visitor visitor = {see_file, see_data, seen};
	int status = archive_read_zip(fd, limits, &visitor, ret, err);
	for (size_t i = 0; status == 0 && i < ret->count; i++) {
		if (ret->entries[i].data)
			abort();
		ret->entries[i].data = take_data(seen, ret->entries[i].path);
	}
	for (size_t i = 0; i < seen->count; i++) {
		free(seen->paths[i]);
		buffer_free(&seen->data[i]);
	}
	free(seen);
	return status;
}

char *make_noise(size_t size)
{
	char *text = malloc(size + 1);
	unsigned seed = 1;
	assert_non_null(text);
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1103515245u + 12345u;
		text[i] = (char)('!' + (seed >> 16) % 90);
	}
	text[size] = '\0';
	return text;
}
