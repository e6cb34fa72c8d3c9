/* What a sandbox sends of a run's end (EXIT, then logs, output, files, END): checked frame by frame against
 * the protocol and the limits, kept, and made into what people are shown. Of it nothing is on a loop or in a
 * store, so who runs a skill on this machine shows what a server would. */
#ifndef SKILLBOX_RUN_ARRIVAL_H
#define SKILLBOX_RUN_ARRIVAL_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/frame/frame.h"
#include "lib/run/run_result.h"

#include <stdbool.h>
#include <stdint.h>

struct arrival_limits {
	int64_t max_output, max_logs, max_files_bytes, max_files_count;
};

struct arrival_file {
	char *path;
	/* In the spool */
	int64_t offset, size;
	int64_t mtime;
	bool is_executable;
};

struct arrival {
	struct arrival_limits limits;
	bool has_exit, complete;
	struct frame_exit exit;
	bool in_object;
	enum frame_object_kind kind;
	uint64_t object_left;
	uint32_t object_count;
	uint64_t byte_count;
	struct buffer logs_head, logs_tail, output, reason;
	bool has_output, output_too_large;
	int64_t output_size;
	struct arrival_file *files;
	size_t file_count;
	/* The bytes of all files, one after the other; -1: none */
	int spool_fd;
	int64_t spool_size;
};

void arrival_init(struct arrival *arrival, const struct arrival_limits *limits);
void arrival_free(struct arrival *arrival);

/* One frame after another: EXIT, OBJECT, DATA, END. ERR_PROTOCOL if one doesn't fit. After END `complete` is
 * set, and its counts were right. */
int arrival_frame(struct arrival *arrival, const struct frame *frame, struct error *err);

/* The rest is for what is complete, and may run in another thread. */

/* How it ended, how large its output is and why it failed; the result is zeroed before. */
int arrival_make_end(const struct arrival *arrival, struct run_result *ret, struct error *err);
/* The output, minified: *ret_has, or ret->output_problem. */
int arrival_make_output(const struct arrival *arrival, struct run_result *ret, struct buffer *text,
			bool *ret_has, struct error *err);
/* The kept log with its marks, as UTF-8 without NUL; empty if there is none. Sets ret->logs_truncated. The
 * buffer: BUFFER(arrival_logs_max()). */
int arrival_make_logs(const struct arrival *arrival, struct run_result *ret, struct buffer *text,
		      struct error *err);
size_t arrival_logs_max(const struct arrival *arrival);
/* The paths in lexical order, as UTF-8; `files` of the arrival are sorted alike. */
int arrival_make_paths(struct arrival *arrival, struct run_result *ret, struct error *err);
/* Write the files as a gzip tar, at the start of fd. */
int arrival_write_archive(const struct arrival *arrival, int fd, int64_t *ret_size, struct error *err);

/* For tests. The kept log as text: head and tail joined, with a mark between if there is a gap; what is no
 * UTF-8, and NUL, as U+FFFD. */
int arrival_logs_text(struct str head, struct str tail, uint64_t total, struct buffer *out, bool *ret_gap,
		      struct error *err);

#endif
