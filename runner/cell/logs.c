#include "runner/cell/logs.h"

#include <stdlib.h>

int logs_init(struct logs *logs, size_t max, struct error *err)
{
	*logs = (struct logs){.head_max = max / 2, .ring_max = max - max / 2};
	logs->head = malloc(logs->head_max ? logs->head_max : 1);
	logs->ring = malloc(logs->ring_max ? logs->ring_max : 1);
	logs->output.bytes = malloc(2u * LOGS_END_MAX); /* touched as they come, too */
	logs->errors.bytes = malloc(2u * LOGS_END_MAX);
	if (!logs->head || !logs->ring || !logs->output.bytes || !logs->errors.bytes) {
		logs_free(logs);
		return error_no_memory(err);
	}
	return 0;
}

void logs_free(struct logs *logs)
{
	free(logs->head);
	free(logs->ring);
	free(logs->output.bytes);
	free(logs->errors.bytes);
	logs->head = logs->ring = logs->output.bytes = logs->errors.bytes = NULL;
	logs->output.n = logs->errors.n = 0;
}

/* Write n bytes (≤ ring_max) where stream position `position` (counted behind the head) is in the ring. */
static void ring_write(struct logs *logs, uint64_t position, struct str bytes)
{
	size_t at = (size_t)(position % logs->ring_max);
	size_t first = logs->ring_max - at < bytes.n ? logs->ring_max - at : bytes.n;
	memcpy(logs->ring + at, bytes.p, first);
	memcpy(logs->ring, bytes.p + first, bytes.n - first);
}

static void keep(struct logs *logs, struct str bytes)
{
	size_t room = logs->head_max - logs->head_len;
	size_t n = bytes.n < room ? bytes.n : room;
	if (n > 0) {
		memcpy(logs->head + logs->head_len, bytes.p, n);
		logs->head_len += n;
		bytes = (struct str){bytes.p + n, bytes.n - n};
		logs->total += n;
	}
	uint64_t position = logs->total - logs->head_len;
	logs->total += bytes.n;
	if (bytes.n == 0 || logs->ring_max == 0)
		return;
	if (bytes.n > logs->ring_max) { /* only the end of it can stay */
		position += bytes.n - logs->ring_max;
		bytes = (struct str){bytes.p + (bytes.n - logs->ring_max), logs->ring_max};
	}
	ring_write(logs, position, bytes);
}

static void keep_end(struct logs_end *end, struct str bytes)
{
	if (bytes.n >= LOGS_END_MAX) {
		bytes = (struct str){bytes.p + (bytes.n - LOGS_END_MAX), LOGS_END_MAX};
		end->n = 0;
	} else if (end->n + bytes.n > 2u * LOGS_END_MAX) { /* so end->n is above LOGS_END_MAX */
		memmove(end->bytes, end->bytes + (end->n - LOGS_END_MAX), LOGS_END_MAX);
		end->n = LOGS_END_MAX;
	}
	if (bytes.n > 0)
		memcpy(end->bytes + end->n, bytes.p, bytes.n);
	end->n += bytes.n;
}

void logs_append(struct logs *logs, struct str bytes, bool is_stderr)
{
	keep(logs, bytes);
	keep_end(is_stderr ? &logs->errors : &logs->output, bytes);
}

struct str logs_head(const struct logs *logs)
{
	return (struct str){logs->head, logs->head_len};
}

size_t logs_tail_size(const struct logs *logs)
{
	uint64_t behind = logs->total - logs->head_len;
	return behind < logs->ring_max ? (size_t)behind : logs->ring_max;
}

struct str logs_tail(const struct logs *logs, size_t offset)
{
	size_t size = logs_tail_size(logs);
	if (offset >= size)
		return (struct str){NULL, 0};
	uint64_t position = logs->total - logs->head_len - size + offset;
	size_t at = (size_t)(position % logs->ring_max);
	size_t n = size - offset;
	if (n > logs->ring_max - at)
		n = logs->ring_max - at;
	return (struct str){logs->ring + at, n};
}

struct str logs_end(const struct logs *logs, bool is_stderr)
{
	const struct logs_end *end = is_stderr ? &logs->errors : &logs->output;
	return (struct str){end->bytes, end->n};
}
