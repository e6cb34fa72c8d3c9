/* One validation while it lasts. */
#ifndef SKILLBOX_SCHEMA_RUN_H
#define SKILLBOX_SCHEMA_RUN_H

#include "lib/schema/equal.h"
#include "lib/schema/notes.h"
#include "lib/schema/schema_internal.h"

/* The resources that were gone through, for references that are resolved by these. */
struct scope {
	const struct scope *above;
	uint32_t resource;
};

struct report {
	struct schema_problem *items;
	size_t max, count;
};

struct run {
	const struct schema *schema;
	const struct document *document; /* the value's */
	struct budget budget;
	struct comparison comparison; /* whose first buffer decodes strings for everybody */
	struct pattern_workspace *workspace;
	const struct scope *scope;
	uint32_t refused; /* the value at which the budget came to its end; DOCUMENT_NONE */
};

/* Where a check stands. */
struct here {
	const struct node *node;
	uint32_t value;
	enum jsontext_kind kind;
	struct notes *notes;   /* which properties or items were looked at; NULL: nobody asks */
	struct report *report; /* NULL: yes or no is enough */
};

/* Does a value match? `report` gets what is wrong; without one the first thing ends it. */
bool run_apply(struct run *run, uint32_t node, uint32_t value, struct notes *notes, struct report *report);

/* Tell of a problem of a value, or of one that its member `name` isn't there; false, for the caller to give
 * back. Nothing is written if nobody listens. */
bool run_problem(struct run *run, struct report *report, uint32_t value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool run_problem_member(struct run *run, struct report *report, uint32_t value, struct str name,
			const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A string's or key's text, which lasts until the next one is asked for; paid for. */
struct str run_string(struct run *run, uint32_t value, bool *ret_broken);
/* The key of that name, or DOCUMENT_NONE. */
uint32_t run_find_key(struct run *run, uint32_t object, struct str name);

/* A value's text as messages show it: cut, for "%.*s". */
#define SHOWN(text) utf8_shown(text), (text).p

#endif
