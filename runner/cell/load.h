/* Unpacking a job: the skill's files below /sandbox/scripts, what it depends on below /sandbox/packages, the
 * input into /sandbox/input.json.
 *
 * Errors: ERR_PROTOCOL when the peer's frames contradict each other, ERR_BAD_REQUEST when the bundle can't be
 * laid out as files (a name twice, a file where a directory is needed) or has no room, ERR_IO for the rest.
 */
#ifndef SKILLBOX_RUNNER_CELL_LOAD_H
#define SKILLBOX_RUNNER_CELL_LOAD_H

#include "lib/frame/frame.h"
#include "runner/cell/place.h"

/* Input above this size is not repeated in the environment (Linux takes 128 KiB a string). */
#define LOAD_ENV_INPUT_MAX (120u * 1024)

struct load {
	const struct place *place; /* the caller's; must be made before the first file comes */
	int fd;                    /* of the object that is being written, or -1 */
	uint64_t left;             /* bytes that it still needs */
	struct str name;           /* of it, for messages; points into name_bytes */
	char name_bytes[FRAME_MAX_PATH];
	struct buffer made[2]; /* directories made in scripts and in packages, each NUL-terminated */
	struct buffer input;   /* the input, if it is small enough */
	uint64_t input_size;
	bool have_input;
	uint32_t file_count; /* packages' files included */
	bool have_packages;
	uint64_t byte_count;
};

void load_init(struct load *load, const struct place *place);
/* FILE or PACKAGE */
int load_file(struct load *load, const struct frame_file *file, bool is_package, struct error *err);
int load_input(struct load *load, uint64_t size, struct error *err);
int load_data(struct load *load, struct str data, struct error *err);
/* ERR_PROTOCOL if the object that is being written still needs bytes. */
int load_expect_whole(const struct load *load, struct error *err);
/* Is everything there that START says was sent? Then make it read-only. */
int load_finish(struct load *load, const struct frame_start *start, struct error *err);
/* Remove what was unpacked and start over. */
int load_discard(struct load *load, struct error *err);
void load_free(struct load *load);

#endif
