/* Which of the known names did they mean? For messages about names that are none. */
#ifndef SKILLBOX_BASE_NEAREST_H
#define SKILLBOX_BASE_NEAREST_H

#include "lib/base/str.h"

/* One of names[] that `given` is likely to be a slip of: a letter or two added, left out, changed or swapped,
 * other case, '-' for '_', or something appended ("skill_name" for "skill"). NULL: none is near enough to be
 * worth the guess. */
const char *nearest_name(struct str given, const char *const *names, size_t count);

#endif
