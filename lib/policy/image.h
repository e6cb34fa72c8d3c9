/* Which images skills may run in. */
#ifndef SKILLBOX_POLICY_IMAGE_H
#define SKILLBOX_POLICY_IMAGE_H

#include "lib/base/str.h"

#include <stdbool.h>

/* Is `image` on the comma-separated allowlist? An entry without digest allows the same name with any digest
 * ("python:3.12-slim@sha256:…"); an entry with a digest allows only exactly itself. "docker.io/library/" in
 * front makes no difference. */
bool image_is_allowed(struct str image, struct str allowlist);

/* Its name and tag: without "docker.io/library/" in front and without a digest behind. */
struct str image_name(struct str image);

/* Has it the form of an image reference: NAME[:TAG][@ALGORITHM:HEX], the name in components that '/' divides,
 * the first of which may have a port? */
bool image_is_reference(struct str image);

#endif
