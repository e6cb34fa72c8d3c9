/* What the files of the embedded store share. */
#ifndef SKILLBOX_BLOB_DIRECTORY_INTERNAL_H
#define SKILLBOX_BLOB_DIRECTORY_INTERNAL_H

#include "lib/base/lanes.h"
#include "lib/blob/blob_internal.h"
#include "lib/blob/directory_account.h"

#include <dirent.h>
#include <stdatomic.h>
#include <uv.h>

struct directory_store {
	struct blob_store store;
	uv_loop_t *loop;
	int root; /* lives as long as there are jobs */
	char *public_url;
	struct buffer signing_key;
	size_t jobs; /* on the pool, or waiting for it */
	bool closed;
	atomic_bool is_ending; /* the same, for the pool */
	struct directory_account account;
	/* Puts take time by their size: so many run, the others wait, tenants by turns. */
	struct lanes waiting;
	int64_t waiting_max; /* of a tenant; 0: any number */
	unsigned puts;
};

bool directory_is(const struct blob_store *store); /* is it an embedded one? */
struct directory_store *directory_from(struct blob_store *store);
/* Give its memory back if it is closed and nothing of it is on the pool. */
void directory_release(struct directory_store *store);

/* Bytes of the disk that may be written, and how many of these are kept free. */
int directory_space(const struct directory_store *store, int64_t *ret_free, int64_t *ret_reserve,
		    struct error *err);

/* When a regular file was made (ns since 1970; 0: the file system doesn't know, or it is none), and its size;
 * name "": of the descriptor itself. */
int64_t directory_made_ns(int folder, const char *name, int64_t *ret_size);

/* A folder below `at` to be read, with a position of its own; NULL with err. */
DIR *directory_open_folder(int at, const char *name, struct error *err);

/* Files that are being written. */
int directory_remove_stale(int root, struct error *err);

/* Blobs are renewed, and come to be, under the shared lock; what is old is looked at and removed under the
 * exclusive one. Held for a few system calls. A descriptor to close, which unlocks. */
int directory_lock_shared(int root, struct error *err);
int directory_lock_exclusive(int root, struct error *err);

#endif
