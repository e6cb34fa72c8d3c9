/* Paths below a directory, one component at a time and never through a symbolic link. */
#ifndef SKILLBOX_RUNNER_SYSTEM_BENEATH_H
#define SKILLBOX_RUNNER_SYSTEM_BENEATH_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

#include <sys/types.h>

/* Open the directory `name` (one component) for reading; a symbolic link is never followed. -1 with errno
 * (ELOOP, ENOTDIR for what is no directory). */
int beneath_open_directory(int dir_fd, const char *name);

/* Open a path that frame_path_is_valid accepts. A descriptor (close-on-exec), or -1 with errno. */
int beneath_open(int dir_fd, struct str path, int flags, mode_t mode);

/* The same for a new file (O_CREAT | O_EXCL | O_WRONLY), with the directories above it made where they lack
 * (mode 0755); the path of each that was made is appended to `made`, NUL-terminated. */
int beneath_create(int dir_fd, struct str path, mode_t mode, struct buffer *made);

/* Remove everything below the directory, not the directory. 0, or -1 with errno. */
int beneath_empty(int dir_fd);

#endif
