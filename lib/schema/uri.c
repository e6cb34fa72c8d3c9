#include "lib/schema/uri.h"

#include <stdbool.h>

/* The five parts; p is NULL where one isn't there (the path always is). */
struct parts {
	struct str scheme, authority, path, query, fragment;
};

static bool is_scheme(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
			return false;
	}
	return s.n > 0;
}

static struct parts take_apart(struct str s)
{
	struct parts parts = {0};
	struct str head, tail;
	if (str_split_once(s, '#', &head, &tail)) {
		parts.fragment = tail;
		s = head;
	}
	if (str_split_once(s, '?', &head, &tail)) {
		parts.query = tail;
		s = head;
	}
	if (str_split_once(s, ':', &head, &tail) && is_scheme(head)) {
		parts.scheme = head;
		s = tail;
	}
	if (str_starts_with(s, STR("//"))) {
		size_t end = 2;
		while (end < s.n && s.p[end] != '/')
			end++;
		parts.authority = (struct str){s.p + 2, end - 2};
		s = (struct str){s.p + end, s.n - end};
	}
	parts.path = s;
	return parts;
}

/* "remove_dot_segments", on what is in out from `start` on and behind it. */
static void append_path(struct str path, struct buffer *out)
{
	size_t start = out->len;
	while (path.n) {
		size_t end = path.p[0] == '/';
		while (end < path.n && path.p[end] != '/')
			end++;
		struct str segment = {path.p, end};
		bool last = end == path.n;
		path = (struct str){path.p + end, path.n - end};
		struct str name = segment.p[0] == '/' ? (struct str){segment.p + 1, segment.n - 1} : segment;
		bool up = str_eq(name, STR(".."));
		if (!up && !str_eq(name, STR("."))) {
			buffer_append_str(out, segment);
			continue;
		}
		while (up && out->len > start && out->data[--out->len] != '/')
			;
		if (last)
			buffer_append_byte(out, '/');
	}
}

static struct str up_to_last_slash(struct str path)
{
	while (path.n && path.p[path.n - 1] != '/')
		path.n--;
	return path;
}

static void append_merged(const struct parts *base, struct str path, struct buffer *out)
{
	cleanup_buffer struct buffer merged = BUFFER(out->max);
	if (base->authority.p && base->path.n == 0)
		buffer_append_byte(&merged, '/');
	else
		buffer_append_str(&merged, up_to_last_slash(base->path));
	buffer_append_str(&merged, path);
	if (merged.failed)
		out->failed = true;
	append_path(buffer_str(&merged), out);
}

void uri_resolve(struct str base_text, struct str reference, struct buffer *out, struct str *ret_fragment)
{
	struct parts base = take_apart(base_text), ref = take_apart(reference);
	const struct parts *from = ref.scheme.p ? &ref : &base;
	bool own_path = ref.scheme.p || ref.authority.p || (ref.path.n && ref.path.p[0] == '/');
	struct str authority = ref.scheme.p || ref.authority.p ? ref.authority : base.authority;
	struct str query = own_path || ref.path.n || ref.query.p ? ref.query : base.query;
	if (from->scheme.p) {
		buffer_append_str(out, from->scheme);
		buffer_append_byte(out, ':');
	}
	if (authority.p) {
		buffer_append_c(out, "//");
		buffer_append_str(out, authority);
	}
	if (own_path)
		append_path(ref.path, out);
	else if (ref.path.n)
		append_merged(&base, ref.path, out);
	else
		buffer_append_str(out, base.path);
	if (query.p) {
		buffer_append_byte(out, '?');
		buffer_append_str(out, query);
	}
	*ret_fragment = ref.fragment;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uri_decode(struct str text, struct buffer *out)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '%') {
			buffer_append_byte(out, text.p[i]);
			continue;
		}
		int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
		int low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		buffer_append_byte(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}
