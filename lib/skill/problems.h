/* What is wrong with a skill: every problem is collected, then told in one message or one by one. */
#ifndef SKILLBOX_SKILL_PROBLEMS_H
#define SKILLBOX_SKILL_PROBLEMS_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* So many are kept; of more only the number is known. */
#define PROBLEMS_MAX 100

struct problems {
	char *items[PROBLEMS_MAX]; /* count of them, at most PROBLEMS_MAX */
	size_t count;
	bool no_memory;
};
#define PROBLEMS ((struct problems){.count = 0})

/* At most 511 bytes of one are kept. */
void problems_add(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
void problems_add_text(struct problems *problems, struct str text);
/* An ERR_INVALID_SKILL as one problem, without the "invalid skill: " in front; ERR_NO_MEMORY as no_memory. Of
 * others nothing is taken: false. */
bool problems_add_error(struct problems *problems, const struct error *err);
/* 0 if there are none, else -1 with ERR_INVALID_SKILL "invalid skill: A; B". */
int problems_error(const struct problems *problems, struct error *err);
/* Append them, from the one at `first` on, with "; " between; the end is left out if there is no room for it,
 * and says so. */
void problems_join(const struct problems *problems, size_t first, struct buffer *out);
void problems_free(struct problems *problems);
#define cleanup_problems __attribute__((cleanup(problems_free)))

/* Text of an uploader in a message: at most about 100 bytes, control characters and bytes that are no UTF-8
 * as '?'. */
#define PROBLEMS_SHOWN_SIZE 112
const char *problems_show(struct str text, char ret[PROBLEMS_SHOWN_SIZE]);

#endif
