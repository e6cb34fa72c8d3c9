/* Members, elements and strings of JSON text that was checked before. */
#include "lib/base/jsontext.h"
#include "lib/base/jsontext_internal.h"
#include "lib/base/utf8.h"

enum jsontext_kind jsontext_kind_of(struct str value)
{
	value = str_trim(value);
	switch (value.n ? value.p[0] : 'n') {
	case '{':
		return JSONTEXT_OBJECT;
	case '[':
		return JSONTEXT_ARRAY;
	case '"':
		return JSONTEXT_STRING;
	case 't':
		return JSONTEXT_TRUE;
	case 'f':
		return JSONTEXT_FALSE;
	case 'n':
		return JSONTEXT_NULL;
	default:
		return JSONTEXT_NUMBER;
	}
}

static size_t skip_value(struct str s, size_t i)
{
	size_t depth = 0;
	while (i < s.n) {
		switch (s.p[i]) {
		case '"':
			i = jsontext_skip_string(s, i);
			break;
		case '{':
		case '[':
			depth++;
			i++;
			break;
		case '}':
		case ']':
			if (depth == 0) /* of the container that we are in */
				return i;
			depth--;
			i++;
			break;
		default:
			if (depth == 0 && (s.p[i] == ',' || jsontext_is_blank(s.p[i])))
				return i;
			i++;
			continue;
		}
		if (depth == 0)
			return i;
	}
	return s.n;
}

size_t jsontext_depth(struct str value)
{
	size_t depth = 0, deepest = 0;
	for (size_t i = 0; i < value.n;) {
		char c = value.p[i];
		if (c == '"') {
			i = jsontext_skip_string(value, i);
			continue;
		}
		if ((c == '{' || c == '[') && ++depth > deepest)
			deepest = depth;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		i++;
	}
	return deepest;
}

/* Where the next member or element starts; false at the end. */
static bool next_item(struct str s, char open, size_t *i)
{
	*i = jsontext_skip_blanks(s, *i);
	if (*i >= s.n || (s.p[*i] != open && s.p[*i] != ','))
		return false;
	*i = jsontext_skip_blanks(s, *i + 1);
	return *i < s.n && s.p[*i] != '}' && s.p[*i] != ']';
}

bool jsontext_next_element(struct str array, size_t *position, struct str *ret_value)
{
	size_t start = *position;
	if (!next_item(array, '[', &start))
		return false;
	size_t end = skip_value(array, start);
	*ret_value = (struct str){array.p + start, end - start};
	*position = end;
	return true;
}

bool jsontext_next_member(struct str object, size_t *position, struct str *ret_raw_key, struct str *ret_value)
{
	size_t key = *position;
	if (!next_item(object, '{', &key) || object.p[key] != '"')
		return false;
	size_t key_end = jsontext_skip_string(object, key);
	size_t start = jsontext_skip_blanks(object, key_end);
	if (key_end < key + 2 || start >= object.n || object.p[start] != ':')
		return false;
	start = jsontext_skip_blanks(object, start + 1);
	size_t end = skip_value(object, start);
	*ret_raw_key = (struct str){object.p + key + 1, key_end - key - 2};
	*ret_value = (struct str){object.p + start, end - start};
	*position = end;
	return true;
}

static bool read_u(struct str raw, size_t i, uint32_t *ret)
{
	if (raw.n < 6 || i > raw.n - 6 || raw.p[i] != '\\' || raw.p[i + 1] != 'u')
		return false;
	uint32_t unit = 0;
	for (size_t digit = i + 2; digit < i + 6; digit++) {
		int value = jsontext_hex_digit(raw.p[digit]);
		if (value < 0)
			return false;
		unit = unit << 4 | (uint32_t)value;
	}
	*ret = unit;
	return true;
}

static size_t put_utf8(uint32_t c, char ret[4])
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | c >> 18);
	ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Decode the escape at *i (there is a backslash) into ret; gives its bytes and moves *i behind it. */
