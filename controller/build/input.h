/* What a build Pod is given: of a skill's archive what its requirements are, for which Python, from which
 * index. */
#ifndef SKILLBOX_CONTROLLER_BUILD_INPUT_H
#define SKILLBOX_CONTROLLER_BUILD_INPUT_H

#include "lib/base/buffer.h"
#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/wheel/target.h"

#include <stdint.h>

#define BUILD_INPUT_MAX ((size_t)8 << 20)

struct build_input_request {
	int zip_fd; /* stays the caller's */
	const struct wheel_target *target;
	const char *index_url;
	int64_t timeout_ms;
};

struct build_input {
	/* As the program reads it: its length in a line, then JSON. */
	struct buffer text;
	/* Of all that the packages depend on: the same key, the same packages. */
	char key[DIGEST_TEXT_SIZE];
	/* Unpacked, of all files of the archive. */
	int64_t file_bytes;
};

/* Of requirements.lock if there is one, else requirements.txt, with the files that it includes by -r and -c.
 * Blocking: for the thread pool. ERR_INVALID_SKILL: it can't be built as it is. */
int build_input_read(const struct build_input_request *request, struct build_input *ret, struct error *err);
void build_input_free(struct build_input *input);

#endif
