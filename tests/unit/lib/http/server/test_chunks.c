/* The framing of chunks, in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/http/server/chunks.h"

#include <string.h>

static enum chunks_state fed(const char *text, size_t piece)
{
	struct chunks chunks = {0};
	for (size_t at = 0, n = strlen(text); at < n; at += piece) {
		bool is_sound =
		    chunks_feed(&chunks, (struct str){text + at, n - at < piece ? n - at : piece});
		assert_int_equal(is_sound, chunks.state != CHUNKS_BROKEN);
	}
	return chunks.state;
}

static void test_bodies(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum chunks_state end;
	} rows[] = {
	    {"0\r\n\r\n", CHUNKS_ENDED},
	    {"5\r\nhello\r\n0\r\n\r\n", CHUNKS_ENDED},
	    {"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\n", CHUNKS_ENDED},
	    {"0005\r\nhello\r\nA;x=\"y\"\t\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", CHUNKS_ENDED},
	    {"000\r\nA: b\r\nC:\r\n\r\n", CHUNKS_ENDED},
	    {"5\r\nhel", CHUNKS_DATA},
	    {"5\r\nhello", CHUNKS_DATA_RETURN},
	    {"5\nhello", CHUNKS_BROKEN},
	    {"5 \r\nhello", CHUNKS_BROKEN},
	    {"\r\n", CHUNKS_BROKEN},
	    {";\r\n", CHUNKS_BROKEN},
	    {"-1\r\n", CHUNKS_BROKEN},
	    {"5\r\nhelloX", CHUNKS_BROKEN},
	    {"5\r\nhello\nX", CHUNKS_BROKEN},
	    {"5\r\nhello\r\r", CHUNKS_BROKEN},
	    {"5;a\nb\r\n", CHUNKS_BROKEN},
	    {"5;a\rb", CHUNKS_BROKEN},
	    {"0\r\n\n", CHUNKS_BROKEN},
	    {"0\r\nA: b\n", CHUNKS_BROKEN},
	    {"0\r\nA: b\r\n\n", CHUNKS_BROKEN},
	    {"00000000000000005", CHUNKS_BROKEN},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t piece = 1; piece < 9; piece++)
			if (fed(rows[i].text, piece) != rows[i].end)
				fail_msg("row %zu in pieces of %zu: %d", i, piece, fed(rows[i].text, piece));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_bodies)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
