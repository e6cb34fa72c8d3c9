/* CRC-32 as gzip and zip have it (ISO 3309). */
#ifndef SKILLBOX_CLI_FILES_CRC32_H
#define SKILLBOX_CLI_FILES_CRC32_H

#include "lib/base/str.h"

/* before: 0, or what came of the bytes before. */
uint32_t crc32_update(uint32_t before, struct str bytes);

#endif
