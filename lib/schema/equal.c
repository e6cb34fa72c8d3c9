#include "lib/schema/equal.h"

#include "lib/schema/decimal.h"

#include <stdlib.h>

#define KEYS_A_STEP 8

static bool same_string(struct comparison *c, const struct document *a, uint32_t value,
			const struct document *b, uint32_t other)
{
	struct str left = document_string(a, value, &c->scratch[0], NULL);
	struct str right = document_string(b, other, &c->scratch[1], NULL);
	return str_eq(left, right) && budget_spend_bytes(c->budget, left.n);
}

static bool same_number(struct comparison *c, const struct document *a, uint32_t value,
			const struct document *b, uint32_t other)
{
	struct decimal left, right;
	struct str text = document_text(a, value), other_text = document_text(b, other);
	if (!budget_spend_bytes(c->budget, text.n + other_text.n))
		return false;
	if (!decimal_read(text, &left) || !decimal_read(other_text, &right))
		return budget_refuse(c->budget, "the exponent of a number has more than 15 digits");
	return decimal_compare(&left, &right) == 0;
}

static bool same_array(struct comparison *c, const struct document *a, uint32_t value,
		       const struct document *b, uint32_t other)
{
	uint32_t left = value + 1, right = other + 1;
	for (; left < document_next(a, value); left = document_next(a, left), right = document_next(b, right))
		if (!equal_values(c, a, left, b, right))
			return false;
	return true;
}

/* The key after `start`, round the end; mostly it is the first that is looked at. */
static uint32_t find_key(struct comparison *c, const struct document *a, uint32_t key,
			 const struct document *b, uint32_t object, uint32_t start)
{
	uint32_t at = start, seen = 0;
	do {
		if (at >= document_next(b, object))
			at = object + 1;
		size_t decoded = document_is_escaped(b, at) ? document_text(b, at).n : 0;
		if ((seen++ % KEYS_A_STEP == 0 || decoded) && !budget_spend_bytes(c->budget, decoded))
			return DOCUMENT_NONE;
		if (same_string(c, a, key, b, at))
			return at;
		at = document_next(b, at + 1);
	} while (at != start && seen <= document_count(b, object));
	return DOCUMENT_NONE;
}

static bool same_object(struct comparison *c, const struct document *a, uint32_t value,
			const struct document *b, uint32_t other)
{
	uint32_t guess = other + 1;
	for (uint32_t key = value + 1; key < document_next(a, value); key = document_next(a, key + 1)) {
		uint32_t found = find_key(c, a, key, b, other, guess);
		if (found == DOCUMENT_NONE || !equal_values(c, a, key + 1, b, found + 1))
			return false;
		guess = document_next(b, found + 1);
	}
	return true;
}

bool equal_values(struct comparison *c, const struct document *a, uint32_t value, const struct document *b,
		  uint32_t other)
{
	enum jsontext_kind kind = document_kind(a, value);
	if (kind != document_kind(b, other) || document_count(a, value) != document_count(b, other))
		return false;
	if (!budget_spend(c->budget, 1) || !budget_enter(c->budget))
		return false;
	bool same = true;
	if (kind == JSONTEXT_OBJECT)
		same = same_object(c, a, value, b, other);
	else if (kind == JSONTEXT_ARRAY)
		same = same_array(c, a, value, b, other);
	else if (kind == JSONTEXT_STRING)
		same = same_string(c, a, value, b, other);
	else if (kind == JSONTEXT_NUMBER)
		same = same_number(c, a, value, b, other);
	budget_leave(c->budget);
	return same;
}

static uint64_t mix(uint64_t hash, uint64_t more)
{
	hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t hash_string(struct comparison *c, const struct document *d, uint32_t value)
{
	struct str s = document_string(d, value, &c->scratch[0], NULL);
	uint64_t hash = JSONTEXT_STRING;
	if (!budget_spend_bytes(c->budget, s.n))
		return 0;
	for (size_t i = 0; i < s.n; i++)
		hash = mix(hash, (unsigned char)s.p[i]);
	return hash;
}

static uint64_t hash_number(struct comparison *c, const struct document *d, uint32_t value)
{
	struct decimal number;
	struct str text = document_text(d, value);
	if (!budget_spend_bytes(c->budget, text.n))
		return 0;
	if (decimal_read(text, &number))
		return decimal_hash(&number);
	budget_refuse(c->budget, "the exponent of a number has more than 15 digits");
	return 0;
}

uint64_t equal_hash(struct comparison *c, const struct document *d, uint32_t value)
{
	enum jsontext_kind kind = document_kind(d, value);
	uint64_t hash = (uint64_t)kind + 1, members = 0;
	if (kind == JSONTEXT_STRING)
		return hash_string(c, d, value);
	if (kind == JSONTEXT_NUMBER)
		return hash_number(c, d, value);
	if (!budget_spend(c->budget, 1) || !budget_enter(c->budget))
		return 0;
	for (uint32_t at = value + 1; at < document_next(d, value); at = document_next(d, at)) {
		if (kind == JSONTEXT_OBJECT) { /* a sum: whatever the order */
			uint64_t key = hash_string(c, d, at);
			members += mix(key, equal_hash(c, d, ++at));
		} else {
			hash = mix(hash, equal_hash(c, d, at));
		}
	}
	budget_leave(c->budget);
	return mix(hash, members);
}

struct seen {
	uint64_t hash;
	uint32_t value; /* 0: nothing, since the array itself comes before its elements */
	uint32_t index;
};

/* In the table, or NULL after it was put there. */
static const struct seen *see(struct comparison *c, const struct document *d, struct seen *table, size_t size,
			      struct seen element)
{
	for (size_t at = element.hash & (size - 1);; at = (at + 1) & (size - 1)) {
		if (table[at].value == 0 || c->budget->why) {
			table[at] = element;
			return NULL;
		}
		if (table[at].hash == element.hash && equal_values(c, d, table[at].value, d, element.value))
			return &table[at];
		if (!budget_spend(c->budget, 1))
			return NULL;
	}
}

bool equal_elements(struct comparison *c, const struct document *d, uint32_t array, uint32_t *ret_first,
		    uint32_t *ret_second)
{
	size_t size = 4;
	while (size < (size_t)document_count(d, array) * 2)
		size *= 2;
	if (!budget_spend(c->budget, size / 2))
		return false;
	struct seen *table = calloc(size, sizeof(*table));
	if (!table) {
		c->budget->no_memory = true;
		return budget_refuse(c->budget, "out of memory");
	}
	uint32_t index = 0, at = array + 1;
	const struct seen *same = NULL;
	for (; !same && at < document_next(d, array); at = document_next(d, at), index++) {
		struct seen element = {equal_hash(c, d, at), at, index};
		if (c->budget->why)
			break;
		same = see(c, d, table, size, element);
		if (same) {
			*ret_first = same->index;
			*ret_second = index;
		}
	}
	free(table);
	return same != NULL;
}
