/* SHA-256 and HMAC-SHA-256 (OpenSSL). Content digests are written "sha256:" + 64 lower-case hex digits. */
#ifndef SKILLBOX_BASE_DIGEST_H
#define SKILLBOX_BASE_DIGEST_H

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_HEX_SIZE 65  /* 64 hex digits and NUL */
#define DIGEST_TEXT_SIZE 72 /* "sha256:" + 64 hex digits and NUL */

/* A running SHA-256: new, update …, finish, free. */
struct digest;

struct digest *digest_new(struct error *err);
int digest_update(struct digest *d, const void *data, size_t n, struct error *err);
/* After this only digest_free. */
int digest_finish(struct digest *d, unsigned char ret[32], struct error *err);
/* NULL-safe; returns NULL. */
struct digest *digest_free(struct digest *d);
CLEANUP_FUNCTION(digest)

/* Of data in memory; digest_text writes it with "sha256:". */
int digest_sha256_hex(struct str data, char ret[DIGEST_HEX_SIZE], struct error *err);
int digest_text(struct str data, char ret[DIGEST_TEXT_SIZE], struct error *err);

/* Of `size` bytes of a file from `offset` on, whatever the descriptor's own offset, which stays. A file that
 * ends before is ERR_IO. Reads as long as it takes: for the thread pool, unless the file is small. */
int digest_file_hex(int fd, int64_t offset, int64_t size, char ret[DIGEST_HEX_SIZE], struct error *err);
int digest_file_text(int fd, int64_t offset, int64_t size, char ret[DIGEST_TEXT_SIZE], struct error *err);

/* Is it "sha256:" + 64 lower-case hex digits? */
bool digest_is_text(struct str s);

/* The key may be ret. */
int digest_hmac_sha256(struct str key, struct str data, unsigned char ret[32], struct error *err);
int digest_hmac_sha256_hex(struct str key, struct str data, char ret[DIGEST_HEX_SIZE], struct error *err);

#endif
