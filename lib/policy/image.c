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
