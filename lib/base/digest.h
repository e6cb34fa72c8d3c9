/* SHA-256 and HMAC-SHA-256 (OpenSSL). Content digests are written "sha256:" + 64 lower-case hex digits. */
#ifndef SKILLBOX_BASE_DIGEST_H
#define SKILLBOX_BASE_DIGEST_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_HEX_SIZE 65  /* 64 hex digits and NUL */
#define DIGEST_TEXT_SIZE 72 /* "sha256:" + 64 hex digits and NUL */

struct digest; /* a running SHA-256 */

struct digest *digest_new(struct error *err);
int digest_update(struct digest *d, const void *data, size_t n, struct error *err);
int digest_finish(struct digest *d, unsigned char ret[32], struct error *err); /* then only digest_free */
struct digest *digest_free(struct digest *d);                                  /* NULL-safe; returns NULL */

int digest_sha256_hex(struct str data, char ret[DIGEST_HEX_SIZE], struct error *err);
int digest_text(struct str data, char ret[DIGEST_TEXT_SIZE], struct error *err); /* with "sha256:" */
bool digest_is_text(struct str s); /* is it "sha256:" + 64 lower hex? */
int digest_hmac_sha256(struct str key, struct str data, unsigned char ret[32],
		       struct error *err); /* key may be ret */
int digest_hmac_sha256_hex(struct str key, struct str data, char ret[DIGEST_HEX_SIZE], struct error *err);

#endif
