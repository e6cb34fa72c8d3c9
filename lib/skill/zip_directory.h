/* The central directory of a zip file, as it stands in the file, checked against the local headers.
 * libarchive unpacks; but it converts names, takes them from the local headers and hides flags, so what is
 * judged is read here. */
#ifndef SKILLBOX_SKILL_ZIP_DIRECTORY_H
#define SKILLBOX_SKILL_ZIP_DIRECTORY_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct zip_entry {
	struct str name; /* raw bytes, in zip_directory.bytes */
	uint32_t mode;   /* Unix type and permission bits, 0 if unknown */
	uint32_t crc;
	uint16_t flags, method;
	int64_t modified_s;                /* seconds since 1970; MS-DOS times, which have no zone, as UTC */
	bool dos_folder;                   /* the MS-DOS attribute */
	uint64_t packed, unpacked, offset; /* bytes; of the local header, from the file's beginning */
};

struct zip_directory {
	struct zip_entry
	    *entries; /* in the order of their offsets: the order in which libarchive gives them */
	size_t count;
	char *bytes;
};

/* Read it from fd, a file of `size` bytes; what stands before the zip (a self-extracting program) is skipped.
 * ERR_INVALID_SKILL "invalid skill: …" if it is damaged, lies or has more than max_entries; nothing is
 * allocated for a number that the file doesn't back with bytes. */
int zip_directory_read(int fd, int64_t size, unsigned max_entries, struct zip_directory *ret,
		       struct error *err);
void zip_directory_free(struct zip_directory *directory);

/* Read exactly n bytes at offset. */
int zip_read_at(int fd, uint64_t offset, void *ret, size_t n, struct error *err);

#endif
