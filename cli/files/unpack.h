/* The files of an execution: a gzip tar from a server that is not trusted, into a folder. */
#ifndef SKILLBOX_CLI_FILES_UNPACK_H
#define SKILLBOX_CLI_FILES_UNPACK_H

#include "lib/base/error.h"

#include <stddef.h>
#include <stdint.h>

#define UNPACK_FILES_MAX 20000
#define UNPACK_BYTES_MAX ((int64_t)4 << 30)

/* fd: from its beginning. Only regular files and folders with plain relative names are taken; anything else,
 * and any damage, is an error, and then nothing was written. Each file appears whole. */
int unpack_files(int fd, const char *folder, size_t *ret_count, struct error *err);

#endif
