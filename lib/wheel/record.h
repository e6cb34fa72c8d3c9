/* RECORD: which files a wheel has, with hash and size of each, as lines of CSV (packaging.python.org,
 * "Recording installed projects"); and the hash of a file while its bytes come. */
#ifndef SKILLBOX_WHEEL_RECORD_H
#define SKILLBOX_WHEEL_RECORD_H

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct record_line {
	struct str path;
	struct str hash; /* "sha256=…", sha384 or sha512, in base64 without "=" behind; or empty */
	bool has_size;
	int64_t size;
};

/* The next line; 1 and *text behind it, 0 at the end, or -1 with ERR_INVALID_SKILL. What was quoted is
 * unquoted in place, so the text must be a buffer's, and stay while the lines are needed. */
int record_next(struct str *text, struct record_line *ret, struct error *err);

struct record_hash;
struct record_hash *record_hash_new(struct error *err);
struct record_hash *record_hash_free(struct record_hash *hash); /* NULL-safe; returns NULL */
CLEANUP_FUNCTION(record_hash)
#define cleanup_record_hash __attribute__((cleanup(record_hash_cleanup)))
/* Bytes come whose hash should be this one of a line; then ask. It can be begun again for the next file. */
int record_hash_begin(struct record_hash *hash, struct str expected, struct error *err);
int record_hash_update(struct record_hash *hash, struct str bytes, struct error *err);
int record_hash_matches(struct record_hash *hash, struct str expected, bool *ret, struct error *err);

#endif
