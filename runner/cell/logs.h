/* What the script writes to stdout and stderr, in order of arrival: the first half of a maximum and a ring
 * with the last half; and the last line of stderr that is not blank. */
#ifndef SKILLBOX_RUNNER_CELL_LOGS_H
#define SKILLBOX_RUNNER_CELL_LOGS_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdint.h>

#define LOGS_LINE_MAX 1024u

struct logs {
	char *head; /* first half; head_max bytes, allocated at logs_init, touched as they come */
	size_t head_len, head_max;
	char *ring; /* the bytes behind, the newest ring_max of them */
	size_t ring_max;
	uint64_t total;
	/* Of stderr: the line that grows, and the last whole one that is not blank. */
	char line[LOGS_LINE_MAX], last[LOGS_LINE_MAX];
	size_t line_len, last_len;
};

int logs_init(struct logs *logs, size_t max, struct error *err);
void logs_free(struct logs *logs);

void logs_append(struct logs *logs, struct str bytes, bool is_stderr);

struct str logs_head(const struct logs *logs);
size_t logs_tail_size(const struct logs *logs);
/* Tail bytes from `offset` on, as many as are in one piece. */
struct str logs_tail(const struct logs *logs, size_t offset);
struct str logs_last_stderr_line(const struct logs *logs); /* trimmed; empty if there is none */

#endif
