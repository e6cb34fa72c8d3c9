/* The layers of isolation that one sandbox reported. Lists are counted and never changed once they are
 * complete, and equal ones can be made one: thousands of finished Executions have the same few. Not
 * thread-safe. */
#ifndef SKILLBOX_LIB_API_ISOLATION_H
#define SKILLBOX_LIB_API_ISOLATION_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct execution_layer {
	char *name, *detail; /* owned; detail: why it is absent, or what there is of it; may be NULL */
	bool active;
};

struct isolation {
	unsigned references;
	size_t count;
	struct execution_layer *layers;
};

/* `count` zeroed layers, to be filled by the caller, who has the one reference. NULL with err: no memory. */
struct isolation *isolation_new(size_t count, struct error *err);
struct isolation *isolation_ref(struct isolation *isolation);   /* NULL-safe */
struct isolation *isolation_unref(struct isolation *isolation); /* NULL-safe; returns NULL */
/* A reader of json.h, of a list of at most max: to a struct isolation *, NULL before, which is shared then.
 */
struct json_path;
int isolation_read(struct str value, const struct json_path *path, int64_t max, void *target,
		   struct error *err);
/* The same list in the memory that it shares with one of those compared lately, or itself if it is a new one.
 * Takes the caller's reference, and returns one. */
struct isolation *isolation_share(struct isolation *isolation);

#endif
