/* What a script may have written before it failed: whatever it was, what is made of it is one line of text.
 */
#include "lib/base/utf8.h"
#include "lib/frame/frame.h"
#include "runner/cell/reason.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct str errors, struct str output)
{
	struct error err = {0};
	cleanup_buffer struct buffer out = BUFFER(FRAME_MAX_REASON);
	if (reason_find(errors, output, &out, &err) != 0)
		abort();
	struct str text = buffer_str(&out);
	if (text.n > FRAME_MAX_REASON || !utf8_is_valid(text, NULL) || str_trim(text).n != text.n)
		abort();
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	check(text, (struct str){NULL, 0});
	check((struct str){NULL, 0}, text);
	return 0;
}
