/* APPNOTE.TXT 6.3.9, sections 4.3.7 (local header), 4.3.12 (central header), 4.3.14 to 4.3.16 (end
 * records), 4.5.3 (zip64 sizes). */
#include "lib/skill/zip_directory.h"

#include "lib/skill/problems.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define END_SIZE 22
#define END64_SIZE 56
#define LOCATOR64_SIZE 20
#define CENTRAL_SIZE 46
#define LOCAL_SIZE 30
#define COMMENT_MAX 65535
#define DIRECTORY_MAX (8u << 20) /* it is read into memory; 2,000 of the longest names take half of it */

#define FLAG_SIZES_FOLLOW 0x0008 /* a data descriptor behind the data; the local header has zeros */

struct end_record {
	uint64_t count, size, offset;
	uint64_t at; /* where the (first) end record stands: the central directory must end there */
	/* Bytes before the zip, which its offsets don't count. */
	uint64_t prefix;
};

static uint16_t u16(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;
	return (uint16_t)(b[0] | b[1] << 8);
}

static uint32_t u32(const char *p)
{
	return u16(p) | (uint32_t)u16(p + 2) << 16;
}

static uint64_t u64(const char *p)
{
	return u32(p) | (uint64_t)u32(p + 4) << 32;
}

static int damaged(struct error *err, const char *why)
{
	return error_set(err, ERR_INVALID_SKILL,
			 "invalid skill: the archive is not a zip file or is damaged: %s", why);
}

