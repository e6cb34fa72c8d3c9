/* What the script writes to stdout and stderr, in order of arrival: the first half of a maximum and a ring
 * with the last half; and the end of each of the two by itself. */
#ifndef SKILLBOX_RUNNER_CELL_LOGS_H
#define SKILLBOX_RUNNER_CELL_LOGS_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdint.h>

#define LOGS_END_MAX (64u << 10)

/* The last bytes of one stream, in one piece. */
struct logs_end {
	char *bytes; /* room for twice the maximum: it is moved to the front only when it is full */
	size_t n;
};

struct logs {
	char *head; /* first half; head_max bytes, allocated at logs_init, touched as they come */
	size_t head_len, head_max;
	char *ring; /* the bytes behind, the newest ring_max of them */
	size_t ring_max;
	uint64_t total;
	struct logs_end output, errors; /* of stdout and of stderr */
};

int logs_init(struct logs *logs, size_t max, struct error *err);
void logs_free(struct logs *logs);

void logs_append(struct logs *logs, struct str bytes, bool is_stderr);

struct str logs_head(const struct logs *logs);
size_t logs_tail_size(const struct logs *logs);
/* Tail bytes from `offset` on, as many as are in one piece. */
struct str logs_tail(const struct logs *logs, size_t offset);
/* The last bytes of stderr, or of stdout, at least LOGS_END_MAX of them if there were so many. */
struct str logs_end(const struct logs *logs, bool is_stderr);

#endif
