/* SHA-256 (FIPS 180-4) without a library: the command line links none that has it. */
#ifndef SKILLBOX_CLI_FILES_SHA256_H
#define SKILLBOX_CLI_FILES_SHA256_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdint.h>

#define SHA256_HEX_SIZE 65 /* 64 lower-case hex digits and NUL */

struct sha256 {
	uint32_t state[8];
	uint64_t bytes;
	unsigned char block[64]; /* what is not enough for a block yet */
};

void sha256_begin(struct sha256 *sha);
void sha256_update(struct sha256 *sha, struct str bytes);
void sha256_end(struct sha256 *sha, char ret[SHA256_HEX_SIZE]);

void sha256_hex(struct str bytes, char ret[SHA256_HEX_SIZE]);
/* Of all that a file has. name: for messages. */
int sha256_file(int fd, const char *name, char ret[SHA256_HEX_SIZE], struct error *err);

#endif
