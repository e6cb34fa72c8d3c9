/* What the end of a program looks like in its log, by language: where such a block begins and ends, and what
 * of it says why. All are pure functions of lines. */
#ifndef SKILLBOX_RUNNER_CELL_SHAPES_H
#define SKILLBOX_RUNNER_CELL_SHAPES_H

#include "runner/cell/lines.h"

#include <stdbool.h>

/* How much a block is worth as a reason. Of the best, the last counts. */
enum shape_rank {
	SHAPE_NOISE,      /* follows or surrounds a reason: a frame, a warning, a version */
	SHAPE_IGNORED,    /* an exception that ended nothing: "Exception ignored in" */
	SHAPE_LINE,       /* any other line */
	SHAPE_ERROR_LINE, /* a line that tells of something that went wrong */
	SHAPE_ASIDE,      /* an exception that ended a thread or a child */
	SHAPE_REASON,     /* what ends a program */
};

#define SHAPE_MORE 6u           /* causes, or exceptions of a group, that are told */
#define SHAPE_MESSAGE_LINES 40u /* of one message */

struct shape {
	enum shape_rank rank;
	size_t end;         /* index of the line behind it */
	size_t from, to;    /* the lines with the message … */
	const char *before; /* before it all; NULL: nothing */
	struct str head;    /* … the first of which says this */
	struct str code;    /* node's error.code; empty: none */
	struct str more[SHAPE_MORE];
	size_t more_count;
	const char *more_word; /* before each of them */
};

/* The shape that begins at a line that there is. */
struct shape shape_at(const struct lines *lines, size_t at);

/* The parts of it, of which each has a file: false if there is none of that kind at this line. */
bool shape_python(const struct lines *lines, size_t at, struct shape *ret);
bool shape_node(const struct lines *lines, size_t at, struct shape *ret);
bool shape_stack(const struct lines *lines, size_t at, struct shape *ret); /* "at …": node, Java, .NET */

/* What they share. */

bool shape_has(struct str s, const char *what);
/* "TypeError: …", "java.lang.Exception", "Error [CODE]: …" */
bool shape_is_exception(struct str s);
/* Lines that stand around reasons and are none. */
bool shape_is_noise(const struct line *line);
/* Advice within a message, which is left out. */
bool shape_is_help(struct str s);
/* Behind the last line of the message that begins at `at`. Nothing marks its end, so a line is taken if it is
 * indented or stands before one that is; all lines up to a blank one, if the first ends with a colon. */
size_t shape_message_end(const struct lines *lines, size_t at);
/* One more cause; beyond the maximum the last one is replaced. */
void shape_add_more(struct shape *shape, struct str text);

#endif
