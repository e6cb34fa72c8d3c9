#include "lib/http/server/chunks.h"

#define MAX_DIGITS 16

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum chunks_state in_size(struct chunks *chunks, char c)
{
	int digit = hex_digit(c);
	if (digit >= 0 && chunks->digits < MAX_DIGITS) {
		chunks->size = chunks->size * 16 + (unsigned)digit;
		chunks->digits++;
		return CHUNKS_SIZE;
	}
	if (chunks->digits == 0 || digit >= 0)
		return CHUNKS_BROKEN;
	return c == ';' ? CHUNKS_EXTENSION : c == '\r' ? CHUNKS_SIZE_FEED : CHUNKS_BROKEN;
}

/* In a line whose words are of no interest. */
static enum chunks_state in_line(char c, enum chunks_state same, enum chunks_state feed)
{
	if (c == '\r')
		return feed;
	return (unsigned char)c < ' ' && c != '\t' ? CHUNKS_BROKEN : same;
}

static enum chunks_state behind_size(const struct chunks *chunks)
{
	return chunks->size > 0 ? CHUNKS_DATA : CHUNKS_LINE;
}

static enum chunks_state step(struct chunks *chunks, char c)
{
	switch (chunks->state) {
	case CHUNKS_SIZE:
		return in_size(chunks, c);
	case CHUNKS_EXTENSION:
		return in_line(c, CHUNKS_EXTENSION, CHUNKS_SIZE_FEED);
	case CHUNKS_SIZE_FEED:
		return c == '\n' ? behind_size(chunks) : CHUNKS_BROKEN;
	case CHUNKS_DATA_RETURN:
		return c == '\r' ? CHUNKS_DATA_FEED : CHUNKS_BROKEN;
	case CHUNKS_DATA_FEED:
		chunks->size = chunks->digits = 0;
		return c == '\n' ? CHUNKS_SIZE : CHUNKS_BROKEN;
	case CHUNKS_LINE:
		return c == '\r' ? CHUNKS_LAST_FEED : in_line(c, CHUNKS_TRAILER, CHUNKS_BROKEN);
	case CHUNKS_TRAILER:
		return in_line(c, CHUNKS_TRAILER, CHUNKS_TRAILER_FEED);
	case CHUNKS_TRAILER_FEED:
		return c == '\n' ? CHUNKS_LINE : CHUNKS_BROKEN;
	case CHUNKS_LAST_FEED:
		return c == '\n' ? CHUNKS_ENDED : CHUNKS_BROKEN;
	case CHUNKS_DATA:
	case CHUNKS_ENDED:
	case CHUNKS_BROKEN:
		break;
	}
	return chunks->state;
}

bool chunks_feed(struct chunks *chunks, struct str bytes)
{
	for (size_t i = 0; i < bytes.n && chunks->state < CHUNKS_ENDED;) {
		if (chunks->state != CHUNKS_DATA) {
			chunks->state = step(chunks, bytes.p[i++]);
			continue;
		}
		size_t n = bytes.n - i < chunks->size ? bytes.n - i : (size_t)chunks->size;
		chunks->size -= n;
		i += n;
		if (chunks->size == 0)
			chunks->state = CHUNKS_DATA_RETURN;
	}
	return chunks->state != CHUNKS_BROKEN;
}
