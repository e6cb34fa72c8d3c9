/* PACKED frames: FILE, PACKAGE and DATA frames compressed, since each of their bytes passes through five
 * programs on its way into a sandbox, and most of what takes time there is the copying. LZ4's block format
 * (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md) by liblz4: it unpacks at memory's speed. */
#ifndef SKILLBOX_FRAME_PACKED_H
#define SKILLBOX_FRAME_PACKED_H

#include "lib/frame/frame.h"

/* Append `frames`, whole ones of at most FRAME_PACKED_SIZE bytes, to out: as one PACKED frame, or as they are
 * if that would save little. Blocking and CPU-bound. */
int packed_encode(struct str frames, struct buffer *out, struct error *err);

/* The frames in a PACKED frame, in place of what ret has. ret->max: at least FRAME_PACKED_SIZE. ERR_PROTOCOL
 * if they are not what it says. What the frames are is the caller's to look at: packed_may_hold. */
int packed_decode(const struct frame_packed *packed, struct buffer *ret, struct error *err);

bool packed_may_hold(enum frame_type type);

#endif
