/* What the files of the embedded store share. */
#ifndef SKILLBOX_BLOB_DIRECTORY_INTERNAL_H
#define SKILLBOX_BLOB_DIRECTORY_INTERNAL_H

#include "lib/blob/blob_internal.h"

#include <dirent.h>
#include <uv.h>

struct directory_store {
	struct blob_store store;
	uv_loop_t *loop;
	int root; /* lives as long as there are jobs */
	char *public_url;
	struct buffer signing_key;
	size_t jobs; /* on the pool */
	bool closed;
};

bool directory_is(const struct blob_store *store); /* is it an embedded one? */
struct directory_store *directory_from(struct blob_store *store);
/* Give its memory back if it is closed and nothing of it is on the pool. */
void directory_release(struct directory_store *store);

/* A folder below `at` to be read, with a position of its own; NULL with err. */
DIR *directory_open_folder(int at, const char *name, struct error *err);

/* Files that are being written. */
int directory_remove_stale(int root, struct error *err);

/* Blobs are renewed, and come to be, under the shared lock; what is old is looked at and removed under the
 * exclusive one. Held for a few system calls. A descriptor to close, which unlocks. */
int directory_lock_shared(int root, struct error *err);
int directory_lock_exclusive(int root, struct error *err);

#endif
