#include "lib/policy/signing_key.h"

#include "lib/files/read_file.h"

int signing_key_check(struct str key, const char *where, struct error *err)
{
	if (key.n >= SIGNING_KEY_MIN && key.n <= SIGNING_KEY_MAX)
		return 0;
	return error_set(
	    err, ERR_BAD_REQUEST,
	    "the signing key in %s has %zu bytes, it needs %d to %d (make one: openssl rand -hex 32)", where,
	    key.n, SIGNING_KEY_MIN, SIGNING_KEY_MAX);
}

int signing_key_read(const char *path, struct buffer *ret, struct error *err)
{
	if (read_file(path, ret, err) != 0)
		return -1;
	struct str key = str_trim(buffer_str(ret));
	if (signing_key_check(key, path, err) != 0)
		return -1;
	buffer_consume(ret, (size_t)(key.p - ret->data));
	ret->len = key.n;
	ret->data[key.n] = '\0';
	return 0;
}
