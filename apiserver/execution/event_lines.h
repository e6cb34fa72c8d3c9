/* A log as server-sent events: one event a line, in pieces as the client takes them. */
#ifndef SKILLBOX_APISERVER_EXECUTION_EVENT_LINES_H
#define SKILLBOX_APISERVER_EXECUTION_EVENT_LINES_H

#include "lib/base/buffer.h"

#include <stdint.h>

#define EVENT_LINE_MAX ((size_t)64 << 10) /* a longer line becomes several events */
#define EVENT_MAX (8 * EVENT_LINE_MAX)    /* bytes of one event, whatever the line holds */

struct event_lines {
	struct buffer text; /* bytes of the log; text.max bounds those that wait */
	size_t start;       /* what is before it was taken */
	uint64_t lines;     /* complete lines that were taken */
};

/* More of the log. */
int event_lines_add(struct event_lines *lines, struct str bytes);
size_t event_lines_waiting(const struct event_lines *lines);

/* Append the event of the next line to out and take the line; false if there is no complete one (`all`: what
 * has no line feed counts, too). A carriage return in the line begins another "data:" field of the event. */
bool event_lines_next(struct event_lines *lines, bool all, struct buffer *out);

/* Forget what was not taken. */
void event_lines_drop(struct event_lines *lines);

/* The rest of a log behind its first `count` lines. */
struct str event_lines_skip(struct str log, uint64_t count);

#endif
