/* An answer in the making, which may be large: from USAGE_IN_MEMORY_MAX on, what is appended to its text goes
 * to a temporary file, which counts as such. Its maker appends as to any buffer, and looks at the end. */
#ifndef SKILLBOX_APISERVER_SPILL_H
#define SKILLBOX_APISERVER_SPILL_H

#include "apiserver/usage.h"
#include "lib/base/buffer.h"

#define SPILL_MAX ((int64_t)96 << 20) /* bytes of an answer: the largest record there is */

struct spill {
	struct buffer text; /* what is not in the file yet */
	int fd;             /* -1: it is small, and all of it is in text */
	int64_t size;       /* of the file */
	struct usage *usage;
	const char *tenant;
	struct usage_hold hold;
	int64_t reserved;     /* of hold; size once there is more */
	struct error problem; /* why something could not be appended; ERR_NONE */
};

/* It stays where it is; usage and tenant outlive it. */
void spill_init(struct spill *spill, struct usage *usage, const char *tenant);
/* There will be about so much: there is room for it, or spill_finish says that there isn't, and false comes
 * back. So nobody works for an answer that can't be given. */
bool spill_expect(struct spill *spill, int64_t size);
/* Nothing more is appended: all is in text, or all is in the file. Or what went wrong, as clients may see it:
 * ERR_UNAVAILABLE, or an internal error. */
int spill_finish(struct spill *spill, struct error *err);
void spill_clear(struct spill *spill);

#define cleanup_spill __attribute__((cleanup(spill_clear)))

#endif
