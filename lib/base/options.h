/* Configuration from the environment: one table gives parsing, defaults, --help and the docs. */
#ifndef SKILLBOX_BASE_OPTIONS_H
#define SKILLBOX_BASE_OPTIONS_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_STRING,   /* char *, heap, owned by the config struct (options_free) */
	OPTION_BOOL,     /* bool: true/false/1/0 */
	OPTION_INT,      /* int64_t within [min, max] */
	OPTION_SIZE,     /* int64_t bytes within [min, max]; a plain number or a quantity such as 50Mi */
	OPTION_CPU,      /* int64_t millicores; quantity */
	OPTION_DURATION, /* int64_t milliseconds; duration_parse */
};

struct option {
	const char *name; /* environment variable */
	enum option_type type;
	size_t offset;             /* offsetof(struct …_config, field) */
	const char *default_value; /* text as in the environment; "" for none */
	int64_t min, max;          /* of INT and SIZE; 0, 0: no bounds */
	bool secret;               /* never printed, and taken out of the environment */
	const char *help;
};

/* Fill `config` (zeroed by the caller) from getenv. Every problem is named in one error, joined with "; ". */
int options_load(const struct option *table, size_t count, void *config, struct error *err);
/* Frees the strings. */
void options_free(const struct option *table, size_t count, void *config);
/* A line each: "  NAME  help (default …, from … to …)". */
void options_help(const struct option *table, size_t count, struct buffer *out);

#endif
