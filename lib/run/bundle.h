/* A skill's files, encoded as the frames that a sandbox takes (FILE, DATA …): made once, in bounded memory
 * whatever the skill's size. A small bundle is in memory, where most runs are served from; a larger one in an
 * unnamed temporary file. */
#ifndef SKILLBOX_RUN_BUNDLE_H
#define SKILLBOX_RUN_BUNDLE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/frame/frame.h"
#include "lib/skill/archive.h"

#include <stdint.h>

/* Bytes of frames; a larger bundle is in a file. */
#define BUNDLE_IN_MEMORY (64u * 1024)
/* How large an archive may be is for the API server to say (SKILLBOX_MAX_SKILL_SIZE); this is only the end of
 * what makes sense, since no more than 200 MiB may come out of it. */
#define BUNDLE_MAX_ZIP (INT64_C(256) << 20)

/* Bytes of a skill's instructions that a run is given (contract of SKILL_INSTRUCTIONS, docs/skills.md) */
#define BUNDLE_MAX_INSTRUCTIONS ((size_t)64 * 1024)

/* Counted, and never changed once it is made. */
struct bundle {
	/* `size` bytes; NULL: they are in fd (-1: none), from `begin` on */
	char *frames;
	int fd;
	int64_t begin, size;
	uint32_t file_count;
	/* Of file data, as START counts it. */
	uint64_t byte_count;
	/* Path of the script; "": packages have none. */
	char *entrypoint;
	/* "python", "node" or "bash"; NULL: of packages */
	const char *interpreter;
	unsigned references;
};

struct bundle *bundle_ref(struct bundle *bundle);
/* NULL-safe; returns NULL. */
struct bundle *bundle_unref(struct bundle *bundle);

/* Without its frames: what a job has to say of files that the sandbox has already. NULL: no memory. */
struct bundle *bundle_outline(const struct bundle *bundle);

/* Copy the n bytes of its frames that begin at offset; there must be so many. */
int bundle_read(const struct bundle *bundle, int64_t offset, char *ret, size_t n, struct error *err);

/* What a sandbox is given is one bundle behind the other: the packages' (NULL: none), then the files'. The
 * bytes of their frames: */
int64_t bundles_size(const struct bundle *packages, const struct bundle *files);
/* Append the next of them, of which *sent went before, to `out`: at most `max`. There must be some left. */
int bundles_append(const struct bundle *packages, const struct bundle *files, int64_t *sent, size_t max,
		   struct buffer *out, struct error *err);
/* The frame START behind them and an input of so many bytes. */
struct frame bundles_start(const struct bundle *packages, const struct bundle *files, uint64_t input_size);

/* Encode the files of a zip file, or those of `content`, whose entries have data. lang and entrypoint are the
 * skill's; "": it says none. Both block, so on a server they are for the thread pool. ERR_INVALID_SKILL: it
 * is no runnable skill. */
struct bundle *bundle_encode_zip(int zip_fd, const char *lang, const char *entrypoint, struct error *err);
struct bundle *bundle_encode(const struct archive_content *content, const char *lang, const char *entrypoint,
			     struct error *err);

#endif
