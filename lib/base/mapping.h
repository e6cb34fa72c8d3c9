/* A file's bytes as text without a copy in the heap. The file must not become shorter meanwhile: of what is
 * not there any more a read ends the process. */
#ifndef SKILLBOX_BASE_MAPPING_H
#define SKILLBOX_BASE_MAPPING_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdint.h>

struct mapping {
	struct str text; /* p NULL: none */
	void *pages;
};

/* The first size bytes of fd, which is closed in every case. ERR_IO if it is shorter. */
int mapping_take(struct mapping *ret, int fd, int64_t size, struct error *err);
/* It is nothing then. */
void mapping_clear(struct mapping *mapping);

#endif
