/* libarchive's seeking zip reader: the bytes of entry after entry. What it says about names and kinds isn't
 * used, see zip_directory.h. */
#ifndef SKILLBOX_SKILL_UNZIP_H
#define SKILLBOX_SKILL_UNZIP_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdint.h>

struct unzip;

struct unzip *unzip_open(int fd, int64_t size, struct error *err); /* fd stays the caller's */
/* Go to the next entry, in the order of the local headers. */
int unzip_next(struct unzip *unzip, struct error *err);
/* Its bytes, block after block (at most about 256 KiB each), until `take` refuses one; take NULL: they are
 * only counted. ERR_TOO_LARGE as soon as there are more than `maximum`. Checksums are verified. */
typedef int (*unzip_take)(void *context, struct str block, struct error *err);
int unzip_read(struct unzip *unzip, uint64_t maximum, unzip_take take, void *context, uint64_t *ret_size,
	       struct error *err);
struct unzip *unzip_close(struct unzip *unzip); /* NULL-safe; returns NULL */

#endif
