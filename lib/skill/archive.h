/* Skill archives: a zip file in, a checked list of entries out (contract: archive rules). Blocking and
 * CPU-bound: on a server run it in the thread pool. */
#ifndef SKILLBOX_SKILL_ARCHIVE_H
#define SKILLBOX_SKILL_ARCHIVE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/skill/problems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive_limits {
	int64_t max_compressed, max_unpacked; /* bytes: 50 MiB, 200 MiB */
	unsigned max_entries;                 /* 2,000 */
	unsigned max_ratio;                   /* 200 */
};
extern const struct archive_limits archive_limits_default;

struct archive_entry {
	char *path;         /* relative, wrapper folder stripped */
	uint32_t mode;      /* permission bits, x among them; 0 became 0644 */
	int64_t modified_s; /* seconds since 1970, UTC; an archive without time zones is taken for UTC */
	char *data;         /* size bytes; NULL where only the visitor saw them */
	size_t size;
};

struct archive_content {
	struct archive_entry *entries; /* regular files only, in lexical order of path */
	size_t count;
	int64_t total; /* bytes unpacked */
};

/* Sees the files one after the other, in the order of the archive, while it is read. What it has seen counts
 * only if all ends well: a checksum comes behind its bytes. */
struct archive_visitor {
	/* A file begins; `data` is NULL. 0: its bytes are read; 1: they are skipped, unchecked; -1: the
	 * reading ends with this error. */
	int (*file)(void *context, const struct archive_entry *entry, struct error *err);
	/* The next of its bytes, at most about 256 KiB; -1 ends the reading. */
	int (*data)(void *context, struct str piece, struct error *err);
	void *context;
};

/* Read a zip from a file (from offset 0; the fd stays the caller's) in bounded memory: bytes of files go to
 * the visitor (NULL: they are only checked), and no entry of `ret` has data. All refusals are
 * ERR_INVALID_SKILL "invalid skill: …" naming the entry and the rule, or ERR_TOO_LARGE for the compressed
 * size. Mind: libarchive's seeking zip reader, so that the central directory counts; names are checked as
 * they stand in the archive. What macOS and Windows leave beside the files is not among them, and neither are
 * files beside the only folder when SKILL.md is in there. */
int archive_read_zip(int fd, const struct archive_limits *limits, const struct archive_visitor *visitor,
		     struct archive_content *ret, struct error *err);
/* The same with the problems one by one: -1 with err unset says that they are told there. */
int archive_examine_zip(int fd, const struct archive_limits *limits, const struct archive_visitor *visitor,
			struct archive_content *ret, struct problems *problems, struct error *err);
/* The same of a zip that is no skill's, such as a wheel: every file counts, as it stands; none is left out,
 * and no folder taken away. */
int archive_examine_plain_zip(int fd, const struct archive_limits *limits,
			      const struct archive_visitor *visitor, struct archive_content *ret,
			      struct problems *problems, struct error *err);
void archive_content_free(struct archive_content *content);
const struct archive_entry *archive_find(const struct archive_content *content, struct str path);

/* Is it SKILL.md, at the root, however its letters are written? */
bool archive_is_manifest(struct str path);
/* Sort entries that were not read from a zip as archive_find needs them. */
void archive_sort(struct archive_content *content);
/* The rules for names, of sorted entries that were not read from a zip. */
void archive_check_names(const struct archive_content *content, struct problems *problems);

/* Write files as a gzip tar (regular files, mode 0755 or 0644) to fd. */
struct archive_source {
	struct str path;
	int fd; /* bytes come from here */
	int64_t offset, size;
	int64_t mtime; /* seconds since 1970 */
	bool is_executable;
};
int archive_write_tar_gz(int out_fd, const struct archive_source *files, size_t count, int64_t *ret_size,
			 struct error *err);

#endif
