/* What the implementations of struct blob_store share. */
#ifndef SKILLBOX_BLOB_BLOB_INTERNAL_H
#define SKILLBOX_BLOB_BLOB_INTERNAL_H

#include "lib/base/buffer.h"
#include "lib/blob/blob.h"

/* As the functions of the same names in blob.h; the key was checked. */
struct blob_operations {
	int (*put)(struct blob_store *store, const struct blob_key *key, int fd, int64_t size,
		   blob_done_cb done, void *context, struct error *err);
	int (*get)(struct blob_store *store, const struct blob_key *key, int64_t max, blob_done_cb done,
		   void *context, struct error *err);
	/* NULL: the store has none */
	int (*renew)(struct blob_store *store, const struct blob_key *key, int64_t size, blob_done_cb done,
		     void *context, struct error *err);
	int (*delete)(struct blob_store *store, const struct blob_key *key, blob_done_cb done, void *context,
		      struct error *err);
	int (*presign_get)(struct blob_store *store, const struct blob_key *key, const char *filename,
			   int64_t seconds, struct buffer *ret, struct error *err);
	int (*check)(struct blob_store *store, struct error *err);
	void (*free)(struct blob_store *store);
};

/* First member of each implementation. */
struct blob_store {
	const struct blob_operations *operations;
};

/* Bytes of the secret that signs URLs. */
#define BLOB_SIGNING_KEY_MAX 4096

const char *blob_bucket_name(enum blob_bucket bucket); /* "skills", "executions" */
bool blob_bucket_find(struct str name, enum blob_bucket *ret);
bool blob_tenant_is_valid(struct str tenant);    /* a DNS-1123 label */
bool blob_filename_is_valid(struct str name);    /* of a presigned URL; empty: none */
const char *blob_digest_hex(const char *digest); /* what stands behind "sha256:" */

/* Read size bytes of `from` (at offset 0; its position stays) and compare their digest; with to >= 0 write
 * them there too. ERR_BAD_REQUEST if the digest differs, ERR_IO if the file is shorter. Blocking: for the
 * thread pool. */
int blob_copy_verified(int from, int64_t size, const char *digest, int to, struct error *err);

/* Append BASE/blobs/BUCKET/TENANT/HEX[/FILENAME]?expires=…&method=…&signature=…; expires in seconds since
 * 1970. */
int signed_url_append(struct buffer *ret, const char *base, const struct blob_key *key, const char *filename,
		      const char *method, int64_t expires, struct str signing_key, struct error *err);

#endif