static size_t decode_escape(struct str raw, size_t *i, char ret[4], bool *lone)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t unit, low;
	if (read_u(raw, *i, &unit)) {
		*i += 6;
		if (unit >= 0xd800 && unit <= 0xdbff && read_u(raw, *i, &low) && low >= 0xdc00 &&
		    low <= 0xdfff) {
			*i += 6;
			unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
		} else if (unit >= 0xd800 && unit <= 0xdfff) {
			*lone = true;
		}
		return put_utf8(unit, ret);
	}
	char c = *i + 1 < raw.n ? raw.p[*i + 1] : '\\';
	const char *found = c ? strchr(from, c) : NULL;
	ret[0] = found ? to[found - from] : c;
	*i += 2;
	return 1;
}

bool jsontext_decode_raw(struct str raw, struct buffer *out)
{
	bool lone = false;
	for (size_t i = 0; i < raw.n;) {
		const char *escape = memchr(raw.p + i, '\\', raw.n - i);
		size_t plain = escape ? (size_t)(escape - raw.p) - i : raw.n - i;
		buffer_append(out, raw.p + i, plain);
		i += plain;
		if (escape) {
			char bytes[4];
			buffer_append(out, bytes, decode_escape(raw, &i, bytes, &lone));
		}
	}
	return !lone;
}

bool jsontext_key_is(struct str raw_key, struct str key)
{
	if (!raw_key.n || !memchr(raw_key.p, '\\', raw_key.n))
		return str_eq(raw_key, key);
	size_t at = 0;
	for (size_t i = 0; i < raw_key.n;) {
		char bytes[4] = {raw_key.p[i]};
		size_t n = 1;
		bool lone = false;
		if (raw_key.p[i] == '\\')
			n = decode_escape(raw_key, &i, bytes, &lone);
		else
			i++;
		if (lone || key.n - at < n || memcmp(key.p + at, bytes, n) != 0)
			return false;
		at += n;
	}
	return at == key.n;
}

bool jsontext_member(struct str object, struct str key, struct str *ret_value)
{
	bool found = false;
	size_t position = 0;
	struct str raw, value;
	while (jsontext_next_member(object, &position, &raw, &value)) {
		if (!jsontext_key_is(raw, key))
			continue;
		*ret_value = value;
		found = true;
	}
	return found;
}

int jsontext_decode_string(struct str value, struct buffer *out, struct error *err)
{
	value = str_trim(value);
	if (value.n < 2 || value.p[0] != '"' || value.p[value.n - 1] != '"')
		return error_set(err, ERR_BAD_REQUEST, "expected a JSON string");
	size_t before = out->len;
	bool good = jsontext_decode_raw((struct str){value.p + 1, value.n - 2}, out);
	if (good && !out->failed)
		return 0;
	if (out->data) {
		out->len = before;
		out->data[before] = '\0';
	}
	if (!good)
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "a JSON string has half a surrogate pair (\\ud800 to \\udfff), which is no character");
	return out->no_memory ? error_no_memory(err)
			      : error_set(err, ERR_TOO_LARGE, "a JSON string is longer than %zu bytes",
					  out->max - before);
}

static void append_escaped(struct buffer *out, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *found = c ? strchr(from, c) : NULL;
	if (found)
		buffer_append(out, (const char[]){'\\', to[found - from]}, 2);
	else
		buffer_appendf(out, "\\u%04x", c);
}

int jsontext_append_string(struct buffer *out, struct str s)
{
	size_t before = out->len, run = 0, i = 0;
	buffer_append_byte(out, '"');
	while (i < s.n) {
		unsigned char c = (unsigned char)s.p[i];
		size_t length = c < 0x80 ? 1 : utf8_length((struct str){s.p + i, s.n - i});
		if (length != 0 && c >= 0x20 && c != '"' && c != '\\') {
			i += length;
			continue;
		}
		buffer_append(out, s.p + run, i - run);
		if (length == 0)
			buffer_append_c(out, "\xef\xbf\xbd");
		else
			append_escaped(out, c);
		run = ++i;
	}
	if (s.n)
		buffer_append(out, s.p + run, i - run);
	buffer_append_byte(out, '"');
	if (!out->failed)
		return 0;
	if (out->data) {
		out->len = before;
		out->data[before] = '\0';
	}
	return -1;
}
