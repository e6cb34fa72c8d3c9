/* Results on standard output. */
#ifndef SKILLBOX_CLI_OUTPUT_PRINT_H
#define SKILLBOX_CLI_OUTPUT_PRINT_H

#include "cli/config/settings.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stddef.h>

/* Bytes as they are. A reader that is gone is an error. */
int print_bytes(struct str bytes, struct error *err);
/* A line. */
int print_text(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Behind the last print: what was buffered is out, or an error. */
int print_flush(struct error *err);

/* A JSON value by itself: indented, or in one line. */
int print_json(struct str json, enum output output, struct error *err);

/* A column of a table: a member of the objects, its heading, and how it is shown. */
struct column {
	const char *heading; /* "NAME" */
	const char *key;     /* "name"; strings are shown without quotes, others as their JSON */
	unsigned most;       /* characters that are shown on a terminal that is too narrow; 0: all */
};
#define COLUMNS_MAX 8

/* A list: an array of objects as it came. JSON as it is; jsonl one object a line; a table; or the name: the
 * values of `name_key`, one a line. */
struct listing {
	const struct column *columns; /* up to one without a heading */
	const char *name_key;         /* its values, with "@" + second_key's if that isn't NULL */
	const char *second_key;
	const char *empty; /* said on standard error instead of an empty table: "no skills yet" */
};
int print_list(struct str array, const struct listing *listing, enum output output, struct error *err);
/* One object in the same four ways. */
int print_object(struct str object, const struct listing *listing, enum output output, struct error *err);

/* The text of a string member, or of another one's JSON; nothing for null and what isn't there. */
void json_member_text(struct str object, const char *key, struct buffer *out);

#endif
