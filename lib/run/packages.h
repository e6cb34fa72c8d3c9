/* A skill's packages as a blob: a header and the frames that a sandbox takes (PACKAGE, DATA …, packed), made
 * once when the skill is pushed. Whoever sends them sends what it has read.
 *
 *   bytes 0 … 19   "SKILLBOX PACKAGES 1\n"
 *   20 … 23        files, big endian
 *   24 … 31        their bytes, big endian
 *   32 …           frames of protocol 5 (lib/frame/frame.h) */
#ifndef SKILLBOX_RUN_PACKAGES_H
#define SKILLBOX_RUN_PACKAGES_H

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/run/bundle.h"
#include "lib/skill/archive.h"

#include <stdint.h>

#define PACKAGES_HEADER_SIZE 32
/* Of a blob. */
#define PACKAGES_MAX_SIZE ((int64_t)640 << 20)

struct packages_writer;

/* Blocking and CPU-bound, all of them. */
struct packages_writer *packages_writer_new(struct error *err);
/* Give it the files, by paths below /sandbox/packages. */
struct archive_visitor packages_writer_visitor(struct packages_writer *writer);
/* The blob: an unnamed file, the caller's to close also if its digest can't be told; its size; its digest.
 * Then only packages_writer_free. */
int packages_writer_end(struct packages_writer *writer, int *ret_fd, int64_t *ret_size,
			char ret_digest[DIGEST_TEXT_SIZE], struct error *err);
/* NULL-safe; returns NULL. */
struct packages_writer *packages_writer_free(struct packages_writer *writer);

/* A blob of `size` bytes as a bundle, which owns fd then; on failure it stays the caller's. It has no
 * entrypoint and no interpreter. What its frames are, the sandbox looks at. */
struct bundle *packages_open(int fd, int64_t size, struct error *err);

#endif
