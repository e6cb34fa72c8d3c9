/* What the server says of its images: GET /v1/images. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_IMAGES_H
#define SKILLBOX_CLI_DEPENDENCIES_IMAGES_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stddef.h>

/* The Python target of an image, or, where image is "", of the one that Python skills have by default.
 * images: the server's answer. */
int images_target(struct str images, const char *image, char *ret, size_t size, struct error *err);
/* The machine of any target that is known there; "" if none is. */
void images_machine(struct str images, char *ret, size_t size);

#endif
