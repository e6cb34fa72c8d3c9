/* Small wheels, right but for what a test asks to be wrong, and archives that have some. */
#ifndef SKILLBOX_TESTS_WHEEL_MAKER_H
#define SKILLBOX_TESTS_WHEEL_MAKER_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct made_file {
	const char *path, *data;
	uint32_t mode;
	/* What RECORD says of it; NULL means the truth. */
	const char *algorithm;     /* "sha256" */
	const char *recorded;      /* of other bytes: their hash and size */
	const char *recorded_size; /* another size */
	bool is_unlisted;          /* not in RECORD */
	bool is_missing;           /* in RECORD only */
	bool is_unhashed;          /* without hash and size */
};

struct made_wheel {
	const char *stem; /* "demo-1.0": of its folders */
	const struct made_file *files;
	size_t count;
	/* the odd ones; NULL means the honest value, "" that there is no such file */
	const char *wheel, *metadata, *record;
	const char *record_more; /* lines behind the others */
};

/* Its bytes, to be freed with buffer_free. */
struct buffer make_wheel(const struct made_wheel *wheel);
/* The same as a file. */
int make_wheel_file(const struct made_wheel *wheel);

/* A wheel with one module NAME.py. */
struct buffer make_small_wheel(const char *stem, const char *module, const char *text);

/* A skill's archive: SKILL.md and these. */
struct archived {
	const char *path;
	struct str data;
	bool is_executable;
};
int make_archive(const struct archived *files, size_t count);

/* "sha256:…" without its first part, of bytes; the next call has the same place for it. */
const char *sha256_of(struct str bytes);

#endif
