#include "apiserver/http/route.h"

#define ALLOWED_MAX 256 /* bytes of the methods that a path has */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decode one path segment; false if an escape is broken, or stands for NUL, which is in no name: what is
 * behind it would not count everywhere. */
static bool decode(struct str segment, struct buffer *out)
{
	for (size_t i = 0; i < segment.n; i++) {
		char c = segment.p[i];
		if (c == '%') {
			if (segment.n - i < 3)
				return false;
			int high = hex_value(segment.p[i + 1]), low = hex_value(segment.p[i + 2]);
			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0')
			return false;
		if (buffer_append_byte(out, c) != 0)
			return false;
	}
	return true;
}

/* Decode one more parameter; false if it can't be, or is empty. */
static bool take_param(struct route_match *match, size_t *params, struct str raw)
{
	size_t start = match->text.len;
	if (raw.n == 0 || *params == ROUTE_MAX_PARAMS || !decode(raw, &match->text))
		return false;
	match->params[(*params)++] = (struct str){match->text.data + start, match->text.len - start};
	return true;
}

/* Does the path fit the pattern? Parameters go to match->params. The buffer never moves: it was reserved at
 * once. */
static bool matches(struct str pattern, struct str path, struct route_match *match)
{
	size_t params = 0;
	buffer_reset(&match->text);
	for (;;) {
		struct str want, segment, pattern_rest, path_rest;
		bool more_pattern = str_split_once(pattern, '/', &want, &pattern_rest);
		if (str_eq(want, STR("*")))
			return true;
		if (want.n && want.p[0] == '*')
			return take_param(match, &params, path);
		bool more_path = str_split_once(path, '/', &segment, &path_rest);
		if (want.n && want.p[0] == ':') {
			if (!take_param(match, &params, segment))
				return false;
		} else if (!str_eq(want, segment)) {
			return false;
		}
		if (more_pattern != more_path)
			return false;
		if (!more_pattern)
			return true;
		pattern = pattern_rest;
		path = path_rest;
	}
}

static bool method_fits(const struct route *route, struct str method)
{
	struct str own = str_of(route->method);
	return str_eq(own, method) || (str_eq(method, STR("HEAD")) && str_eq(own, STR("GET")));
}

static int not_allowed(const struct route *table, size_t count, struct str method, struct str path,
		       struct route_match *match, struct error *err)
{
	struct buffer allowed = BUFFER(ALLOWED_MAX);
	for (size_t i = 0; i < count; i++)
		if (matches(str_of(table[i].pattern), path, match))
			buffer_appendf(&allowed, "%s%s", allowed.len ? ", " : "", table[i].method);
	buffer_free(&match->text);
	match->text = allowed;
	if (buffer_check(&allowed, "the list of methods", err) != 0)
		return -1;
	return error_set(err, ERR_METHOD_NOT_ALLOWED, "%.*s is not allowed for %.*s: use %s", (int)method.n,
			 method.p, (int)path.n, path.p, allowed.data);
}

int route_find(const struct route *table, size_t count, struct str method, struct str path,
	       struct route_match *ret, struct error *err)
{
	*ret = (struct route_match){.text = BUFFER(ROUTE_MAX_PATH + 1)};
	if (path.n > ROUTE_MAX_PATH)
		return error_set(err, ERR_NOT_FOUND, "no such path: it has %zu bytes, more than any route",
				 path.n);
	if (!buffer_reserve(&ret->text, path.n + 1))
		return buffer_check(&ret->text, "the path", err);
	bool known = false;
	for (size_t i = 0; i < count; i++) {
		if (!matches(str_of(table[i].pattern), path, ret))
			continue;
		known = true;
		if (method_fits(&table[i], method)) {
			ret->route = &table[i];
			return 0;
		}
	}
	if (known)
		return not_allowed(table, count, method, path, ret, err);
	return error_set(err, ERR_NOT_FOUND, "no such path: %.*s (GET /openapi.json lists them all)",
			 (int)path.n, path.p);
}
