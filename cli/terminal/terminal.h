/* What is shown to people: colours, and how far something is. Both only on a terminal, and neither where
 * NO_COLOR is set or TERM is "dumb". */
#ifndef SKILLBOX_CLI_TERMINAL_TERMINAL_H
#define SKILLBOX_CLI_TERMINAL_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* May this stream have colours? */
bool terminal_is_rich(FILE *stream);
/* Columns of the terminal behind it; 0: it is none, or it doesn't say. */
unsigned terminal_columns(FILE *stream);

enum terminal_colour { COLOUR_NONE, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_DIM };
/* The sequence that begins a colour (COLOUR_NONE: that ends it); "" where there is none. */
const char *terminal_colour(FILE *stream, enum terminal_colour colour);

/* One line on standard error that is written anew as things go on, from half a second on. */
struct progress {
	const char *what; /* "pushing greet" */
	int64_t total;    /* bytes; 0: not known, and the seconds are shown */
	int64_t began_us, shown_us;
	bool is_on, is_shown;
};
void progress_begin(struct progress *progress, const char *what, int64_t total);
/* Safe to call often. */
void progress_show(struct progress *progress, int64_t done);
/* Takes the line away. Also before anything else is written there. */
void progress_end(struct progress *progress);
/* How often progress_show should be called, in ms; -1: never. */
int progress_interval(const struct progress *progress);

#endif