int zip_read_at(int fd, uint64_t offset, void *ret, size_t n, struct error *err)
{
	char *at = ret;
	while (n > 0) {
		ssize_t got = pread(fd, at, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "read the archive");
		if (got == 0)
			return damaged(err, "it ends too early");
		at += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

/* Numbers that don't fit the old end record are in the zip64 one, which a locator right before the old one
 * points to. */
static int read_end64(int fd, struct end_record *end, struct error *err)
{
	char locator[LOCATOR64_SIZE], record[END64_SIZE];
	if (end->at < LOCATOR64_SIZE + END64_SIZE)
		return 0;
	if (zip_read_at(fd, end->at - LOCATOR64_SIZE, locator, sizeof(locator), err) != 0)
		return -1;
	if (memcmp(locator, "PK\6\7", 4) != 0)
		return 0;
	uint64_t at = u64(locator + 8);
	if (u32(locator + 4) != 0 || u32(locator + 16) > 1)
		return damaged(err, "it is one part of several");
	if (at > end->at - LOCATOR64_SIZE - END64_SIZE)
		return damaged(err, "the zip64 end record is outside of the file");
	if (zip_read_at(fd, at, record, sizeof(record), err) != 0)
		return -1;
	if (memcmp(record, "PK\6\6", 4) != 0)
		return damaged(err, "there is no zip64 end record");
	if (u32(record + 16) != 0 || u32(record + 20) != 0 || u64(record + 24) != u64(record + 32))
		return damaged(err, "it is one part of several");
	*end = (struct end_record){
	    .count = u64(record + 32), .size = u64(record + 40), .offset = u64(record + 48), .at = at};
	return 0;
}

static int find_end(int fd, uint64_t size, struct end_record *ret, struct error *err)
{
	if (size < END_SIZE)
		return damaged(err, "it is too short");
	size_t n = size < END_SIZE + COMMENT_MAX ? (size_t)size : END_SIZE + COMMENT_MAX;
	cleanup_free char *tail = malloc(n);
	if (!tail)
		return error_no_memory(err);
	if (zip_read_at(fd, size - n, tail, n, err) != 0)
		return -1;
	size_t i = n - END_SIZE;
	while (i > 0 && memcmp(tail + i, "PK\5\6", 4) != 0)
		i--;
	const char *end = tail + i;
	if (memcmp(end, "PK\5\6", 4) != 0)
		return damaged(err, "there is no end record");
	if (u16(end + 20) > n - i - END_SIZE)
		return damaged(err, "its comment is cut");
	if (u16(end + 4) != 0 || u16(end + 6) != 0 || u16(end + 8) != u16(end + 10))
		return damaged(err, "it is one part of several");
	*ret = (struct end_record){
	    .count = u16(end + 10), .size = u32(end + 12), .offset = u32(end + 16), .at = size - n + i};
	return read_end64(fd, ret, err);
}

/* Sizes and the offset that are all ones stand in the zip64 extra field, in this order and only those. */
static int read_zip64(struct str field, struct zip_entry *entry, struct error *err)
{
	uint64_t *const wanted[] = {&entry->unpacked, &entry->packed, &entry->offset};
	for (size_t i = 0; i < 3; i++) {
		if (*wanted[i] != UINT32_MAX)
			continue;
		if (field.n < 8)
			return damaged(err, "a zip64 field is too short");
		*wanted[i] = u64(field.p);
		field = (struct str){field.p + 8, field.n - 8};
	}
	return 0;
}

#define EXTRA_ZIP64 1
/* Info-ZIP's "UX", of macOS: when it was read and changed, seconds since 1970. */
#define EXTRA_OLD_UNIX 0x5855
/* Info-ZIP's "UT": flags, then seconds since 1970 if bit 0 is set. */
#define EXTRA_TIMESTAMP 0x5455

static int read_extras(struct str extra, struct zip_entry *entry, struct error *err)
{
	bool has_zip64 = false;
	while (extra.n >= 4) {
		size_t n = u16(extra.p + 2);
		if (n > extra.n - 4)
			break; /* some writers pad; what is broken here is found by the checks on sizes */
		struct str field = {extra.p + 4, n};
		if (u16(extra.p) == EXTRA_ZIP64 && !has_zip64 && read_zip64(field, entry, err) != 0)
			return -1;
		has_zip64 |= u16(extra.p) == EXTRA_ZIP64;
		if (u16(extra.p) == EXTRA_OLD_UNIX && n >= 8)
			entry->modified_s = (int32_t)u32(field.p + 4);
		if (u16(extra.p) == EXTRA_TIMESTAMP && n >= 5 && (field.p[0] & 1))
			entry->modified_s = (int32_t)u32(field.p + 1);
		extra = (struct str){extra.p + 4 + n, extra.n - 4 - n};
	}
	return 0;
}

/* Two numbers with bits for year from 1980, month, day, and hours, minutes, seconds by two. */
static int64_t dos_time(unsigned time, unsigned date)
{
	unsigned month = date >> 5 & 15, day = date & 31;
	if (month < 1 || month > 12 || day < 1)
		return 0;
	struct tm tm = {
	    .tm_year = 1980 + (int)(date >> 9) - 1900,
	    .tm_mon = (int)month - 1,
	    .tm_mday = (int)day,
	    .tm_hour = (int)(time >> 11),
	    .tm_min = (int)(time >> 5 & 63),
	    .tm_sec = (int)(time & 31) * 2,
	};
	return timegm(&tm);
}

/* One central header at the start of *rest; moves *rest behind it. */
static int read_central(struct str *rest, struct zip_entry *ret, struct error *err)
{
	const char *p = rest->p;
	if (rest->n < CENTRAL_SIZE || memcmp(p, "PK\1\2", 4) != 0)
		return damaged(err, "the central directory is cut");
	size_t name = u16(p + 28), extra = u16(p + 30), comment = u16(p + 32);
	if (rest->n - CENTRAL_SIZE < name + extra + comment)
		return damaged(err, "the central directory is cut");
	if (u16(p + 34) != 0)
		return damaged(err, "it is one part of several");
	*ret = (struct zip_entry){
	    .name = {p + CENTRAL_SIZE, name},
	    .mode = u32(p + 38) >> 16,
	    .dos_folder = (p[38] & 0x10) != 0,
	    .flags = u16(p + 8),
	    .method = u16(p + 10),
	    .modified_s = dos_time(u16(p + 12), u16(p + 14)),
	    .crc = u32(p + 16),
	    .packed = u32(p + 20),
	    .unpacked = u32(p + 24),
	    .offset = u32(p + 42),
	};
	/* Only Unix (3) and macOS (19) keep a mode there; a file type counts whoever wrote it. */
	if (p[5] != 3 && p[5] != 19)
		ret->mode &= ~(uint32_t)07777;
	struct str extras = {p + CENTRAL_SIZE + name, extra};
	*rest = (struct str){p + CENTRAL_SIZE + name + extra + comment,
			     rest->n - CENTRAL_SIZE - name - extra - comment};
	return read_extras(extras, ret, err);
}

static int disagrees(const struct zip_entry *entry, const char *what, struct error *err)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	return error_set(err, ERR_INVALID_SKILL,
			 "invalid skill: archive entry \"%s\": the %s in its local header and in the "
			 "central directory differ: write the archive again",
			 problems_show(entry->name, shown), what);
}

static bool differs(uint32_t local, uint64_t central)
{
	return local != 0 && local != UINT32_MAX && local != central;
}

/* Readers that go by the local headers must see the same archive. */
static int check_local(int fd, const struct zip_entry *entry, uint64_t directory_at, struct error *err)
{
	char header[LOCAL_SIZE], name[UINT16_MAX];
	if (entry->offset > directory_at || directory_at - entry->offset < LOCAL_SIZE)
		return damaged(err, "an entry is outside of the file");
	if (zip_read_at(fd, entry->offset, header, sizeof(header), err) != 0)
		return -1;
	if (memcmp(header, "PK\3\4", 4) != 0)
		return damaged(err, "an entry has no local header");
	size_t name_size = u16(header + 26), extra_size = u16(header + 28);
	uint64_t room = directory_at - entry->offset - LOCAL_SIZE;
	if (room < name_size + extra_size || room - name_size - extra_size < entry->packed)
		return damaged(err, "an entry is outside of the file");
	if (zip_read_at(fd, entry->offset + LOCAL_SIZE, name, name_size, err) != 0)
		return -1;
	if (!str_eq((struct str){name, name_size}, entry->name))
		return disagrees(entry, "names", err);
	if (u16(header + 8) != entry->method)
		return disagrees(entry, "compression methods", err);
	if ((u16(header + 6) & ~FLAG_SIZES_FOLLOW) != (entry->flags & ~FLAG_SIZES_FOLLOW))
		return disagrees(entry, "flags", err);
	if (differs(u32(header + 14), entry->crc))
		return disagrees(entry, "checksums", err);
	if (differs(u32(header + 18), entry->packed) || differs(u32(header + 22), entry->unpacked))
		return disagrees(entry, "sizes", err);
	return 0;
}

static int by_offset(const void *left, const void *right)
{
	const struct zip_entry *a = left, *b = right;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static int read_entries(int fd, const struct end_record *end, struct zip_directory *ret, struct error *err)
{
	uint64_t directory_at = end->prefix + end->offset;
	ret->bytes = malloc(end->size + 1);
	ret->entries = calloc(end->count + 1, sizeof(*ret->entries));
	if (!ret->bytes || !ret->entries)
		return error_no_memory(err);
	if (zip_read_at(fd, directory_at, ret->bytes, end->size, err) != 0)
		return -1;
	struct str rest = {ret->bytes, end->size};
	for (; ret->count < end->count; ret->count++) {
		struct zip_entry *entry = &ret->entries[ret->count];
		if (read_central(&rest, entry, err) != 0)
			return -1;
		if (entry->offset > end->offset)
			return damaged(err, "an entry is outside of the file");
		entry->offset += end->prefix;
	}
	if (rest.n != 0)
		return damaged(err, "the central directory has more entries than it says");
	qsort(ret->entries, ret->count, sizeof(*ret->entries), by_offset);
	for (size_t i = 0; i < ret->count; i++)
		if (check_local(fd, &ret->entries[i], directory_at, err) != 0)
			return -1;
	return 0;
}

int zip_directory_read(int fd, int64_t size, unsigned max_entries, struct zip_directory *ret,
		       struct error *err)
{
	struct end_record end = {0};
	struct zip_directory directory = {0};
	if (find_end(fd, (uint64_t)size, &end, err) != 0)
		return -1;
	if (end.size > end.at || end.offset > end.at - end.size)
		return damaged(err, "the central directory is not where the end record says");
	end.prefix = end.at - end.size - end.offset;
	if (end.count > max_entries)
		return error_set(err, ERR_INVALID_SKILL,
				 "invalid skill: the archive has %llu entries, at most %u are allowed: leave "
				 "out what the skill doesn't need",
				 (unsigned long long)end.count, max_entries);
	if (end.size > DIRECTORY_MAX)
		return error_set(
		    err, ERR_INVALID_SKILL,
		    "invalid skill: the archive's central directory has %llu bytes, at most %u are "
		    "allowed: leave out comments and extra fields",
		    (unsigned long long)end.size, DIRECTORY_MAX);
	if (read_entries(fd, &end, &directory, err) != 0) {
		zip_directory_free(&directory);
		return -1;
	}
	*ret = directory;
	return 0;
}

void zip_directory_free(struct zip_directory *directory)
{
	free(directory->entries);
	free(directory->bytes);
	*directory = (struct zip_directory){0};
}
