/* File descriptors: closing, and reading small files of /proc and /sys. */
#ifndef SKILLBOX_RUNNER_SYSTEM_DESCRIPTOR_H
#define SKILLBOX_RUNNER_SYSTEM_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Close it if it is ≥ 0, and set it to -1. */
void descriptor_close(int *fd);

/* Close, or mark close-on-exec, every descriptor from `first` on. Async-signal-safe. */
void descriptor_close_from(unsigned first);
void descriptor_cloexec_from(unsigned first);

/* Make sure that 0, 1 and 2 are open (/dev/null where they aren't), so that no later open gets one of these
 * numbers. */
int descriptor_fill_standard(void);

int descriptor_set_nonblocking(int fd);

/* The first `size` - 1 bytes of a file, NUL-terminated; the length, or -1 with errno. */
ssize_t descriptor_read_file(int dir_fd, const char *path, char *ret, size_t size);

#endif
