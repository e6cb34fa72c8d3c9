/* Are two JSON values the same, and where are they not? Numbers are compared by their decimal value, whatever
 * their length; strings by their characters; objects whatever the order of their keys. */
#ifndef SKILLBOX_CLI_CASES_JSON_COMPARE_H
#define SKILLBOX_CLI_CASES_JSON_COMPARE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Nesting that is looked into. */
#define JSON_COMPARE_DEPTH 1024
#define DIFFERENCES_MAX 20

struct difference {
	char *path;         /* "output.rows[3].name" */
	char *wanted, *got; /* what is there, as JSON, cut if it is long; NULL: nothing is */
};

struct differences {
	struct difference items[DIFFERENCES_MAX];
	size_t count; /* of all; those beyond are only counted */
};
void differences_free(struct differences *differences);
#define cleanup_differences __attribute__((cleanup(differences_free)))
size_t differences_kept(const struct differences *differences);

/* One more. p NULL: nothing is there. */
int differences_add(struct differences *differences, struct str path, struct str wanted, struct str got,
		    struct error *err);

/* Both were checked. name: how the value is called in paths ("output"). Adds what differs; -1: no memory. */
int json_compare(struct str wanted, struct str got, const char *name, struct differences *differences,
		 struct error *err);

/* Two numbers as JSON writes them. */
bool json_number_equal(struct str a, struct str b);

#endif
