/* A frame is what RFC 6455 says: its length in the shortest form, and the payload back when it is unmasked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/kube/ws_frame.h"

#include <stdlib.h>
#include <string.h>

#define ROOM 70000

static void a_frame_of_any_length(void **state)
{
	(void)state;
	static const struct {
		size_t n, header;
	} rows[] = {{0, 6},   {1, 6},    {3, 6},     {7, 6},      {8, 6},    {125, 6},
		    {126, 8}, {1000, 8}, {65535, 8}, {65536, 14}, {ROOM, 14}};
	unsigned char *room = malloc(WS_FRAME_HEADER_MAX + ROOM), *payload = room + WS_FRAME_HEADER_MAX;
	assert_non_null(room);
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		size_t n = rows[row].n;
		for (size_t i = 0; i < n; i++)
			payload[i] = (unsigned char)(i * 7);
		size_t header = ws_frame_wrap(payload, n);
		assert_int_equal(header, rows[row].header);
		const unsigned char *frame = payload - header;
		assert_int_equal(frame[0], 0x82);
		assert_true(frame[1] & 0x80);
		uint64_t length = frame[1] & 0x7f;
		if (length >= 126) {
			size_t bytes = length == 126 ? 2 : 8;
			length = 0;
			for (size_t i = 0; i < bytes; i++)
				length = length << 8 | frame[2 + i];
		}
		assert_int_equal(length, n);
		const unsigned char *key = payload - 4;
		for (size_t i = 0; i < n; i++)
			if ((payload[i] ^ key[i % 4]) != (unsigned char)(i * 7))
				fail_msg("byte %zu of %zu", i, n);
	}
	free(room);
}

static void each_frame_has_a_key_of_its_own(void **state)
{
	(void)state;
	unsigned char first[WS_FRAME_HEADER_MAX + 1] = {0}, second[WS_FRAME_HEADER_MAX + 1] = {0};
	for (int i = 0; i < 3; i++) { /* once in 2^96 they are the same all three times */
		ws_frame_wrap(first + WS_FRAME_HEADER_MAX, 1);
		ws_frame_wrap(second + WS_FRAME_HEADER_MAX, 1);
		if (memcmp(first, second, WS_FRAME_HEADER_MAX) != 0)
			return;
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_frame_of_any_length),
	    cmocka_unit_test(each_frame_has_a_key_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
