/* A skill's files, encoded as the frames that a sandbox takes (FILE, DATA …): made once, in bounded memory
 * whatever the skill's size. A small bundle is in memory, where most runs are served from; a larger one in an
 * unnamed temporary file. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_BUNDLE_H
#define SKILLBOX_CONTROLLER_SANDBOX_BUNDLE_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/skill/archive.h"

#include <stdint.h>

#define BUNDLE_IN_MEMORY (64u * 1024) /* bytes of frames */
/* How large an archive may be is for the API server to say (SKILLBOX_MAX_SKILL_SIZE); this is only the end of
 * what makes sense, since no more than 200 MiB may come out of it. */
#define BUNDLE_MAX_ZIP (INT64_C(256) << 20)

struct bundle {
	char *frames; /* size bytes; NULL: they are in fd */
	int fd;       /* -1: none */
	int64_t size; /* bytes of frames */
	uint32_t file_count;
	uint64_t byte_count;     /* of file data, as START counts it */
	char *entrypoint;        /* path of the script */
	const char *interpreter; /* "python", "node" or "bash" */
	unsigned references;     /* bundle_ref, bundle_unref */
};

struct bundle *bundle_ref(struct bundle *bundle);
struct bundle *bundle_unref(struct bundle *bundle); /* NULL-safe; returns NULL */

/* Without its frames: what a job has to say of files that the sandbox has already. NULL: no memory. */
struct bundle *bundle_outline(const struct bundle *bundle);

/* Copy the n bytes of its frames that begin at offset; there must be so many. */
int bundle_read(const struct bundle *bundle, int64_t offset, char *ret, size_t n, struct error *err);

/* The blocking parts, for the thread pool and tests. lang may be "". The files of a zip file, or those in
 * `content`, whose entries have data. */
struct bundle *bundle_encode_zip(int zip_fd, struct str lang, struct error *err);
struct bundle *bundle_encode(const struct archive_content *content, struct str lang, struct error *err);

#endif
