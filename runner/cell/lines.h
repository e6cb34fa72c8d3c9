/* The end of what a program wrote, as the lines that a reader of a terminal has before him at last: what
 * '\r' and '\b' went over, colours and other controls are gone. */
#ifndef SKILLBOX_RUNNER_CELL_LINES_H
#define SKILLBOX_RUNNER_CELL_LINES_H

#include "lib/base/str.h"

#define LINES_TEXT_MAX (64u << 10) /* bytes looked at, from the end */
#define LINES_MAX 1024u            /* lines kept, from the end */

struct line {
	struct str text; /* trimmed; empty for a blank line */
	unsigned indent; /* blanks before it */
	bool is_bar;     /* it shows progress, and nothing else */
};

struct lines {
	struct line of[LINES_MAX];
	size_t count;
	char text[LINES_TEXT_MAX]; /* where they point to */
};

void lines_read(struct str bytes, struct lines *ret);

/* The text of a line; empty for one that isn't there. */
struct str lines_text(const struct lines *lines, size_t index);

#endif
