#include "lib/skill/problems.h"

#include "lib/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define PREFIX "invalid skill: "
#define PROBLEM_SIZE 512
#define MESSAGE_MAX 1800 /* with what leads to it, an error's message has room for it */

void problems_add_text(struct problems *problems, struct str text)
{
	size_t at = problems->count++;
	if (at >= PROBLEMS_MAX)
		return;
	size_t bad; /* one that was cut may end inside a character */
	problems->items[at] = str_dup(utf8_is_valid(text, &bad) ? text : (struct str){text.p, bad});
	if (problems->items[at])
		return;
	problems->count = at;
	problems->no_memory = true;
}

void problems_add(struct problems *problems, const char *format, ...)
{
	char text[PROBLEM_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	problems_add_text(problems, str_of(text));
}

bool problems_add_error(struct problems *problems, const struct error *err)
{
	struct str text = str_of(err->message), prefix = STR(PREFIX);
	if (err->code == ERR_NO_MEMORY) {
		problems->no_memory = true;
		return true;
	}
	if (err->code != ERR_INVALID_SKILL)
		return false;
	if (str_starts_with(text, prefix))
		text = (struct str){text.p + prefix.n, text.n - prefix.n};
	problems_add_text(problems, text);
	return true;
}

void problems_join(const struct problems *problems, size_t first, struct buffer *out)
{
	const size_t tail = sizeof("; and 18446744073709551615 more"); /* kept free */
	size_t at = first;
	for (; at < problems->count && at < PROBLEMS_MAX; at++) {
		struct str text = str_of(problems->items[at]);
		size_t room = out->max - out->len;
		if (at == first && text.n + tail > room)
			text = utf8_cut(text, room - tail);
		else if (text.n + 2 + tail > room)
			break;
		buffer_append_c(out, at > first ? "; " : "");
		buffer_append_str(out, text);
	}
	if (at < problems->count)
		buffer_appendf(out, "; and %zu more", problems->count - at);
}

int problems_error(const struct problems *problems, struct error *err)
{
	if (problems->no_memory)
		return error_no_memory(err);
	if (problems->count == 0)
		return 0;
	cleanup_buffer struct buffer all = BUFFER(MESSAGE_MAX);
	problems_join(problems, 0, &all);
	return all.failed ? error_no_memory(err) : error_set(err, ERR_INVALID_SKILL, PREFIX "%s", all.data);
}

void problems_free(struct problems *problems)
{
	for (size_t i = 0; i < problems->count && i < PROBLEMS_MAX; i++)
		free(problems->items[i]);
	*problems = PROBLEMS;
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
