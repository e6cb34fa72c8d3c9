/* The file name of a wheel (the "binary distribution format" of packaging.python.org, PEP 427):
 * NAME-VERSION(-BUILD)?-PYTHON-ABI-PLATFORM.whl, of which each of the last three may be several tags with
 * dots between. */
#ifndef SKILLBOX_WHEEL_NAME_H
#define SKILLBOX_WHEEL_NAME_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/wheel/target.h"

#include <stdbool.h>

#define WHEEL_NAME_MAX 255 /* bytes of a file name */

/* All of it points into the text that was parsed. */
struct wheel_name {
	struct str file;          /* the whole */
	struct str name, version; /* as they are written there */
	struct str build;         /* mostly empty */
	struct str python, abi, platform;
};

/* Of a name without folders. ERR_INVALID_SKILL: what is wrong with it, without naming it. */
int wheel_name_parse(struct str file, struct wheel_name *ret, struct error *err);

/* Does one of its tags fit, as pip judges it? */
bool wheel_name_fits(const struct wheel_name *wheel, const struct wheel_target *target);
/* Append, of one that doesn't fit, for what it is and what would fit: `"x.whl" is for CPython 3.11 on
 * win_amd64, but IMAGE has CPython 3.12 on …`. image: whatever the reader calls the target. */
void wheel_name_explain(const struct wheel_name *wheel, const struct wheel_target *target, struct str image,
			struct buffer *out);

/* A package's name as it is compared (PEP 503): lower case, each run of "-", "_" and "." one "-". ret has
 * room for name.n + 1 bytes. */
void wheel_project_normalise(struct str name, char *ret);
/* < 0, 0 or > 0, of the names so written. */
int wheel_project_compare(struct str a, struct str b);
/* Is it a name (PEP 508): letters, digits, "-", "_" and ".", a letter or digit at both ends? */
bool wheel_project_is_name(struct str name);

#endif
