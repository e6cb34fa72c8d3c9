#include "lib/policy/image.h"

#include "lib/base/id.h"

/* Docker's short form and its long one name the same image. */
static struct str short_name(struct str image)
{
	struct str prefix = STR("docker.io/library/");
	if (str_starts_with(image, prefix))
		return (struct str){image.p + prefix.n, image.n - prefix.n};
	return image;
}

struct str image_name(struct str image)
{
	struct str name, digest;
	str_split_once(short_name(image), '@', &name, &digest);
	return name;
}

bool image_is_allowed(struct str image, struct str allowlist)
{
	struct str name, digest, prefix = STR("sha256:");
	image = short_name(image);
	bool pinned = str_split_once(image, '@', &name, &digest);
	if (name.n == 0 ||
	    (pinned && (!str_starts_with(digest, prefix) ||
			!id_is_hex((struct str){digest.p + prefix.n, digest.n - prefix.n}, 64))))
		return false;
	for (bool more = allowlist.n > 0; more;) {
		struct str entry;
		more = str_split_once(allowlist, ',', &entry, &allowlist);
		entry = short_name(str_trim(entry));
		bool entry_pinned = entry.n && memchr(entry.p, '@', entry.n);
		if (str_eq(entry, entry_pinned ? image : name))
			return true;
	}
	return false;
}

#define REFERENCE_MAX 511 /* as in the Skill resource */
#define TAG_MAX 128

static bool is_word(struct str s, const char *more)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool alphanumeric =
		    (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!alphanumeric && (c == '\0' || i == 0 || !strchr(more, c)))
			return false;
	}
	return s.n > 0;
}

static bool is_port(struct str s)
{
	int64_t port;
	return str_to_i64(s, 1, 65535, &port);
}

static bool is_name(struct str name)
{
	struct str component, host, port;
	for (bool more = true, first = true; more; first = false) {
		more = str_split_once(name, '/', &component, &name);
		if (first && more && str_split_once(component, ':', &host, &port) && is_port(port))
			component = host;
		if (!is_word(component, "._-"))
			return false;
	}
	return true;
}

bool image_is_reference(struct str image)
{
	struct str name, digest, algorithm, hex;
	if (image.n > REFERENCE_MAX)
		return false;
	if (str_split_once(image, '@', &name, &digest)) {
		if (!str_split_once(digest, ':', &algorithm, &hex) || !is_word(algorithm, "+._-") ||
		    hex.n < 32 || !id_is_hex(hex, hex.n))
			return false;
	}
	size_t colon = name.n; /* the last one, if no '/' is behind it */
	while (colon > 0 && name.p[colon - 1] != ':' && name.p[colon - 1] != '/')
		colon--;
	if (colon > 0 && name.p[colon - 1] == ':') {
		struct str tag = {name.p + colon, name.n - colon};
		if (tag.n > TAG_MAX || !is_word(tag, "._-"))
			return false;
		name.n = colon - 1;
	}
	return is_name(name);
}
