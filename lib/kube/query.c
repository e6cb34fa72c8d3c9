#include "lib/kube/query.h"

static bool is_unreserved(char c) /* RFC 3986 */
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

void query_add(struct buffer *path, const char *name, struct str value)
{
	bool first = path->len == 0 || !memchr(path->data, '?', path->len);

	buffer_append_byte(path, first ? '?' : '&');
	buffer_append_c(path, name);
	buffer_append_byte(path, '=');
	for (size_t i = 0; i < value.n; i++) {
		if (is_unreserved(value.p[i]))
			buffer_append_byte(path, value.p[i]);
		else
			buffer_appendf(path, "%%%02X", (unsigned)(unsigned char)value.p[i]);
	}
}
