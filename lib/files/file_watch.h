/* Tells when files have another content than they had: mounted Secrets are put in place anew by the kubelet
 * when they change, certificates by whoever renews them, and a program that read them at its start would go
 * on with what is over.
 *
 * It looks once a second at their inodes, sizes and times, which costs two system calls a file. A
 * notification would come sooner, and not at all for every way in which a file can be put in place (a mount,
 * a symbolic link of a folder above). */
#ifndef SKILLBOX_LIB_FILES_FILE_WATCH_H
#define SKILLBOX_LIB_FILES_FILE_WATCH_H

#include "lib/base/error.h"

#include <uv.h>

struct file_watch;

#define FILE_WATCH_MAX 2                   /* files */
#define FILE_WATCH_BYTES ((size_t)1 << 20) /* of one: a larger one can't be read */

/* From now on, so before they are read. `changed` is called from the loop, some time after the content of a
 * file is another one; a file that is missing, or can't be read, has none. Not called when the same content
 * was put in place again. The loop doesn't wait for it. */
struct file_watch *file_watch_new(uv_loop_t *loop, const char *const *paths, size_t count,
				  void (*changed)(void *context), void *context, struct error *err);
/* No call afterwards; not from inside one. NULL-safe; returns NULL; the memory goes when the loop has run its
 * close callbacks. */
struct file_watch *file_watch_free(struct file_watch *watch);

#endif
