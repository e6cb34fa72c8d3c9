/* Takes frames from bytes as a sandbox does: those of a PACKED one by one. */
#ifndef SKILLBOX_TESTS_UNIT_LIB_FRAME_TAKER_H
#define SKILLBOX_TESTS_UNIT_LIB_FRAME_TAKER_H

#include "lib/frame/packed.h"

#include <stdio.h>
#include <stdlib.h>

struct taker {
	struct str rest;        /* not taken yet */
	struct str left;        /* of the last PACKED */
	struct buffer unpacked; /* the caller's to free */
};

static inline struct taker taker_of(struct str bytes)
{
	return (struct taker){.rest = bytes, .unpacked = BUFFER(FRAME_PACKED_SIZE)};
}

/* False: there is no more. Ends the program if the bytes are no frames. */
static inline bool taker_next(struct taker *taker, struct frame *ret)
{
	struct error err = {0};
	size_t used = 0;
	struct str *from = taker->left.n > 0 ? &taker->left : &taker->rest;
	if (from->n == 0)
		return false;
	if (frame_decode(*from, false, ret, &used, &err) != 1) {
		fprintf(stderr, "no whole frame: %s\n", err.message);
		abort();
	}
	*from = (struct str){from->p + used, from->n - used};
	if (ret->type != FRAME_PACKED)
		return true;
	if (packed_decode(&ret->packed, &taker->unpacked, &err) != 0) {
		fprintf(stderr, "%s\n", err.message);
		abort();
	}
	taker->left = buffer_str(&taker->unpacked);
	return taker_next(taker, ret);
}

/* Letters that can't be packed. */
static inline void taker_fill(char *text, size_t n)
{
	uint32_t state = 1;
	for (size_t i = 0; i < n; i++) {
		state = state * 1664525u + 1013904223u;
		text[i] = (char)('A' + (state >> 24) % 26);
	}
}

#endif
