/* Random identifiers and hexadecimal text. */
#ifndef SKILLBOX_BASE_ID_H
#define SKILLBOX_BASE_ID_H

#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n bytes of the kernel's randomness (getentropy); ends the process if the kernel has none, as nothing safe
 * can follow. */
void id_random(void *ret, size_t n);

#define ID_UUID_SIZE 37
void id_uuid4(char ret[ID_UUID_SIZE]); /* RFC 9562 version 4, lower case */
bool id_is_uuid(struct str s);         /* 8-4-4-4-12 lower- or upper-case hex, any version */

void id_hex(const void *data, size_t n, char *ret); /* ret: 2 n + 1 bytes, lower case, NUL-terminated */
bool id_is_hex(struct str s, size_t digits);        /* exactly that many lower-case hex digits */

#endif
