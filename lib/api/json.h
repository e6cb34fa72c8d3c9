/* Kubernetes objects from and to JSON text.
 *
 * Reading is driven by tables (struct json_field) that mirror the schema: one walk over an object fills a C
 * struct. The text is never turned into a tree: numbers keep their digits, strings their NULs (refused, since
 * our strings are C strings), and a large input costs one copy. A JSON null is an absent field; unknown
 * fields are ignored; a known field given twice is an error.
 *
 * Errors name the field: "spec.env[2].name: must be a string, not a number". */
#ifndef SKILLBOX_API_JSON_H
#define SKILLBOX_API_JSON_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of one object; etcd takes 1.5 MiB, escapes and other stores more. */
#define JSON_OBJECT_MAX (8u << 20)
#define JSON_ANSWER_DEPTH 1024      /* nesting of what was stored, when it is put into an answer */
#define JSON_VALUE_DEPTH 128        /* nesting of one value that its user is free in: an input, a schema */
#define JSON_NAME_MAX 1024          /* names, digests, image references */
#define JSON_MESSAGE_MAX (64 << 10) /* texts for people */
#define JSON_TEXT_MAX (4 << 20)     /* user data */

/* Where a value stands, for messages; lives on the stack. */
struct json_path {
	const struct json_path *up; /* NULL: the object itself */
	const char *name;           /* of a member; NULL: an element */
	size_t index;               /* of an element */
};

/* Read `value` (raw text, not null) into `target`. `max`: bytes of a string or raw text, elements of a list,
 * or the largest integer. What was written to target stays there on failure; the owner of the struct frees
 * it. */
typedef int (*json_read_fn)(struct str value, const struct json_path *path, int64_t max, void *target,
			    struct error *err);

struct json_field {
	const char *name;
	json_read_fn read;
	size_t offset; /* of what it fills in the struct that json_read_object is given */
	int64_t max;
};
#define JSON_FIELD_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Check that `json` is one JSON object within the bounds above. At whatever depth: a user's value may be as
 * deep as kube-apiserver takes, and managedFields repeats that; who reads the value bounds it
 * (json_check_depth), so that the object stays and can be told what is wrong with it. */
int json_check_object(struct str json, struct error *err);

/* A value in text that was checked: no more than JSON_VALUE_DEPTH arrays and objects inside one another? */
int json_check_depth(struct str value, const struct json_path *path, struct error *err);

/* json_read_raw for a value that its user is free in: with json_check_depth. */
int json_read_value(struct str value, const struct json_path *path, int64_t max, void *target,
		    struct error *err);

/* Fill `base` from the members of an object. At most 64 fields. */
int json_read_object(struct str value, const struct json_path *path, const struct json_field *fields,
		     size_t count, void *base, struct error *err);

/* Make *ret_array (zeroed, *ret_count elements of `size` bytes) and read each element. */
int json_read_list(struct str value, const struct json_path *path, int64_t max, size_t size,
		   json_read_fn read, void **ret_array, size_t *ret_count, struct error *err);

/* json_read_fn for the basic types; the target's type is named. */
/* char * */
int json_read_string(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err);
/* char *: any JSON, as text */
int json_read_raw(struct str value, const struct json_path *path, int64_t max, void *target,
		  struct error *err);
/* int64_t, 0 … max */
int json_read_count(struct str value, const struct json_path *path, int64_t max, void *target,
		    struct error *err);
/* int64_t, -max … max */
int json_read_int(struct str value, const struct json_path *path, int64_t max, void *target,
		  struct error *err);
/* double, -max … max */
int json_read_number(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err);
/* bool */
int json_read_bool(struct str value, const struct json_path *path, int64_t max, void *target,
		   struct error *err);
/* int64_t, RFC 3339 to ms */
int json_read_time(struct str value, const struct json_path *path, int64_t max, void *target,
		   struct error *err);

/* A part that can't be read is its user's fault, and the object stays: *ret_invalid becomes what `why` says.
 * Fails only for want of memory, which is nobody's fault. The owner of the struct frees it. */
int json_keep_reason(const struct error *why, char **ret_invalid, struct error *err);

/* error_set(ERR_BAD_REQUEST) with the path before the message; returns -1. */
int json_error(const struct json_path *path, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
