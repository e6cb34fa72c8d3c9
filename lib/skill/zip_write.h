/* Writing a skill's zip: the same bytes for the same files, whatever the clock, the time zone, the locale,
 * the order they are read in and who owns them. */
#ifndef SKILLBOX_SKILL_ZIP_WRITE_H
#define SKILLBOX_SKILL_ZIP_WRITE_H

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct zip_writer;

/* fd: an empty regular file, the caller's. Add files in the order that is wanted, then end. */
struct zip_writer *zip_writer_new(int fd, struct error *err);
/* A regular file: all that can be read of in_fd from its beginning. Names are UTF-8, relative and unique;
 * mode 0755 or 0644. ERR_TOO_LARGE beyond 65,535 files or 4 GiB. */
int zip_writer_add(struct zip_writer *writer, struct str name, bool is_executable, int in_fd,
		   struct error *err);
/* The same of `size` bytes from `offset` on, which must be there. */
int zip_writer_add_part(struct zip_writer *writer, struct str name, bool is_executable, int in_fd,
			int64_t offset, int64_t size, struct error *err);
/* The same of bytes in memory. */
int zip_writer_add_bytes(struct zip_writer *writer, struct str name, bool is_executable, struct str bytes,
			 struct error *err);
int zip_writer_end(struct zip_writer *writer, int64_t *ret_size, struct error *err);
struct zip_writer *zip_writer_free(struct zip_writer *writer); /* NULL-safe; returns NULL */
CLEANUP_FUNCTION(zip_writer)
#define cleanup_zip_writer __attribute__((cleanup(zip_writer_cleanup)))

#endif
