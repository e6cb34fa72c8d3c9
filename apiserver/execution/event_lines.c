#include "apiserver/execution/event_lines.h"

#include "lib/base/utf8.h"

int event_lines_add(struct event_lines *lines, struct str bytes)
{
	if (lines->start > lines->text.len / 2) {
		buffer_consume(&lines->text, lines->start);
		lines->start = 0;
	}
	return buffer_append_str(&lines->text, bytes);
}

size_t event_lines_waiting(const struct event_lines *lines)
{
	return lines->text.len - lines->start;
}

void event_lines_drop(struct event_lines *lines)
{
	buffer_reset(&lines->text);
	lines->start = 0;
}

static void append_event(struct buffer *out, struct str line)
{
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	for (bool more = true; more;) {
		struct str field;
		more = str_split_once(line, '\r', &field, &line);
		buffer_append_c(out, "data: ");
		utf8_append_clean(out, field);
		buffer_append_byte(out, '\n');
	}
	buffer_append_byte(out, '\n');
}

bool event_lines_next(struct event_lines *lines, bool all, struct buffer *out)
{
	size_t waiting = event_lines_waiting(lines);
	if (waiting == 0)
		return false;
	const char *text = lines->text.data + lines->start;
	const char *feed = memchr(text, '\n', waiting < EVENT_LINE_MAX ? waiting : EVENT_LINE_MAX);
	size_t n = feed ? (size_t)(feed - text) : waiting < EVENT_LINE_MAX ? waiting : EVENT_LINE_MAX;
	if (!feed && n < EVENT_LINE_MAX && !all)
		return false;
	append_event(out, (struct str){text, n});
	lines->start += n + (feed ? 1 : 0);
	lines->lines += feed ? 1 : 0;
	return true;
}

struct str event_lines_skip(struct str log, uint64_t count)
{
	for (struct str line; count > 0 && log.n > 0; count--)
		str_split_once(log, '\n', &line, &log);
	return log;
}
