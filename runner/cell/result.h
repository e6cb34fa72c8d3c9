/* The result of a job, and how it turns into frames. The result stays as it is; each connection has a cursor
 * of its own and gets it from the start. */
#ifndef SKILLBOX_RUNNER_CELL_RESULT_H
#define SKILLBOX_RUNNER_CELL_RESULT_H

#include "lib/frame/frame.h"
#include "runner/cell/collect.h"
#include "runner/cell/logs.h"

struct result {
	bool started;  /* the script runs or ran: `load_us` counts */
	bool finished; /* the rest counts */
	uint64_t load_us;
	struct frame_exit exit;
	uint32_t max_output;
	struct buffer reason; /* why the script failed; empty: it did not, or nothing tells */
	struct collection collection;
	const char *failed_reason; /* not NULL: FAILED instead of all that */
	char failed_message[FRAME_MAX_TEXT];
};

struct result_cursor {
	enum result_stage {
		RESULT_AT_STARTED,
		RESULT_AT_EXIT,
		RESULT_AT_OBJECT,
		RESULT_AT_DATA,
		RESULT_AT_END,
		RESULT_AT_DONE
	} stage;
	size_t object;         /* index of the object */
	uint64_t offset, size; /* in its data */
	int fd;                /* of a file that is being sent, or -1 */
	uint32_t object_count;
	uint64_t byte_count;
};

void result_init(struct result *result);
void result_fail(struct result *result, const char *reason, const char *message);
void result_free(struct result *result);

void result_cursor_init(struct result_cursor *cursor);
void result_cursor_free(struct result_cursor *cursor);

/* Append the next frame to out. 1: done; 0: there is none (yet); -1: the object can't be read, or out is
 * full. */
int result_next(const struct result *result, const struct logs *logs, struct result_cursor *cursor,
		struct buffer *out, struct error *err);

#endif
