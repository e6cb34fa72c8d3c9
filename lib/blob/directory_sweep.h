/* Sweeping an embedded store: which blobs are old, page by page, and the removal of those that nobody names.
 * A blob's age counts from its last blob_put, also when it was there already. */
#ifndef SKILLBOX_BLOB_DIRECTORY_SWEEP_H
#define SKILLBOX_BLOB_DIRECTORY_SWEEP_H

#include "lib/base/digest.h"
#include "lib/blob/blob.h"

#define BLOB_PAGE_MAX 256

/* How far a walk has come; zeroed: not begun. */
struct blob_cursor {
	char part[4][80]; /* bucket, tenant, first two hex digits, the others */
};

struct blob_name {
	enum blob_bucket bucket;
	char tenant[64];
	char digest[DIGEST_TEXT_SIZE];
};

struct blob_page {
	struct blob_name blobs[BLOB_PAGE_MAX]; /* by bucket, tenant, digest */
	size_t count;
	struct blob_cursor next;
	bool is_last;
};

/* Blobs behind the cursor that were stored before a time (ms since 1970): at most BLOB_PAGE_MAX, fewer if
 * many younger ones had to be looked at. The first page also removes what a crash left half written. The page
 * is valid during the call. */
typedef void (*blob_page_cb)(void *context, const struct error *error, const struct blob_page *page);
int blob_directory_old(struct blob_store *store, const struct blob_cursor *after, int64_t before_ms,
		       blob_page_cb done, void *context, struct error *err);

/* Remove those that were still stored before that time: a put that has succeeded meanwhile keeps its blob. */
struct blob_removal {
	size_t count;
	int64_t bytes;
};
typedef void (*blob_removal_cb)(void *context, const struct error *error, const struct blob_removal *removed);
int blob_directory_remove(struct blob_store *store, const struct blob_name *blobs, size_t count,
			  int64_t before_ms, blob_removal_cb done, void *context, struct error *err);

#endif
