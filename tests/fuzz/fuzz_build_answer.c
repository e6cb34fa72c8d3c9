/* Whatever a build Pod says, in whatever pieces: what is whole is within the limits, and the zip is what its
 * hash says. */
#include "controller/build/answer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How it ended: 1 whole, 0 not yet, -1 refused. */
static int take(struct build_answer *answer, const uint8_t *data, size_t size, size_t piece)
{
	build_answer_init(answer);
	for (size_t at = 0; at < size; at += piece) {
		struct str bytes = {(const char *)data + at, size - at < piece ? size - at : piece};
		if (build_answer_take(answer, bytes, NULL) != 0)
			return -1;
	}
	return build_answer_end(answer, NULL) == 0;
}

static void check(const struct build_answer *answer)
{
	char hex[DIGEST_HEX_SIZE];
	if (answer->log.len > BUILD_ANSWER_LOG_MAX || answer->size > BUILD_ANSWER_MAX ||
	    answer->received != answer->size || (answer->fd >= 0) != (answer->verdict == BUILD_OK))
		abort();
	if (answer->fd >= 0 && (digest_file_hex(answer->fd, 0, answer->size, hex, NULL) != 0 ||
				strcmp(hex, answer->sha256) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct build_answer all, pieces;
	int first = take(&all, data, size, size ? size : 1);
	int second = take(&pieces, data, size, 3);
	if (first != second || all.log.len != pieces.log.len)
		abort();
	if (first == 1)
		check(&all);
	build_answer_free(&all);
	build_answer_free(&pieces);
	return 0;
}
