#include "apiserver/http/multipart.h"

#include "lib/base/buffer.h"

#include <stdlib.h>

#define SLICE ((size_t)16 * 1024) /* of the input at a time, which bounds the buffer */

enum state {
	IN_PREAMBLE, /* before the first boundary: ignored */
	AT_BOUNDARY, /* behind a boundary: "--" or the end of the line */
	IN_HEADERS,
	IN_DATA,
	IN_EPILOGUE, /* behind the closing boundary: ignored */
};

struct multipart {
	struct multipart_handler handler;
	enum state state;
	unsigned parts;
	struct buffer delimiter; /* CR LF "--" boundary */
	struct buffer pending;   /* not used up yet */
};

/* Headers */

static int malformed(struct error *err, const char *why)
{
	return error_set(err, ERR_BAD_REQUEST, "malformed multipart form: %s", why);
}

/* The next parameter of "; name=value; name=\"value\""; false at the end. Value is without quotes, escapes as
 * they are. */
static bool next_parameter(struct str *text, struct str *ret_name, struct str *ret_value)
{
	struct str rest = str_trim(*text);
	while (rest.n && rest.p[0] == ';')
		rest = str_trim((struct str){rest.p + 1, rest.n - 1});
	if (rest.n == 0)
		return false;
	size_t i = 0;
	while (i < rest.n && rest.p[i] != '=' && rest.p[i] != ';')
		i++;
	*ret_name = str_trim((struct str){rest.p, i});
	*ret_value = (struct str){NULL, 0};
	if (i < rest.n && rest.p[i] == '=') {
		rest = str_trim((struct str){rest.p + i + 1, rest.n - i - 1});
		bool quoted = rest.n && rest.p[0] == '"';
		size_t start = quoted ? 1 : 0;
		for (i = start; i < rest.n && rest.p[i] != (quoted ? '"' : ';'); i++)
			if (quoted && rest.p[i] == '\\' && i + 1 < rest.n)
				i++;
		struct str value = {rest.p + start, i - start};
		*ret_value = quoted ? value : str_trim(value);
		i += quoted && i < rest.n ? 1 : 0;
	}
	*text = (struct str){rest.p + i, rest.n - i};
	return true;
}

static bool is_boundary_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("'()+_,-./:=? ", c));
}

int multipart_boundary(struct str content_type, struct str *ret, struct error *err)
{
	struct str type, rest, name, value;
	str_split_once(content_type, ';', &type, &rest);
	while (next_parameter(&rest, &name, &value)) {
		if (!str_eq_ignore_case(name, STR("boundary")))
			continue;
		bool valid = value.n > 0 && value.n <= MULTIPART_MAX_BOUNDARY && value.p[value.n - 1] != ' ';
		for (size_t i = 0; valid && i < value.n; i++)
			valid = is_boundary_char(value.p[i]);
		if (!valid)
			return malformed(err, "the boundary in Content-Type is not valid");
		*ret = value;
		return 0;
	}
	return malformed(err, "Content-Type has no boundary");
}

/* The form field's name from the headers of a part; empty if there is none. */
static struct str part_name(struct str headers)
{
	while (headers.n) {
		struct str line, key, value, disposition, parameter, text;
		str_split_once(headers, '\n', &line, &headers);
		if (!str_split_once(line, ':', &key, &value) ||
		    !str_eq_ignore_case(str_trim(key), STR("Content-Disposition")))
			continue;
		str_split_once(str_trim(value), ';', &disposition, &value);
		if (!str_eq_ignore_case(str_trim(disposition), STR("form-data")))
			continue;
		while (next_parameter(&value, &parameter, &text))
			if (str_eq_ignore_case(parameter, STR("name")))
				return text;
	}
	return STR("");
}

/* Body: each step takes bytes from pending; 1: go on, 0: more input is needed, -1: error */

static int give_data(struct multipart *m, size_t n, struct error *err)
{
	if (n && m->state == IN_DATA &&
	    m->handler.part_data(m->handler.context, (struct str){m->pending.data, n}, err) != 0)
		return -1;
	buffer_consume(&m->pending, n);
	return 0;
}

