/* What a build Pod answers over its stream (charts/skillbox/build/build.py), taken piece by piece: a line, a
 * log, a zip of wheels and a mark at the end. A stream can be cut without an error, so only what is whole
 * counts. */
#ifndef SKILLBOX_CONTROLLER_BUILD_ANSWER_H
#define SKILLBOX_CONTROLLER_BUILD_ANSWER_H

#include "lib/base/buffer.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Of the wheels of one skill, packed. */
#define BUILD_ANSWER_MAX ((int64_t)256 << 20)
#define BUILD_ANSWER_LOG_MAX 12288

enum build_verdict {
	BUILD_OK,
	/* Another try would end the same. */
	BUILD_REFUSED,
	BUILD_FAILED
};

struct build_answer {
	enum { ANSWER_HEAD, ANSWER_LOG, ANSWER_ZIP, ANSWER_TAIL, ANSWER_WHOLE } stage;
	struct buffer line; /* of the head, then of the tail */
	enum build_verdict verdict;
	struct buffer log; /* of a failure, its first line is the reason */
	size_t log_size;
	/* An unnamed temporary file; -1: there is no zip. */
	int fd;
	int64_t size, received;
	char sha256[DIGEST_HEX_SIZE];
	struct digest *digest;
};

void build_answer_init(struct build_answer *answer);
/* The next bytes. ERR_PROTOCOL: no answer has these; ERR_TOO_LARGE. */
int build_answer_take(struct build_answer *answer, struct str bytes, struct error *err);
/* No more come. ERR_UNAVAILABLE if something is missing. */
int build_answer_end(const struct build_answer *answer, struct error *err);
/* The reason of a failure: the log's first line. */
struct str build_answer_reason(const struct build_answer *answer);
/* The log stays. */
void build_answer_drop_zip(struct build_answer *answer);
void build_answer_free(struct build_answer *answer);

#endif
