/* Files that appear whole, by rename, or not at all; and files read whole. */
#ifndef SKILLBOX_CLI_FILES_WHOLE_FILE_H
#define SKILLBOX_CLI_FILES_WHOLE_FILE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <sys/types.h>

/* Append all that is left of fd, at most out->max bytes in all. name: for messages. */
int whole_file_read(int fd, const char *name, struct buffer *out, struct error *err);

/* Its folders are made if they are missing (for a mode without rights of others, without these, too). */
int whole_file_write(const char *path, struct str data, mode_t mode, struct error *err);

/* The same in two steps, for what is written piece by piece: a file beside it, then its rename. The temporary
 * name, which the caller frees, is removed by whole_file_drop if it came to nothing. */
int whole_file_begin(const char *path, mode_t mode, char **ret_temporary,
		     struct error *err);                                                /* an fd, or -1 */
int whole_file_end(int fd, const char *temporary, const char *path, struct error *err); /* closes fd */
void whole_file_drop(int fd, const char *temporary);

/* The folder of `path` and those above it. */
int whole_file_make_folders(const char *path, mode_t mode, struct error *err);

#endif
