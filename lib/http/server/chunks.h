/* The framing of a chunked body (RFC 9112, 7.1), strictly: each line ends with CR LF. */
#ifndef SKILLBOX_LIB_HTTP_SERVER_CHUNKS_H
#define SKILLBOX_LIB_HTTP_SERVER_CHUNKS_H

#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum chunks_state {
	CHUNKS_SIZE, /* of the next chunk, zeroed: the first */
	CHUNKS_EXTENSION,
	CHUNKS_SIZE_FEED,
	CHUNKS_DATA,
	CHUNKS_DATA_RETURN,
	CHUNKS_DATA_FEED,
	CHUNKS_LINE, /* begins: of the trailer, or the empty one */
	CHUNKS_TRAILER,
	CHUNKS_TRAILER_FEED,
	CHUNKS_LAST_FEED,
	CHUNKS_ENDED,
	CHUNKS_BROKEN
};

struct chunks {
	enum chunks_state state;
	uint64_t size; /* of the chunk, then what is left of it */
	unsigned digits;
};

/* The next bytes; those behind the end don't count. False: broken, from here on. */
bool chunks_feed(struct chunks *chunks, struct str bytes);

#endif
