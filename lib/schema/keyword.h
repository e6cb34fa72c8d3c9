/* The table of all keywords: in which dialects, what their values are, and how they are checked. */
#ifndef SKILLBOX_SCHEMA_KEYWORD_H
#define SKILLBOX_SCHEMA_KEYWORD_H

#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Bits, so that a keyword says them all. */
#define DIALECT_7 1u
#define DIALECT_2019 2u
#define DIALECT_2020 4u

/* What a keyword's value has to be. */
enum keyword_form {
	FORM_ANY,
	FORM_SCHEMA,
	FORM_SCHEMAS,        /* a list of at least one */
	FORM_SCHEMA_OR_LIST, /* "items" before 2020-12 */
	FORM_SCHEMA_MAP,
	FORM_SCHEMA_STORE, /* a map that is only referred to: $defs */
	FORM_PATTERN_MAP,
	FORM_DEPENDENCIES, /* a map of schemas and lists of names */
	FORM_NAMES,
	FORM_NAMES_MAP,
	FORM_STRING,
	FORM_BOOLEAN,
	FORM_COUNT,
	FORM_NUMBER,
	FORM_DIVISOR,
	FORM_TYPE,
	FORM_LIST,
	FORM_PATTERN,
	FORM_REFERENCE,
	FORM_DYNAMIC_REFERENCE,
	FORM_RECURSIVE_REFERENCE,
	FORM_ELSEWHERE, /* $id, $anchor … are read when resources are found */
};

/* In the order of the table, which is that of the checks. */
enum keyword_id {
	KEYWORD_ID,
	KEYWORD_SCHEMA,
	KEYWORD_ANCHOR,
	KEYWORD_DYNAMIC_ANCHOR,
	KEYWORD_RECURSIVE_ANCHOR,
	KEYWORD_VOCABULARY,
	KEYWORD_COMMENT,
	KEYWORD_DEFS,
	KEYWORD_DEFINITIONS,
	KEYWORD_TITLE,
	KEYWORD_DESCRIPTION,
	KEYWORD_DEFAULT,
	KEYWORD_DEPRECATED,
	KEYWORD_READ_ONLY,
	KEYWORD_WRITE_ONLY,
	KEYWORD_EXAMPLES,
	KEYWORD_FORMAT,
	KEYWORD_CONTENT_ENCODING,
	KEYWORD_CONTENT_MEDIA_TYPE,
	KEYWORD_CONTENT_SCHEMA,
	KEYWORD_REF,
	KEYWORD_DYNAMIC_REF,
	KEYWORD_RECURSIVE_REF,
	KEYWORD_TYPE,
	KEYWORD_ENUM,
	KEYWORD_CONST,
	KEYWORD_MULTIPLE_OF,
	KEYWORD_MAXIMUM,
	KEYWORD_EXCLUSIVE_MAXIMUM,
	KEYWORD_MINIMUM,
	KEYWORD_EXCLUSIVE_MINIMUM,
	KEYWORD_MAX_LENGTH,
	KEYWORD_MIN_LENGTH,
	KEYWORD_PATTERN,
	KEYWORD_MAX_ITEMS,
	KEYWORD_MIN_ITEMS,
	KEYWORD_UNIQUE_ITEMS,
	KEYWORD_MAX_CONTAINS,
	KEYWORD_MIN_CONTAINS,
	KEYWORD_CONTAINS,
	KEYWORD_PREFIX_ITEMS,
	KEYWORD_ITEMS,
	KEYWORD_ITEMS_OR_LIST,
	KEYWORD_ADDITIONAL_ITEMS,
	KEYWORD_MAX_PROPERTIES,
	KEYWORD_MIN_PROPERTIES,
	KEYWORD_REQUIRED,
	KEYWORD_DEPENDENT_REQUIRED,
	KEYWORD_PROPERTY_NAMES,
	KEYWORD_PROPERTIES,
	KEYWORD_PATTERN_PROPERTIES,
	KEYWORD_ADDITIONAL_PROPERTIES,
	KEYWORD_DEPENDENT_SCHEMAS,
	KEYWORD_DEPENDENCIES,
	KEYWORD_ALL_OF,
	KEYWORD_ANY_OF,
	KEYWORD_ONE_OF,
	KEYWORD_NOT,
	KEYWORD_IF,
	KEYWORD_THEN,
	KEYWORD_ELSE,
	KEYWORD_UNEVALUATED_ITEMS,
	KEYWORD_UNEVALUATED_PROPERTIES,
	KEYWORD_COUNT
};

struct run;
struct here;
struct rule;

struct keyword {
	const char *name;
	unsigned dialects;
	enum keyword_form form;
	/* Its subschemas are for the value itself: a circle of these never ends. */
	bool in_place;
	/* NULL: a note, or another keyword's check looks at it. */
	bool (*check)(struct run *run, const struct here *here, const struct rule *rule);
};

extern const struct keyword keywords[KEYWORD_COUNT];

/* KEYWORD_COUNT: none of this dialect. */
enum keyword_id keyword_find(struct str name, unsigned dialect);

static inline enum keyword_id keyword_id(const struct keyword *keyword)
{
	return (enum keyword_id)(keyword - keywords);
}

#endif
