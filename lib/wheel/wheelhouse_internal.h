/* What the parts of wheelhouse.c share while an archive is read. */
#ifndef SKILLBOX_WHEEL_WHEELHOUSE_INTERNAL_H
#define SKILLBOX_WHEEL_WHEELHOUSE_INTERNAL_H

#include "lib/base/buffer.h"
#include "lib/base/map.h"
#include "lib/wheel/name.h"
#include "lib/wheel/wheelhouse.h"

#define SUMS_MAX_BYTES ((size_t)64 * 1024) /* 200 lines of the longest names are less */
#define LIST_MAX_BYTES ((size_t)1 << 20)   /* of requirements.txt and requirements.lock */

/* A wheel of the archive, or a line of wheels/sha256sums. */
struct house_wheel {
	char *file;
	struct wheel_name name; /* points into it */
	int fd;                 /* an unnamed temporary file with the wheel; -1: only a line */
	char sha256[DIGEST_HEX_SIZE];
	/* Of the later ones of two wheels with one file: what differs, told once a wheel. */
	size_t differing;
};

/* A text of the archive that is looked at. */
struct house_text {
	struct buffer bytes;
	bool is_there;
	size_t size; /* that it has; more than bytes.max: it was not kept */
};

struct house {
	const struct wheelhouse_request *request;
	struct problems *problems;
	struct wheelhouse *result;
	struct house_wheel *wheels;
	size_t count;
	bool has_wheels, has_too_many;
	struct house_text sums, requirements, lock;
	/* while the archive is read: where the bytes go that come */
	struct house_text *text;
	struct digest *digest;
	size_t left; /* bytes of the wheel that are still to come */
	/* while wheels are unpacked */
	struct map files;
	size_t at; /* the wheel that is read */
	bool is_full, is_forwarded;
};

/* wheelhouse_files.c: unpack all wheels to the request's visitor. 0, also with problems; -1 with err. */
int house_unpack(struct house *house, struct error *err);

/* wheelhouse_lists.c: the lines of wheels/sha256sums become wheels. */
int house_read_sums(struct house *house, struct error *err);
/* What requirements.txt asks for must be there, and wheels must be what requirements.lock allows. */
void house_check_lists(struct house *house);

/* A wheel without its file; name is copied and parsed, what is wrong with it becomes a problem with `where`
 * ("wheels/" …) in front. NULL with err unset: it has one. */
struct house_wheel *house_add_wheel(struct house *house, struct str file, const char *where,
				    struct error *err);

#endif
