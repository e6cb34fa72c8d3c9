/* What an embedded store takes: so many bytes of a tenant (SKILLBOX_MAX_STORED_SIZE), and of all of them as
 * much as leaves a reserve of the disk free, so that one tenant's writing ends before nobody can write.
 *
 * The account is kept in memory: blobs are counted once at the start, on the thread pool, and then what comes
 * and goes; puts under way have their bytes reserved. Until the count is done no tenant is refused, since
 * nothing is known. What a blob already has in the store costs nothing again. */
#ifndef SKILLBOX_BLOB_DIRECTORY_LIMITS_H
#define SKILLBOX_BLOB_DIRECTORY_LIMITS_H

#include "lib/blob/blob.h"

struct blob_limits {
	int64_t tenant_size;
	/* Puts of a tenant that wait for a thread; they take turns with those of others. */
	int64_t waiting;
};

/* From now on; the count begins. A put beyond them ends with ERR_NO_CAPACITY (the tenant's), ERR_STORAGE_FULL
 * (the disk), ERR_UNAVAILABLE (too many wait). */
int blob_directory_limit(struct blob_store *store, const struct blob_limits *limits, struct error *err);

/* Count again what is there: what was changed behind the store's back is then known. Does nothing while it
 * counts. */
int blob_directory_count(struct blob_store *store, struct error *err);

struct blob_usage {
	bool is_counted;
	int64_t size;    /* of all tenants */
	int64_t highest; /* of one */
	int64_t free;    /* bytes of the disk that may be written */
	int64_t reserve; /* of these are kept free */
};
/* Cheap. */
int blob_directory_usage(struct blob_store *store, struct blob_usage *ret, struct error *err);

#endif
