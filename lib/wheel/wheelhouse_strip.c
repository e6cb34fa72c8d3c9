/* The archive without its wheels. */
#include "lib/wheel/wheelhouse.h"

#include "lib/base/temporary.h"
#include "lib/skill/zip_write.h"

#include <stdlib.h>

/* All other files, one behind the other in a temporary file, to be put in order. */
struct kept_file {
	char *path;
	bool is_executable;
	int64_t offset, size;
};

struct stripping {
	int fd;
	int64_t size;
	struct kept_file *files;
	size_t count, capacity;
};

static int keep_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct stripping *s = context;
	if (str_starts_with(str_of(entry->path), STR(WHEELHOUSE_FOLDER)))
		return 1;
	if (s->count == s->capacity) {
		size_t capacity = s->capacity ? 2 * s->capacity : 64;
		struct kept_file *files = reallocarray(s->files, capacity, sizeof(*files));
		if (!files)
			return error_no_memory(err);
		s->files = files;
		s->capacity = capacity;
	}
	char *path = str_dup(str_of(entry->path));
	if (!path)
		return error_no_memory(err);
	s->files[s->count++] = (struct kept_file){path, entry->mode & 0111, s->size, (int64_t)entry->size};
	s->size += (int64_t)entry->size;
	return 0;
}

static int keep_data(void *context, struct str piece, struct error *err)
{
	struct stripping *s = context;
	return temporary_write(s->fd, piece, err);
}

static int by_path(const void *left, const void *right)
{
	const struct kept_file *a = left, *b = right;
	return strcmp(a->path, b->path);
}

static int write_all(struct stripping *s, struct str sums, struct zip_writer *writer, struct error *err)
{
	bool is_written = false;
	for (size_t i = 0; i <= s->count; i++) {
		const struct kept_file *file = i < s->count ? &s->files[i] : NULL;
		if (!is_written && (!file || strcmp(file->path, WHEELHOUSE_SUMS) > 0)) {
			is_written = true;
			if (zip_writer_add_bytes(writer, STR(WHEELHOUSE_SUMS), false, sums, err) != 0)
				return -1;
		}
		if (file && zip_writer_add_part(writer, str_of(file->path), file->is_executable, s->fd,
						file->offset, file->size, err) != 0)
			return -1;
	}
	return 0;
}

static int strip(int zip_fd, const struct archive_limits *limits, struct str sums, struct stripping *s,
		 int out_fd, int64_t *ret_size, struct error *err)
{
	struct archive_visitor visitor = {keep_file, keep_data, s};
	struct archive_content content = {0};
	s->fd = temporary_file(err);
	if (s->fd < 0 || archive_read_zip(zip_fd, limits, &visitor, &content, err) != 0)
		return -1;
	archive_content_free(&content);
	qsort(s->files, s->count, sizeof(*s->files), by_path);
	cleanup_zip_writer struct zip_writer *writer = zip_writer_new(out_fd, err);
	if (!writer || write_all(s, sums, writer, err) != 0)
		return -1;
	return zip_writer_end(writer, ret_size, err);
}

int wheelhouse_strip(int zip_fd, const struct archive_limits *limits, const struct wheelhouse *house,
		     int *ret_fd, int64_t *ret_size, struct error *err)
{
	struct stripping s = {.fd = -1};
	cleanup_close int out_fd = temporary_file(err);
	if (out_fd < 0)
		return -1;
	int status = strip(zip_fd, limits, str_of(house->sums), &s, out_fd, ret_size, err);
	for (size_t i = 0; i < s.count; i++)
		free(s.files[i].path);
	free(s.files);
	if (s.fd >= 0)
		close(s.fd);
	if (status != 0)
		return -1;
	*ret_fd = out_fd;
	out_fd = -1;
	return 0;
}