static int step_to_boundary(struct multipart *m, struct error *err)
{
	struct buffer *pending = &m->pending;
	const char *at =
	    pending->len ? memmem(pending->data, pending->len, m->delimiter.data, m->delimiter.len) : NULL;
	if (!at) { /* all but what may be the start of a boundary */
		size_t keep = m->delimiter.len - 1;
		return pending->len > keep ? give_data(m, pending->len - keep, err) : 0;
	}
	if (give_data(m, (size_t)(at - pending->data), err) != 0)
		return -1;
	buffer_consume(pending, m->delimiter.len);
	m->state = AT_BOUNDARY;
	return 1;
}

static int step_at_boundary(struct multipart *m, struct error *err)
{
	struct buffer *pending = &m->pending;
	size_t blanks = 0; /* padding that RFC 2046 allows */
	while (blanks < pending->len && (pending->data[blanks] == ' ' || pending->data[blanks] == '\t'))
		blanks++;
	if (blanks > MULTIPART_MAX_HEADERS)
		return malformed(err, "too many blanks behind a boundary");
	if (pending->len - blanks < 2)
		return 0;
	const char *next = pending->data + blanks;
	if (blanks == 0 && next[0] == '-' && next[1] == '-') {
		m->state = IN_EPILOGUE;
		return 1;
	}
	if (next[0] != '\r' || next[1] != '\n')
		return malformed(err, "a boundary is not followed by the end of its line");
	/* The line's end stays: headers that aren't there end with it, too. */
	buffer_consume(pending, blanks);
	m->state = IN_HEADERS;
	return 1;
}

static int step_headers(struct multipart *m, struct error *err)
{
	struct buffer *pending = &m->pending;
	const char *end = pending->len ? memmem(pending->data, pending->len, "\r\n\r\n", 4) : NULL;
	size_t size = end ? (size_t)(end - pending->data) : pending->len;
	if (size > MULTIPART_MAX_HEADERS)
		return malformed(err, "the headers of a part are too long");
	if (!end)
		return 0;
	if (++m->parts > MULTIPART_MAX_PARTS)
		return malformed(err, "it has too many parts");
	if (m->handler.part_begin(m->handler.context, part_name((struct str){pending->data, size}), err) != 0)
		return -1;
	buffer_consume(pending, size + 4);
	m->state = IN_DATA;
	return 1;
}

static int step(struct multipart *m, struct error *err)
{
	switch (m->state) {
	case IN_PREAMBLE:
	case IN_DATA:
		return step_to_boundary(m, err);
	case AT_BOUNDARY:
		return step_at_boundary(m, err);
	case IN_HEADERS:
		return step_headers(m, err);
	case IN_EPILOGUE:
		break;
	}
	buffer_reset(&m->pending);
	return 0;
}

struct multipart *multipart_new(struct str boundary, const struct multipart_handler *handler,
				struct error *err)
{
	struct multipart *m = calloc(1, sizeof(*m));
	if (!m) {
		error_no_memory(err);
		return NULL;
	}
	m->handler = *handler;
	m->delimiter = BUFFER(MULTIPART_MAX_BOUNDARY + 4);
	m->pending = BUFFER(SLICE + MULTIPART_MAX_HEADERS + 1024);
	buffer_append_c(&m->delimiter, "\r\n--");
	buffer_append_str(&m->delimiter, boundary);
	buffer_append_c(&m->pending, "\r\n"); /* the first boundary may be the very first line */
	if (!m->delimiter.failed && !m->pending.failed)
		return m;
	error_no_memory(err);
	return multipart_free(m);
}

int multipart_feed(struct multipart *m, struct str data, struct error *err)
{
	while (data.n) {
		size_t n = data.n < SLICE ? data.n : SLICE;
		if (buffer_append(&m->pending, data.p, n) != 0)
			return error_no_memory(err);
		data = (struct str){data.p + n, data.n - n};
		int more;
		while ((more = step(m, err)) == 1)
			;
		if (more < 0)
			return -1;
	}
	return 0;
}

int multipart_finish(const struct multipart *m, struct error *err)
{
	return m->state == IN_EPILOGUE ? 0 : malformed(err, "it ends before its closing boundary");
}

struct multipart *multipart_free(struct multipart *m)
{
	if (!m)
		return NULL;
	buffer_free(&m->delimiter);
	buffer_free(&m->pending);
	free(m);
	return NULL;
}
