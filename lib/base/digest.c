#include "lib/base/digest.h"

#include "lib/base/id.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

struct digest {
	EVP_MD_CTX *context;
};

struct digest *digest_new(struct error *err)
{
	struct digest *d = calloc(1, sizeof(*d));
	if (d)
		d->context = EVP_MD_CTX_new();
	if (!d || !d->context) {
		error_no_memory(err);
		return digest_free(d);
	}
	if (EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) != 1) {
		error_set(err, ERR_INTERNAL, "SHA-256 is not available in this OpenSSL");
		return digest_free(d);
	}
	return d;
}

int digest_update(struct digest *d, const void *data, size_t n, struct error *err)
{
	if (n > 0 && EVP_DigestUpdate(d->context, data, n) != 1)
		return error_set(err, ERR_INTERNAL, "SHA-256 failed");
	return 0;
}

int digest_finish(struct digest *d, unsigned char ret[32], struct error *err)
{
	if (EVP_DigestFinal_ex(d->context, ret, NULL) != 1)
		return error_set(err, ERR_INTERNAL, "SHA-256 failed");
	return 0;
}

struct digest *digest_free(struct digest *d)
{
	if (d)
		EVP_MD_CTX_free(d->context);
	free(d);
	return NULL;
}

int digest_sha256_hex(struct str data, char ret[DIGEST_HEX_SIZE], struct error *err)
{
	unsigned char raw[32];
	if (EVP_Digest(data.n ? data.p : "", data.n, raw, NULL, EVP_sha256(), NULL) != 1)
		return error_set(err, ERR_INTERNAL, "SHA-256 failed");
	id_hex(raw, sizeof(raw), ret);
	return 0;
}

int digest_text(struct str data, char ret[DIGEST_TEXT_SIZE], struct error *err)
{
	char hex[DIGEST_HEX_SIZE];
	if (digest_sha256_hex(data, hex, err) != 0)
		return -1;
	snprintf(ret, DIGEST_TEXT_SIZE, "sha256:%s", hex);
	return 0;
}

static int update_from_file(struct digest *d, int fd, int64_t offset, int64_t size, struct error *err)
{
	char block[16384];
	for (int64_t done = 0; done < size;) {
		size_t want = size - done < (int64_t)sizeof(block) ? (size_t)(size - done) : sizeof(block);
		ssize_t n = pread(fd, block, want, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "can't read a file for its digest");
		if (n == 0)
			return error_set(err, ERR_IO,
					 "can't read a file for its digest: it ends at byte %" PRId64
					 " of %" PRId64,
					 offset + done, offset + size);
		if (digest_update(d, block, (size_t)n, err) != 0)
			return -1;
		done += n;
	}
	return 0;
}

int digest_file_hex(int fd, int64_t offset, int64_t size, char ret[DIGEST_HEX_SIZE], struct error *err)
{
	unsigned char raw[32];
	cleanup_digest struct digest *d = digest_new(err);
	if (!d || update_from_file(d, fd, offset, size, err) != 0 || digest_finish(d, raw, err) != 0)
		return -1;
	id_hex(raw, sizeof(raw), ret);
	return 0;
}

int digest_file_text(int fd, int64_t offset, int64_t size, char ret[DIGEST_TEXT_SIZE], struct error *err)
{
	char hex[DIGEST_HEX_SIZE];
	if (digest_file_hex(fd, offset, size, hex, err) != 0)
		return -1;
	snprintf(ret, DIGEST_TEXT_SIZE, "sha256:%s", hex);
	return 0;
}

bool digest_is_text(struct str s)
{
	struct str prefix = STR("sha256:");
	return str_starts_with(s, prefix) && id_is_hex((struct str){s.p + prefix.n, s.n - prefix.n}, 64);
}

int digest_hmac_sha256(struct str key, struct str data, unsigned char ret[32], struct error *err)
{
	if (key.n > INT_MAX)
		return error_set(err, ERR_BAD_REQUEST, "HMAC key of %zu bytes is too long", key.n);
	/* A pointer of NULL means "the key of before" to HMAC(), so an empty key needs one that isn't. */
	if (!HMAC(EVP_sha256(), key.n ? key.p : "", (int)key.n, (const unsigned char *)(data.n ? data.p : ""),
		  data.n, ret, NULL))
		return error_set(err, ERR_INTERNAL, "HMAC-SHA-256 failed");
	return 0;
}

int digest_hmac_sha256_hex(struct str key, struct str data, char ret[DIGEST_HEX_SIZE], struct error *err)
{
	unsigned char raw[32];
	if (digest_hmac_sha256(key, data, raw, err) != 0)
		return -1;
	id_hex(raw, sizeof(raw), ret);
	return 0;
}
