#include "lib/schema/notes.h"

#include <stdlib.h>

#define BITS 64u

static size_t words_of(const struct notes *notes)
{
	return (notes->count + BITS - 1) / BITS;
}

bool notes_open(struct notes *notes, uint32_t count, struct budget *budget)
{
	*notes = (struct notes){.count = count};
	if (count <= BITS)
		return true;
	size_t words = words_of(notes), bytes = words * sizeof(*notes->bits);
	if (bytes > budget->memory)
		return budget_refuse(budget, "checking it takes too much memory");
	if (!budget_spend(budget, words / 8))
		return false;
	notes->bits = calloc(words, sizeof(*notes->bits));
	if (!notes->bits) {
		budget->no_memory = true;
		return budget_refuse(budget, "out of memory");
	}
	budget->memory -= bytes;
	return true;
}

void notes_close(struct notes *notes, struct budget *budget)
{
	if (notes->bits)
		budget->memory += words_of(notes) * sizeof(*notes->bits);
	free(notes->bits);
	notes->bits = NULL;
}

void notes_add(struct notes *notes, uint32_t index)
{
	if (!notes)
		return;
	uint64_t *word = notes->bits ? &notes->bits[index / BITS] : &notes->few;
	*word |= UINT64_C(1) << index % BITS;
}

void notes_add_all(struct notes *to, const struct notes *from, struct budget *budget)
{
	if (!to)
		return;
	to->few |= from->few;
	for (size_t i = 0; to->bits && from->bits && i < words_of(to); i++)
		to->bits[i] |= from->bits[i];
	budget_spend(budget, to->count / BITS / 8);
}

bool notes_has(const struct notes *notes, uint32_t index)
{
	uint64_t word = notes->bits ? notes->bits[index / BITS] : notes->few;
	return word >> index % BITS & 1;
}
