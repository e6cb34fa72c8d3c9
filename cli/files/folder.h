/* A skill on this machine: a folder, or a zip of one. */
#ifndef SKILLBOX_CLI_FILES_FOLDER_H
#define SKILLBOX_CLI_FILES_FOLDER_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Against packing a wrong folder: the server's own limits are lower. */
#define FOLDER_FILES_MAX 20000
#define FOLDER_BYTES_MAX ((int64_t)4 << 30)

struct folder_file {
	char *name; /* relative, with '/' */
	int64_t size, modified_ns;
	bool is_executable;
};

/* The files that belong to a skill, in order of name: without .git, caches, what systems leave beside files,
 * and the zips that `skill package` made of it. */
struct folder {
	char *path;
	char *manifest; /* its SKILL.md's name, however its letters are written */
	struct folder_file *files;
	size_t count;
};

/* A symbolic link or a device in it, and no SKILL.md, are errors. */
int folder_read(const char *path, struct folder *ret, struct error *err);
void folder_free(struct folder *folder);
#define cleanup_folder __attribute__((cleanup(folder_free)))

/* A zip of it in a temporary file: the same bytes for the same files. manifest: instead of its SKILL.md; p
 * NULL: as it is. */
int folder_pack(const struct folder *folder, struct str manifest, int *ret_fd, int64_t *ret_size,
		struct error *err);

/* Append the text of one of its files. */
int folder_read_file(const struct folder *folder, const char *name, struct buffer *out, struct error *err);

/* A skill's zip: the one that `path` is, or one of the folder that it is. */
int skill_zip_open(const char *path, int *ret_fd, int64_t *ret_size, struct error *err);

#endif
