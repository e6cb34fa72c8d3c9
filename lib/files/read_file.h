/* Small files that a program is configured with. */
#ifndef SKILLBOX_LIB_FILES_READ_FILE_H
#define SKILLBOX_LIB_FILES_READ_FILE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* Append a whole file of at most out->max bytes; out->data is a string then, "" for an empty file.
 * ERR_NOT_FOUND: there is none. */
int read_file(const char *path, struct buffer *out, struct error *err);

#endif
