/* What the script left: /sandbox/out/output.json and the files below /sandbox/out/files. Called when no
 * process of the script lives any more, so nothing changes while it looks. */
#ifndef SKILLBOX_RUNNER_CELL_COLLECT_H
#define SKILLBOX_RUNNER_CELL_COLLECT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define COLLECT_MAX_ENTRIES 65536u /* directory entries looked at */

struct collected_file {
	size_t offset, length; /* of its path in `paths` */
	uint64_t size;
	uint64_t mtime; /* seconds since 1970, within what the protocol takes */
	bool is_executable;
};

struct collection {
	int output_fd; /* -1: there is no output.json that is a regular file */
	uint64_t output_size;
	int files_fd; /* of out/files; -1: there is none */
	struct buffer paths;
	struct collected_file *files; /* in lexical order (bytes) */
	size_t count;
	uint32_t skipped; /* symlinks, special files, unreadable ones, paths beyond the protocol's bounds */
	bool over_limit;  /* files were left out because of the limits */
};

int collect(int sandbox_fd, uint64_t max_bytes, uint32_t max_count, struct collection *ret,
	    struct error *err);
struct str collection_path(const struct collection *collection, size_t index);
void collection_free(struct collection *collection);

#endif
