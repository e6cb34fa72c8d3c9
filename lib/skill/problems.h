/* What is wrong with a skill: every problem is collected, then told in one message. */
#ifndef SKILLBOX_SKILL_PROBLEMS_H
#define SKILLBOX_SKILL_PROBLEMS_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

struct problems {
	struct buffer text; /* joined with "; " */
	size_t count;
	size_t left_out; /* that found no room in the message */
	bool no_memory;
};
/* With what leads to it, an error's message has room for it. */
#define PROBLEMS_MAX 1800
#define PROBLEMS ((struct problems){.text = BUFFER(PROBLEMS_MAX)})

void problems_add(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 0 if there are none, else -1 with ERR_INVALID_SKILL "invalid skill: A; B". */
int problems_error(const struct problems *problems, struct error *err);
void problems_free(struct problems *problems);
#define cleanup_problems __attribute__((cleanup(problems_free)))

/* Text of an uploader in a message: at most about 100 bytes, control characters and bytes that are no UTF-8
 * as '?'. */
#define PROBLEMS_SHOWN_SIZE 112
const char *problems_show(struct str text, char ret[PROBLEMS_SHOWN_SIZE]);

#endif
