/* Whatever decodes must encode to the same bytes again. The first byte of the input says which side sends. */
#include "lib/frame/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
		cleanup_buffer struct buffer again = BUFFER(FRAME_HEADER_SIZE + FRAME_MAX_PAYLOAD);
		if (frame_encode(&frame, &again, &err) != 0 || again.len != used ||
		    memcmp(again.data, left.p, used) != 0)
			abort();
		left = (struct str){left.p + used, left.n - used};
	}
}
