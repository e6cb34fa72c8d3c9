/* Are two JSON values the same? Numbers by their value, objects whatever the order of their members. */
#ifndef SKILLBOX_SCHEMA_EQUAL_H
#define SKILLBOX_SCHEMA_EQUAL_H

#include "lib/schema/budget.h"
#include "lib/schema/document.h"

struct comparison {
	struct budget *budget;
	struct buffer scratch[2]; /* for strings with escapes; each as large as the texts are */
};

/* False also if the budget is at its end, or a buffer had no memory. */
bool equal_values(struct comparison *c, const struct document *a, uint32_t value, const struct document *b,
		  uint32_t other);

/* Values that are the same have the same. 0 if the budget is at its end. */
uint64_t equal_hash(struct comparison *c, const struct document *d, uint32_t value);

/* Two elements of an array that are the same: *ret_first before *ret_second, counted from 0. */
bool equal_elements(struct comparison *c, const struct document *d, uint32_t array, uint32_t *ret_first,
		    uint32_t *ret_second);

#endif
