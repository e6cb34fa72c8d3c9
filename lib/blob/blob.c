#include "lib/blob/blob.h"

#include "lib/base/digest.h"
#include "lib/base/id.h"
#include "lib/blob/blob_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define COPY_BLOCK ((size_t)256 * 1024)
#define PRESIGN_MAX_SECONDS (7 * 24 * 3600)

static const char *const bucket_names[] = {[BLOB_SKILLS] = "skills", [BLOB_EXECUTIONS] = "executions"};
#define BUCKET_COUNT (sizeof(bucket_names) / sizeof(bucket_names[0]))

const char *blob_bucket_name(enum blob_bucket bucket)
{
	return bucket_names[bucket];
}

bool blob_bucket_find(struct str name, enum blob_bucket *ret)
{
	for (size_t i = 0; i < BUCKET_COUNT; i++) {
		if (str_eq(name, str_of(bucket_names[i]))) {
			*ret = (enum blob_bucket)i;
			return true;
		}
	}
	return false;
}

bool blob_tenant_is_valid(struct str tenant)
{
	if (tenant.n == 0 || tenant.n > 63 || tenant.p[0] == '-' || tenant.p[tenant.n - 1] == '-')
		return false;
	for (size_t i = 0; i < tenant.n; i++) {
		char c = tenant.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return true;
}

const char *blob_digest_hex(const char *digest)
{
	return digest + strlen("sha256:");
}

/* Keys become paths and URLs: nothing else may get there. */
static int check_key(const struct blob_key *key, struct error *err)
{
	if ((unsigned)key->bucket >= BUCKET_COUNT)
		return error_set(err, ERR_INTERNAL, "blob: there is no bucket %u", (unsigned)key->bucket);
	if (!blob_tenant_is_valid(str_of(key->tenant)))
		return error_set(err, ERR_BAD_REQUEST, "blob: invalid tenant \"%.80s\"",
				 key->tenant ? key->tenant : "");
	if (!digest_is_text(str_of(key->digest)))
		return error_set(err, ERR_BAD_REQUEST, "blob: invalid digest \"%.80s\"",
				 key->digest ? key->digest : "");
	return 0;
}

int blob_put(struct blob_store *store, const struct blob_key *key, int fd, int64_t size, blob_done_cb done,
	     void *context, struct error *err)
{
	if (check_key(key, err) != 0)
		return -1;
	if (size < 0)
		return error_set(err, ERR_INTERNAL, "blob: negative size");
	return store->operations->put(store, key, fd, size, done, context, err);
}

int blob_get(struct blob_store *store, const struct blob_key *key, int64_t max, blob_done_cb done,
	     void *context, struct error *err)
{
	if (check_key(key, err) != 0)
		return -1;
	if (max < 0)
		return error_set(err, ERR_INTERNAL, "blob: negative maximum");
	return store->operations->get(store, key, max, done, context, err);
}

int blob_renew(struct blob_store *store, const struct blob_key *key, int64_t size, blob_done_cb done,
	       void *context, struct error *err)
{
	if (check_key(key, err) != 0)
		return -1;
	if (!store->operations->renew)
		return error_set(err, ERR_NOT_IMPLEMENTED, "blob: this store renews nothing");
	return store->operations->renew(store, key, size, done, context, err);
}

int blob_delete(struct blob_store *store, const struct blob_key *key, blob_done_cb done, void *context,
		struct error *err)
{
	if (check_key(key, err) != 0)
		return -1;
	return store->operations->delete (store, key, done, context, err);
}

int blob_presign_get(struct blob_store *store, const struct blob_key *key, const char *filename,
		     int64_t seconds, struct buffer *ret, struct error *err)
{
	if (check_key(key, err) != 0)
		return -1;
	if (seconds < 1 || seconds > PRESIGN_MAX_SECONDS)
		return error_set(err, ERR_INTERNAL,
				 "blob: a URL is valid for 1 second to 7 days, not %lld seconds",
				 (long long)seconds);
	return store->operations->presign_get(store, key, filename, seconds, ret, err);
}

int blob_check(struct blob_store *store, struct error *err)
{
	return store->operations->check(store, err);
}

struct blob_store *blob_store_free(struct blob_store *store)
{
	if (store)
		store->operations->free(store);
	return NULL;
}

static int write_all(int fd, const char *data, size_t n, struct error *err)
{
	while (n > 0) {
		ssize_t put = write(fd, data, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && (errno == ENOSPC || errno == EDQUOT))
			return error_set(err, ERR_STORAGE_FULL, "the blob storage is full");
		if (put < 0)
			return error_errno(err, "write blob");
		data += put;
		n -= (size_t)put;
	}
	return 0;
}

static int copy_hashed(int from, int64_t size, struct digest *hash, char *block, int to, struct error *err)
{
	for (int64_t done = 0; done < size;) {
		size_t want = size - done > (int64_t)COPY_BLOCK ? COPY_BLOCK : (size_t)(size - done);
		ssize_t n = pread(from, block, want, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "read blob");
		if (n == 0)
			return error_set(err, ERR_IO, "read blob: it has %lld bytes instead of %lld",
					 (long long)done, (long long)size);
		if (digest_update(hash, block, (size_t)n, err) != 0 ||
		    (to >= 0 && write_all(to, block, (size_t)n, err) != 0))
			return -1;
		done += n;
	}
	return 0;
}

int blob_copy_verified(int from, int64_t size, const char *digest, int to, struct error *err)
{
	unsigned char raw[32];
	char hex[DIGEST_HEX_SIZE];
	cleanup_free char *block = malloc(COPY_BLOCK);
	if (!block)
		return error_no_memory(err);
	cleanup_digest struct digest *hash = digest_new(err);
	if (!hash || copy_hashed(from, size, hash, block, to, err) != 0 || digest_finish(hash, raw, err) != 0)
		return -1;
	id_hex(raw, sizeof(raw), hex);
	if (strcmp(hex, blob_digest_hex(digest)) != 0)
		return error_set(err, ERR_BAD_REQUEST, "the content has the digest sha256:%s, not %s", hex,
				 digest);
	return 0;
}
