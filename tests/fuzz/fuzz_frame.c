/* Whatever decodes must encode to the same bytes again, but for the fields that a later version's HELLO has
 * beyond ours. The first byte of the input says which side sends. */
#include "lib/frame/packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_later_fields(const struct frame *frame, bool from_runner)
{
	return !from_runner && frame->type == FRAME_HELLO && frame->hello_request.version > FRAME_VERSION;
}

/* What is in it is whatever it unpacks to, and never more than it says. */
static void unpack(const struct frame_packed *packed)
{
	cleanup_buffer struct buffer unpacked = BUFFER(FRAME_PACKED_SIZE);
	struct error err = {0};
	if (packed_decode(packed, &unpacked, &err) != 0) {
		if (err.code != ERR_PROTOCOL)
			abort();
		return;
	}
	if (unpacked.len != packed->size)
		abort();
	struct str left = buffer_str(&unpacked);
	struct frame frame;
	for (size_t used; frame_decode(left, false, &frame, &used, &err) > 0;)
		left = (struct str){left.p + used, left.n - used};
}

/* Behind the header, which has the length. */
static bool begins_alike(struct str ours, struct str theirs)
{
	return ours.n <= theirs.n && ours.p[4] == theirs.p[4] &&
	       memcmp(ours.p + FRAME_HEADER_SIZE, theirs.p + FRAME_HEADER_SIZE, ours.n - FRAME_HEADER_SIZE) ==
		   0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	bool from_runner = data[0] & 1;
	struct str left = {(const char *)data + 1, size - 1};
	for (;;) {
		struct frame frame;
		size_t used = 0;
		struct error err = {0};
		int r = frame_decode(left, from_runner, &frame, &used, &err);
		if (r < 0 && err.code != ERR_PROTOCOL)
			abort();
		if (r <= 0)
			return 0;
		if (used < FRAME_HEADER_SIZE || used > left.n)
			abort();
		if (frame.type == FRAME_PACKED)
			unpack(&frame.packed);
		cleanup_buffer struct buffer again = BUFFER(FRAME_HEADER_SIZE + FRAME_MAX_PAYLOAD);
		if (frame_encode(&frame, &again, &err) != 0)
			abort();
		if (has_later_fields(&frame, from_runner)
			? !begins_alike(buffer_str(&again), (struct str){left.p, used})
			: !str_eq(buffer_str(&again), (struct str){left.p, used}))
			abort();
		left = (struct str){left.p + used, left.n - used};
	}
}
