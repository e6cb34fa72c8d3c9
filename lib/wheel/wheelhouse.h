/* The wheels of a skill's archive, `wheels/` at its root: each is checked and unpacked, without running
 * anything, into one set of packages. The stored archive has `wheels/sha256sums` in their place: a line "HEX
 * NAME.whl" each, in order of the names, whose digest is the lock of the set. Blocking and CPU-bound: on a
 * server run it in the thread pool. */
#ifndef SKILLBOX_WHEEL_WHEELHOUSE_H
#define SKILLBOX_WHEEL_WHEELHOUSE_H

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/skill/archive.h"
#include "lib/skill/problems.h"
#include "lib/wheel/target.h"

#include <stdbool.h>
#include <stdint.h>

#define WHEELHOUSE_FOLDER "wheels/"
#define WHEELHOUSE_SUMS "wheels/sha256sums"
#define WHEELHOUSE_WHEELS_MAX 200

/* For all wheels together: 20,000 files, 512 MiB unpacked; a wheel is no bomb (200 times its size). */
extern const struct archive_limits wheelhouse_limits_default;

struct wheelhouse_request {
	int zip_fd;                           /* the skill's archive; stays the caller's */
	const struct archive_limits *archive; /* what it may have */
	const struct archive_limits *wheels;  /* what the wheels may have together */
	/* Which Python they must fit, and the image that has it, for messages. NULL: that isn't judged. */
	const struct wheel_target *target;
	struct str image;
	/* Sees all files, with paths relative to the folder of packages and mode 0644 or 0755, the wheels in
	 * order of their names. What it has seen counts only if all ends well. NULL: they are only checked.
	 */
	const struct archive_visitor *visitor;
};

struct wheelhouse_package {
	char *file;    /* "numpy-2.1.0-cp312-cp312-manylinux_2_17_x86_64.whl" */
	char *name;    /* normalised: "numpy" */
	char *version; /* "2.1.0" */
	bool is_there; /* the wheel itself, not only its line */
	char sha256[DIGEST_HEX_SIZE];
};

struct wheelhouse {
	/* In order of their files' names; count 0: the archive has neither wheels nor a list of them. */
	struct wheelhouse_package *packages;
	size_t count;
	/* The wheels themselves were there. False with count > 0: only wheels/sha256sums. */
	bool has_wheels;
	/* requirements.txt asks for something (requirements_are_wanted). */
	bool has_requirements;
	char *sums;                  /* the text of wheels/sha256sums; NULL with count 0 */
	char lock[DIGEST_TEXT_SIZE]; /* of that text; "" with count 0 */
	/* Of the files that the visitor saw. */
	size_t file_count;
	int64_t byte_count;
	struct problems warnings; /* what is as it is, but might surprise */
};

/* Read the wheels and the lists about them; other files of the archive are passed over, unchecked.
 * ERR_INVALID_SKILL "invalid skill: A; B" with all problems. */
int wheelhouse_read(const struct wheelhouse_request *request, struct wheelhouse *ret, struct error *err);
/* The same with the problems one by one: -1 with err unset says that they are told there. */
int wheelhouse_examine(const struct wheelhouse_request *request, struct wheelhouse *ret,
		       struct problems *problems, struct error *err);
void wheelhouse_free(struct wheelhouse *house);

/* Write the archive again, with wheels/sha256sums in place of the wheels, its files in lexical order, to an
 * unnamed temporary file: *ret_fd is the caller's. */
int wheelhouse_strip(int zip_fd, const struct archive_limits *limits, const struct wheelhouse *house,
		     int *ret_fd, int64_t *ret_size, struct error *err);

#endif
