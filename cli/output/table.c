#include "cli/output/table.h"

#include "cli/terminal/terminal.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#include <stdio.h>

#define CELL_MAX ((size_t)64 * 1024)
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define GAP 2
#define LEAST 12 /* characters of a column that is cut */

/* One line of text, whatever it was: what controls a terminal must not reach one. */
static void append_plain(struct str s, struct buffer *out)
{
	bool blank = false;
	while (s.n > 0) {
		size_t n = utf8_length(s);
		unsigned char c = (unsigned char)s.p[0];
		bool is_c1 = n == 2 && c == 0xc2 && (unsigned char)s.p[1] < 0xa0;
		if (n == 0 || c == 0x7f || is_c1 || (c < ' ' && c != '\t' && c != '\n' && c != '\r')) {
			buffer_append_byte(out, '?');
		} else if (c <= ' ') {
			if (!blank)
				buffer_append_byte(out, ' ');
		} else {
			buffer_append(out, s.p, n);
		}
		blank = n == 1 && c <= ' ';
		s.p += n ? n : 1;
		s.n -= n ? n : 1;
	}
}

static void read_cell(struct str object, const struct column *column, struct buffer *out)
{
	cleanup_buffer struct buffer text = BUFFER(CELL_MAX);
	json_member_text(object, column->key, &text);
	append_plain(str_trim(buffer_str(&text)), out);
}

static size_t width_of(struct str s)
{
	size_t width = 0;
	for (size_t i = 0; i < s.n; i++)
		width += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return width;
}

static size_t count_columns(const struct listing *listing)
{
	size_t count = 0;
	while (count < COLUMNS_MAX && listing->columns[count].heading)
		count++;
	return count;
}

static void measure(struct str array, const struct listing *listing, size_t count, size_t *widths)
{
	struct str object;
	size_t position = 0;
	for (size_t i = 0; i < count; i++)
		widths[i] = width_of(str_of(listing->columns[i].heading));
	while (jsontext_next_element(array, &position, &object))
		for (size_t i = 0; i < count; i++) {
			cleanup_buffer struct buffer cell = BUFFER(CELL_MAX);
			read_cell(object, &listing->columns[i], &cell);
			size_t width = width_of(buffer_str(&cell));
			if (width > widths[i])
				widths[i] = width;
		}
}

/* On a terminal the columns that may be cut are, so that a line stays one. */
static void fit(const struct listing *listing, size_t count, size_t *widths)
{
	size_t columns = terminal_columns(stdout), sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += widths[i] + (i > 0 ? GAP : 0);
	for (size_t i = count; columns > 0 && i-- > 0 && sum > columns;) {
		if (!listing->columns[i].most)
			continue;
		size_t rest = sum - widths[i], room = columns > rest ? columns - rest : 0;
		size_t width = room > LEAST ? room : LEAST;
		if (width < widths[i]) {
			sum = rest + width;
			widths[i] = width;
		}
	}
}

static void append_cell(struct str text, size_t width, bool is_last, struct buffer *line)
{
	size_t shown = 0, have = width_of(text);
	if (have > width) {
		size_t end = 0;
		for (size_t n = 0; n + 1 < width; n++)
			end += utf8_length((struct str){text.p + end, text.n - end});
		buffer_append(line, text.p, end);
		buffer_append_c(line, "…");
		shown = width;
	} else {
		buffer_append_str(line, text);
		shown = have;
	}
	for (; !is_last && shown < width + GAP; shown++)
		buffer_append_byte(line, ' ');
}

/* object without bytes: the headings. */
static int print_row(struct str object, const struct listing *listing, size_t count, const size_t *widths,
		     struct error *err)
{
	cleanup_buffer struct buffer line = BUFFER(LINE_MAX_BYTES);
	for (size_t i = 0; i < count; i++) {
		cleanup_buffer struct buffer cell = BUFFER(CELL_MAX);
		if (object.n > 0)
			read_cell(object, &listing->columns[i], &cell);
		else
			buffer_append_c(&cell, listing->columns[i].heading);
		append_cell(buffer_str(&cell), widths[i], i + 1 == count, &line);
	}
	while (line.len > 0 && line.data[line.len - 1] == ' ')
		line.len--;
	return print_text(err, "%.*s", (int)line.len, line.data ? line.data : "");
}

int table_print(struct str array, const struct listing *listing, struct error *err)
{
	size_t widths[COLUMNS_MAX], count = count_columns(listing), position = 0;
	struct str object;
	bool any = false;
	measure(array, listing, count, widths);
	fit(listing, count, widths);
	while (jsontext_next_element(array, &position, &object)) {
		if (!any && print_row((struct str){NULL, 0}, listing, count, widths, err) != 0)
			return -1;
		any = true;
		if (print_row(object, listing, count, widths, err) != 0)
			return -1;
	}
	if (!any && listing->empty)
		fprintf(stderr, "%s\n", listing->empty);
	return print_flush(err);
}
