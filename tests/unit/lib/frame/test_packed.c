/* What is packed comes out as it was; what isn't packed right is refused, and nothing is written beyond its
 * room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/frame/packed.h"

#define BIG ((size_t)1 << 20)

static void file_frames(struct buffer *out, size_t size, bool is_noise)
{
	static char bytes[FRAME_DATA_SIZE];
	struct error err;
	uint32_t state = 1;
	for (size_t i = 0; i < size; i++) {
		state = state * 1664525u + 1013904223u;
		bytes[i] = is_noise ? (char)(state >> 24) : (char)('a' + i % 7);
	}
	struct frame file = {.type = FRAME_FILE, .file = {STR("main.py"), 0644, size}};
	struct frame data = {.type = FRAME_DATA, .data = {bytes, size}};
	assert_int_equal(frame_encode(&file, out, &err), 0);
	assert_int_equal(frame_encode(&data, out, &err), 0);
}

static void frames_come_out_as_they_were(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 1000, 5000, FRAME_DATA_SIZE};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cleanup_buffer struct buffer frames = BUFFER(BIG), out = BUFFER(BIG),
					     back = BUFFER(FRAME_PACKED_SIZE);
		struct error err;
		struct frame frame;
		size_t used;
		file_frames(&frames, sizes[i], false);
		assert_int_equal(packed_encode(buffer_str(&frames), &out, &err), 0);
		assert_int_equal(frame_decode(buffer_str(&out), false, &frame, &used, &err), 1);
		if (sizes[i] < 4096) { /* too little to be worth it */
			assert_true(str_eq(buffer_str(&out), buffer_str(&frames)));
			continue;
		}
		assert_int_equal(frame.type, FRAME_PACKED);
		assert_int_equal(used, out.len);
		assert_true(out.len < frames.len / 10);
		assert_int_equal(packed_decode(&frame.packed, &back, &err), 0);
		assert_true(str_eq(buffer_str(&back), buffer_str(&frames)));
	}
}

static void what_can_not_be_packed_stays_as_it_is(void **state)
{
	(void)state;
	cleanup_buffer struct buffer frames = BUFFER(BIG), out = BUFFER(BIG);
	struct error err;
	file_frames(&frames, FRAME_DATA_SIZE, true);
	assert_int_equal(packed_encode(buffer_str(&frames), &out, &err), 0);
	assert_true(str_eq(buffer_str(&out), buffer_str(&frames)));
}

static void too_much_is_refused(void **state)
{
	(void)state;
	cleanup_buffer struct buffer frames = BUFFER(BIG), out = BUFFER(BIG);
	struct error err;
	while (frames.len <= FRAME_PACKED_SIZE)
		file_frames(&frames, FRAME_DATA_SIZE, false);
	assert_int_equal(packed_encode(buffer_str(&frames), &out, &err), -1);
	assert_int_equal(out.len, 0);
}

static void a_wrong_size_is_refused(void **state)
{
	(void)state;
	cleanup_buffer struct buffer frames = BUFFER(BIG), out = BUFFER(BIG),
				     back = BUFFER(FRAME_PACKED_SIZE);
	struct error err;
	struct frame frame;
	size_t used;
	file_frames(&frames, 6000, false);
	assert_int_equal(packed_encode(buffer_str(&frames), &out, &err), 0);
	assert_int_equal(frame_decode(buffer_str(&out), false, &frame, &used, &err), 1);
	const struct frame_packed right = frame.packed;
	const struct frame_packed wrong[] = {
	    {right.size - 1, right.bytes},
	    {right.size + 1, right.bytes},
	    {1, right.bytes},
	    {FRAME_PACKED_SIZE, right.bytes},
	    {right.size, {right.bytes.p, right.bytes.n - 1}},
	    {right.size, STR("\xff\xff\xff\xff\xff\xff\xff")},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err = (struct error){0};
		assert_int_equal(packed_decode(&wrong[i], &back, &err), -1);
		assert_int_equal(err.code, ERR_PROTOCOL);
		assert_non_null(strstr(err.message, "does not unpack to"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_come_out_as_they_were),
	    cmocka_unit_test(what_can_not_be_packed_stays_as_it_is),
	    cmocka_unit_test(too_much_is_refused),
	    cmocka_unit_test(a_wrong_size_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
