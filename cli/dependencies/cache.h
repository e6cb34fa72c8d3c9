/* Packages that were downloaded, kept for the next time: XDG_CACHE_HOME/skillbox/packages/KEY/, a set for
 * each lock and target. `sha256sums` beside its files has the digest of each, and a set that isn't what that
 * says is thrown away. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_CACHE_H
#define SKILLBOX_CLI_DEPENDENCIES_CACHE_H

#include "cli/files/sha256.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stdbool.h>

/* Of all sets; the one that was used last stays whatever its size. */
#define CACHE_SETS_MAX 20
#define CACHE_BYTES_MAX ((int64_t)2 << 30)

/* One of the files of a set. */
struct cache_file {
	char *name; /* below the set, with '/' */
	char hex[SHA256_HEX_SIZE];
	bool is_executable;
};
struct cache_set {
	char *path;               /* where its files are */
	struct cache_file *files; /* in order of name */
	size_t count;
};
void cache_set_free(struct cache_set *set);
#define cleanup_cache_set __attribute__((cleanup(cache_set_free)))

/* *ret_found: there is one, and it is whole. */
int cache_find(const char *key, struct cache_set *ret, bool *ret_found, struct error *err);

/* A new folder for what is downloaded, on its way to be a set. */
struct cache_work {
	char *path;  /* for what else is needed on the way */
	char *files; /* in it: what becomes the set */
};
int cache_begin(struct cache_work *ret, struct error *err);
/* What is in it by now; skip: names of files and folders to leave out, wherever they are; NULL ends them. */
int cache_list(const struct cache_work *work, const char *const *skip, struct cache_set *ret,
	       struct error *err);
/* It is that set from now on, with the files of `set`, whose path becomes the new one; the oldest go. */
int cache_keep(const struct cache_work *work, const char *key, struct cache_set *set, struct error *err);
/* Away with what is left of it. */
void cache_end(struct cache_work *work);
#define cleanup_cache_work __attribute__((cleanup(cache_end)))

#endif
