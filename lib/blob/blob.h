/* Bytes that don't fit a custom resource: skill bundles, files, large inputs, outputs and logs.
 * Content-addressed: the key of a blob is its digest. Two implementations: a directory (the API server's
 * embedded store) and HTTP with signed URLs (the controller's view of that store); S3 comes behind the same
 * interface. */
#ifndef SKILLBOX_BLOB_BLOB_H
#define SKILLBOX_BLOB_BLOB_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/http/client/client.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum blob_bucket { BLOB_SKILLS, BLOB_EXECUTIONS };

struct blob_store;

/* tenant: namespaces the blob, so that one tenant can't learn by upload that another has the same bytes. */
struct blob_key {
	enum blob_bucket bucket;
	const char *tenant; /* DNS-1123 label */
	const char *digest; /* "sha256:…" */
};

/* Called once, from the loop. error NULL: done. For reads, fd holds the bytes (offset 0, the callee's to
 * close), size their number. */
typedef void (*blob_done_cb)(void *context, const struct error *error, int fd, int64_t size);

/* Store size bytes of fd (from offset 0; fd stays the caller's and must stay open until done) under key; the
 * digest is verified while it is read (ERR_BAD_REQUEST if it differs). Storing what is there already
 * succeeds. */
int blob_put(struct blob_store *store, const struct blob_key *key, int fd, int64_t size, blob_done_cb done,
	     void *context, struct error *err);
/* Fetch a blob of at most max bytes; fd is a file that nobody changes (an unnamed temporary one, whose digest
 * was verified, or the embedded store's own, read-only, whose digest was when it was written). ERR_NOT_FOUND
 * if absent, ERR_TOO_LARGE beyond max. */
int blob_get(struct blob_store *store, const struct blob_key *key, int64_t max, blob_done_cb done,
	     void *context, struct error *err);
/* Is it there, in this size? Then it is as young as if it had just been put. ERR_NOT_FOUND if it isn't. Not
 * over HTTP.
 */
int blob_renew(struct blob_store *store, const struct blob_key *key, int64_t size, blob_done_cb done,
	       void *context, struct error *err);
/* Deleting what is absent succeeds. */
int blob_delete(struct blob_store *store, const struct blob_key *key, blob_done_cb done, void *context,
		struct error *err);
/* A URL that anybody can GET for `seconds` from now; filename: for Content-Disposition and the last path
 * segment. Appended to ret. */
int blob_presign_get(struct blob_store *store, const struct blob_key *key, const char *filename,
		     int64_t seconds, struct buffer *ret, struct error *err);
/* Is the store usable? Cheap. */
int blob_check(struct blob_store *store, struct error *err);
/* NULL-safe, returns NULL; also from inside a callback. What still runs is forgotten: its callbacks aren't
 * called. The loop must run on until the jobs on the thread pool have ended. Free an HTTP store before its
 * http_client. */
struct blob_store *blob_store_free(struct blob_store *store);

/* The embedded store: files below directory/BUCKET/TENANT/ab/cdef…, written to a temporary file, fsynced,
 * renamed. Reads and writes run on libuv's thread pool. public_url: base of presigned URLs
 * ("http://localhost:8080"). */
struct blob_store *blob_store_directory(uv_loop_t *loop, const char *directory, struct str signing_key,
					const char *public_url, struct error *err);
/* Its other end over HTTP: base_url is the API server's address inside the cluster. */
struct blob_store *blob_store_http(uv_loop_t *loop, struct http_client *client, const char *base_url,
				   struct str signing_key, struct error *err);

/* The API server's side of /blobs/…: which blob does a signed request ask for? path and query as sent. Checks
 * method
 * ("GET", "PUT", "DELETE"), signature (constant time) and expiry. On failure: ERR_FORBIDDEN or ERR_NOT_FOUND.
 */
struct blob_request {
	enum blob_bucket bucket;
	char tenant[64];
	char digest[72];
	char filename[128]; /* empty if the URL names none */
};
int blob_request_verify(struct str signing_key, const char *method, struct str path, struct str query,
			int64_t now_ms, struct blob_request *ret, struct error *err);

#endif
