/* Files without a name, for what is too large for memory. */
#ifndef SKILLBOX_LIB_BASE_TEMPORARY_H
#define SKILLBOX_LIB_BASE_TEMPORARY_H

#include "lib/base/error.h"
#include "lib/base/str.h"

/* An unnamed temporary file (O_TMPFILE in $TMPDIR or /tmp), close-on-exec. */
int temporary_file(struct error *err);
/* All of data at the current offset. */
int temporary_write(int fd, struct str data, struct error *err);

#endif
