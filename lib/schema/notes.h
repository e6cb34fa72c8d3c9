/* Which items of an array or members of an object some keyword has looked at; for unevaluatedItems and
 * unevaluatedProperties. */
#ifndef SKILLBOX_SCHEMA_NOTES_H
#define SKILLBOX_SCHEMA_NOTES_H

#include "lib/schema/budget.h"

#include <stdint.h>

struct notes {
	uint32_t count;
	uint64_t *bits; /* on the heap; NULL if few serves */
	uint64_t few;
};

/* False: the budget has no room for them. Close them all the same. */
bool notes_open(struct notes *notes, uint32_t count, struct budget *budget);
void notes_close(struct notes *notes, struct budget *budget);

/* With NULL they do nothing. */
void notes_add(struct notes *notes, uint32_t index);
void notes_add_all(struct notes *to, const struct notes *from, struct budget *budget);

bool notes_has(const struct notes *notes, uint32_t index);

#endif
