/* A skill's folder on this machine. */
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
	char *from; /* where it is, of one that was added; NULL: in the folder */
	int64_t size, modified_ns;
	bool is_executable;
};

/* The files that belong to a skill, in order of name: without .git, caches, virtual environments, what
 * systems leave beside files, and the zips that `skill package` made of it. */
struct folder {
	char *path;
	char *manifest; /* its SKILL.md's name, however its letters are written */
	struct folder_file *files;
	size_t count, room;
};

/* A symbolic link or a device in it, and no SKILL.md, are errors. */
int folder_read(const char *path, struct folder *ret, struct error *err);
void folder_free(struct folder *folder);
#define cleanup_folder __attribute__((cleanup(folder_free)))

/* One file more, which the folder doesn't have, or instead of one that it has; sort it in the end. */
int folder_add(struct folder *folder, const char *name, const char *from, bool is_executable,
	       struct error *err);
void folder_sort(struct folder *folder);
/* It is no part of it any more; on disk it stays. */
void folder_drop(struct folder *folder, const char *name);
/* Has it a file of this name; or, with '/' at its end, any in this folder? */
bool folder_has(const struct folder *folder, const char *name);
/* Are there wheels in it: wheels/NAME.whl? */
bool folder_has_wheels(const struct folder *folder);

struct folder_packing {
	struct str manifest; /* instead of its SKILL.md; p NULL: as it is */
	/* Instead of its wheels, wheels/sha256sums: their digests and names, by which a server knows them. */
	bool sums_for_wheels;
	const char *without; /* a file that is left out; NULL: none */
};
/* A zip of it in a temporary file: the same bytes for the same files. */
int folder_pack(const struct folder *folder, const struct folder_packing *how, int *ret_fd, int64_t *ret_size,
		struct error *err);

/* Append the text of one of its files. */
int folder_read_file(const struct folder *folder, const char *name, struct buffer *out, struct error *err);

#endif
