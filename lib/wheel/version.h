/* Versions of Python packages (PEP 440), as far as "is this the one that was asked for?" goes. */
#ifndef SKILLBOX_WHEEL_VERSION_H
#define SKILLBOX_WHEEL_VERSION_H

#include "lib/base/str.h"

#include <stdbool.h>

#define WHEEL_VERSION_SIZE 256

/* Does `have` match "==asked"? "1.0" is "1.0.0", "1.0-rc1" is "1.0rc1", and "2.1" takes "2.1+cpu". Versions
 * that are none of PEP 440's are compared letter by letter. */
bool wheel_version_matches(struct str asked, struct str have);

#endif
