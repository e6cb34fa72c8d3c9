/* JSON Schema: 2020-12 (the default), 2019-09 and draft-07, compiled once and then only read, by any thread.
 *
 * What is checked is exact: numbers are compared as the decimal texts that they are, lengths are counted in
 * characters, patterns are those of ECMA-262 as far as PCRE2 has them. `format` and `content…` are notes, as
 * the standard's default is. A `$ref` stays within the document; nothing is fetched.
 *
 * Both texts may be hostile: sizes, depths and work are bounded. A check that would take more is a problem of
 * the value. docs/skills.md says the bounds. */
#ifndef SKILLBOX_SCHEMA_SCHEMA_H
#define SKILLBOX_SCHEMA_SCHEMA_H

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define SCHEMA_TEXT_MAX ((size_t)256 * 1024)
#define SCHEMA_DEPTH_MAX 64 /* arrays and objects of a schema inside one another */
#define SCHEMA_SUBSCHEMAS_MAX 5000
#define SCHEMA_STEPS_MAX 1000000 /* of one validation; about a subschema, a member or 64 bytes each */
#define SCHEMA_PROBLEMS_MAX 10

struct schema;

/* Another document that a $ref may mean. */
struct schema_document {
	struct str uri, text;
};

/* For tests of the standard itself; NULL is what everything else wants. */
struct schema_options {
	const char *dialect;                     /* of a text without $schema: its URI; NULL: 2020-12 */
	const struct schema_document *documents; /* read when they are needed */
	size_t document_count;
};

/* The text of a schema, any JSON; it is copied. ERR_BAD_REQUEST "at /properties/a/type: why", with the JSON
 * pointer of what is wrong ("at the root: why"). */
int schema_compile(struct str text, const struct schema_options *options, struct schema **ret,
		   struct error *err);
/* NULL-safe; returns NULL. */
struct schema *schema_free(struct schema *schema);
CLEANUP_FUNCTION(schema)
#define cleanup_schema __attribute__((cleanup(schema_cleanup)))

/* About how many bytes of memory it takes. */
size_t schema_size(const struct schema *schema);

/* What is wrong with a value: where, as a JSON pointer ("": the whole), and why. Both are UTF-8, cut with "…"
 * where they would be longer. */
struct schema_problem {
	char path[256];
	char message[512];
};
struct schema_problems {
	struct schema_problem items[SCHEMA_PROBLEMS_MAX]; /* the first so many */
	size_t count;                                     /* 0: the value is as the schema wants it */
};

/* -1 only if the text is no JSON (ERR_BAD_REQUEST), has more than 64 MiB (ERR_TOO_LARGE), or there is no
 * memory. */
int schema_validate(const struct schema *schema, struct str text, struct schema_problems *ret,
		    struct error *err);

/* The same with at most so many steps, for who can't wait long: *ret_is_done false says that they weren't
 * enough, and nothing of the value. */
int schema_validate_briefly(const struct schema *schema, struct str text, size_t steps,
			    struct schema_problems *ret, bool *ret_is_done, struct error *err);

/* "/path: why", one after the other with "; " between; a problem of the whole is its message alone. Cut at
 * `size`, with "…". */
void schema_problems_join(const struct schema_problems *problems, char *ret, size_t size);

/* ERR_INPUT_SCHEMA_MISMATCH, in the words that people get wherever an input is refused; returns -1. */
int schema_refuse_input(const struct schema_problems *problems, struct error *err);

#endif
