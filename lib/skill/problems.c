#include "lib/skill/problems.h"

#include "lib/base/utf8.h"

#include <stdio.h>

void problems_add(struct problems *problems, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct buffer *all = &problems->text;
	size_t before = all->len;
	problems->count++;
	if (problems->left_out == 0) {
		buffer_appendf(all, "%s%s", before ? "; " : "", text);
		if (!all->failed)
			return;
		all->failed = all->no_memory = false;
	}
	problems->left_out++;
}

int problems_error(const struct problems *problems, struct error *err)
{
	if (problems->no_memory)
		return error_no_memory(err);
	if (problems->count == 0)
		return 0;
	if (problems->left_out)
		return error_set(err, ERR_INVALID_SKILL, "invalid skill: %s; and %zu more",
				 problems->text.data ? problems->text.data : "", problems->left_out);
	return error_set(err, ERR_INVALID_SKILL, "invalid skill: %s", problems->text.data);
}

void problems_free(struct problems *problems)
{
	buffer_free(&problems->text);
}

const char *problems_show(struct str text, char ret[PROBLEMS_SHOWN_SIZE])
{
	const size_t most = 100;
	size_t n = 0;
	for (size_t i = 0; i < text.n;) {
		unsigned char c = (unsigned char)text.p[i];
		size_t length = utf8_length((struct str){text.p + i, text.n - i});
		if (n + (length ? length : 1) > most) {
			memcpy(ret + n, "...", 3);
			n += 3;
			break;
		}
		if (length == 0 || c < 0x20 || c == 0x7f)
			ret[n++] = '?';
		else
			memcpy(ret + n, text.p + i, length);
		n += length == 0 || c < 0x20 || c == 0x7f ? 0 : length;
		i += length ? length : 1;
	}
	ret[n] = '\0';
	return ret;
}
