/* One file out of a gzip tar, such as archive_write_tar_gz makes: what is before it is inflated and thrown
 * away, what is behind it isn't read. Blocking and CPU-bound: on a server run it in the thread pool. */
#ifndef SKILLBOX_SKILL_TAR_READER_H
#define SKILLBOX_SKILL_TAR_READER_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stddef.h>
#include <stdint.h>

struct tar_limits {
	int64_t max_unpacked; /* bytes that are inflated, headers included */
	size_t max_entries;
};

struct tar_reader;

/* fd: read from its current offset; it stays the caller's, and open. */
struct tar_reader *tar_reader_open(int fd, const struct tar_limits *limits, struct error *err);
struct tar_reader *tar_reader_close(struct tar_reader *reader); /* NULL-safe; returns NULL */

/* Go on to the next regular file of that name, as utf8_append_clean shows it: *ret_size is the file's.
 * ERR_NOT_FOUND; ERR_TOO_LARGE beyond the limits; ERR_PROTOCOL: it is damaged. */
int tar_reader_find(struct tar_reader *reader, struct str name, int64_t *ret_size, struct error *err);

/* Append length bytes of that file, from offset on, which are within its size, to out_fd. Once a file. */
int tar_reader_copy(struct tar_reader *reader, int64_t offset, int64_t length, int out_fd, struct error *err);

#endif
