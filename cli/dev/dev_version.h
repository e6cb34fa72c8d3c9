/* The version under which `dev` tries a skill out: VERSION-dev.HASH, which the server neither lists nor takes
 * for the latest, and deletes after a day. */
#ifndef SKILLBOX_CLI_DEV_DEV_VERSION_H
#define SKILLBOX_CLI_DEV_DEV_VERSION_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdint.h>

/* "1.2.0" → "1.2.0-dev.0123abcd"; a -pre.release and a +build go, since only X-dev.HASH is such a version. */
int dev_version_make(struct str version, uint32_t hash, struct buffer *ret, struct error *err);

/* Append SKILL.md's text with this version in the place of its own, or in a line of its own. */
int dev_version_write(struct str manifest, struct str version, struct buffer *out, struct error *err);

#endif
