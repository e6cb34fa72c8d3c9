/* The body of a request on its way in: counted before it is taken, in memory while it is small, in a
 * temporary file when it is not. Its end makes one text of it. */
#ifndef SKILLBOX_APISERVER_HTTP_BODY_H
#define SKILLBOX_APISERVER_HTTP_BODY_H

#include "apiserver/usage.h"
#include "lib/base/buffer.h"
#include "lib/base/mapping.h"

#include <stdbool.h>

struct body {
	struct usage *usage;
	const char *tenant; /* NULL: none */
	/* Its bytes are only counted: somebody else writes them to a file. */
	bool is_elsewhere;
	int64_t received, reserved;
	enum usage_kind kind; /* of what is reserved */
	struct usage_hold hold;
	struct buffer text; /* of a small one … */
	int fd;             /* … or a large one; -1 */
	struct mapping whole;
};

/* length: as announced, -1: not known. What is announced is reserved at once; fails as usage_take does. */
int body_begin(struct body *body, struct usage *usage, const char *tenant, int64_t length, bool is_elsewhere,
	       struct error *err);
/* The next piece. Errors of the disk, too. */
int body_add(struct body *body, struct str piece, struct error *err);
/* It is there: as one text, valid until body_clear. */
int body_end(struct body *body, struct str *ret, struct error *err);
/* Zeroed or begun; it is nothing then. */
void body_clear(struct body *body);

#endif
