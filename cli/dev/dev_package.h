/* A skill's folder as it is now, made ready to be tried out on a server. */
#ifndef SKILLBOX_CLI_DEV_DEV_PACKAGE_H
#define SKILLBOX_CLI_DEV_DEV_PACKAGE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stdint.h>

/* Bytes of a name or a version. */
#define DEV_NAME_MAX ((size_t)256)

/* Append its name, and the version for trying out: *ret_fd is a zip of it. EXIT_ERROR: it isn't right, which
 * was said on standard error. */
int dev_package(const char *path, struct buffer *name, struct buffer *version, int *ret_fd, int64_t *ret_size,
		struct error *err);

#endif
