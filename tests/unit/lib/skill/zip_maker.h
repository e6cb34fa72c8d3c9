/* Zip files as an attacker or a strange tool would write them: every field can lie. */
#ifndef SKILLBOX_TESTS_ZIP_MAKER_H
#define SKILLBOX_TESTS_ZIP_MAKER_H

#include "lib/base/str.h"
#include "lib/skill/archive.h"

#include <stdbool.h>
#include <stdint.h>

struct made_entry {
	const char *name;
	size_t name_size; /* 0: strlen(name) */
	const char *data; /* stored as it is; NULL: "" */
	size_t data_size; /* 0: strlen(data) */
	uint32_t mode;    /* Unix type and permissions */
	/* the odd ones; 0 means the honest value */
	const char *local_name;
	uint16_t flags, local_flags, method, local_method;
	uint8_t system; /* made by; 0: Unix, 255: MS-DOS */
	bool dos_folder;
	uint32_t local_crc, local_size, central_size, crc;
	uint64_t offset; /* of the local header */
	bool streamed;   /* zeros in the local header, a data descriptor behind the data */
	const char *comment;
	uint16_t dos_time, dos_date;
	uint32_t timestamp; /* in Info-ZIP's extra field; 0: without */
	bool old_timestamp; /* in its older one */
	bool zip64;         /* central sizes and offset in the extra field */
};

struct made_zip {
	const struct made_entry *entries;
	size_t count;
	const char *comment;
	const char *prefix;  /* bytes before the first entry */
	const char *trailer; /* bytes behind everything */
	unsigned declared_count;
	bool zip64_end;
	bool cut_directory;
};

int make_zip(const struct made_zip *zip);                         /* a file with it */
int make_entries(const struct made_entry *entries, size_t count); /* make_zip with no oddities */
int make_file(struct str bytes);                                  /* a file with these bytes */
/* A text for an entry's data, to be freed: printable, so that it is a C string; not so regular that the ratio
 * limit sees a bomb. */
char *make_noise(size_t size);
/* A deflated entry of so many zero bytes beside a small SKILL.md, written by libarchive as a stream. */
int make_zeros(size_t size);

/* archive_read_zip with a visitor that gives all entries their data. */
int read_zip(int fd, const struct archive_limits *limits, struct archive_content *ret, struct error *err);

#endif
