/* Files as frames on their way into a bundle: packed block by block, in memory until there are too many for
 * that, then in a file. */
#ifndef SKILLBOX_RUN_ENCODER_H
#define SKILLBOX_RUN_ENCODER_H

#include "lib/frame/frame.h"
#include "lib/run/bundle.h"
#include "lib/skill/archive.h"

struct encoder {
	struct bundle *bundle;
	enum frame_type file_type;
	struct buffer plain; /* not packed yet: FRAME_PACKED_SIZE at most */
	struct buffer out;   /* not written yet */
};

/* file_type: FRAME_FILE or FRAME_PACKAGE. encoder_take frees what it has, also after a failure. */
int encoder_init(struct encoder *encoder, enum frame_type file_type, struct error *err);
/* Before the first file: it goes to a file, with `begin` bytes before the frames, which are the caller's to
 * fill. */
int encoder_to_file(struct encoder *encoder, int64_t begin, struct error *err);
/* The files; the encoder must stay where it is. */
struct archive_visitor encoder_visitor(struct encoder *encoder);
/* There are no more. */
int encoder_finish(struct encoder *encoder, struct error *err);
/* The bundle, without entrypoint and interpreter, or NULL if status is not 0. */
struct bundle *encoder_take(struct encoder *encoder, int status);

#endif
