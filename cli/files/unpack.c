#include "cli/files/unpack.h"

#include "cli/files/crc32.h"
#include "cli/files/whole_file.h"
#include "lib/base/buffer.h"
#include "lib/base/utf8.h"
#include "lib/skill/libarchive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)64 * 1024)
#define GZIP_TRAILER 8
#define SHOWN 200

/* A file that was unpacked aside, as `place` below the folder for that, and where it goes. */
struct staged {
	char *name;
	size_t place;
};

struct unpacking {
	const char *folder;
	struct buffer aside; /* the folder beside: its path */
	struct staged *files;
	size_t count;
	int64_t bytes;
};

/* ---- the archive as a whole */

static int damaged(struct archive *archive, struct error *err)
{
	const char *why = archive ? archive_error_string(archive) : NULL;
	return error_set(err, ERR_PROTOCOL, "the archive of the files is damaged: %s",
			 why ? why : "it can't be read");
}

static struct archive *open_archive(int fd, bool is_tar, struct error *err)
{
	struct archive *archive = archive_read_new();
	if (!archive) {
		error_no_memory(err);
		return NULL;
	}
	archive_read_support_filter_gzip(archive);
	if (is_tar)
		archive_read_support_format_tar(archive);
	else
		archive_read_support_format_raw(archive);
	if (lseek(fd, 0, SEEK_SET) == 0 && archive_read_open_fd(archive, fd, BLOCK) == ARCHIVE_OK)
		return archive;
	damaged(archive, err);
	archive_read_free(archive);
	return NULL;
}

static int read_checksum(struct archive *archive, uint32_t *ret, struct error *err)
{
	char block[BLOCK];
	struct libarchive_entry *entry;
	int64_t size = 0;
	int code = archive_read_next_header(archive, &entry);
	*ret = 0;
	if (code != ARCHIVE_OK)
		return damaged(archive, err);
	for (;;) {
		la_ssize_t n = archive_read_data(archive, block, sizeof(block));
		if (n < 0)
			return damaged(archive, err);
		if (n == 0)
			return 0;
		*ret = crc32_update(*ret, (struct str){block, (size_t)n});
		size += n;
		if (size > 2 * UNPACK_BYTES_MAX)
			return error_set(err, ERR_TOO_LARGE, "the files are larger than %d GiB",
					 (int)(UNPACK_BYTES_MAX >> 30));
	}
}

/* libarchive doesn't compare gzip's checksum, and reads a tar no further than its end. */
static int check_whole(int fd, struct error *err)
{
	unsigned char head[2], trailer[GZIP_TRAILER];
	uint32_t sum;
	off_t size = lseek(fd, 0, SEEK_END);
	if (size < 18 || pread(fd, head, 2, 0) != 2 || head[0] != 0x1f || head[1] != 0x8b ||
	    pread(fd, trailer, sizeof(trailer), size - GZIP_TRAILER) != GZIP_TRAILER)
		return error_set(err, ERR_PROTOCOL, "the files came as no gzip archive");
	struct archive *archive = open_archive(fd, false, err);
	if (!archive)
		return -1;
	int status = read_checksum(archive, &sum, err);
	archive_read_free(archive);
	uint32_t wanted = (uint32_t)trailer[0] | (uint32_t)trailer[1] << 8 | (uint32_t)trailer[2] << 16 |
			  (uint32_t)trailer[3] << 24;
	if (status == 0 && sum != wanted)
		return error_set(err, ERR_PROTOCOL,
				 "the archive of the files is damaged: its checksum is another");
	return status;
}

/* ---- names */

/* Of a name in a message: no control characters, not too long. */
static const char *show(const char *name, char ret[SHOWN])
{
	size_t n = 0;
	for (; name[n] && n + 1 < SHOWN; n++)
		ret[n] = (unsigned char)name[n] < ' ' || name[n] == 0x7f ? '?' : name[n];
	ret[n] = 0;
	return ret;
}

/* Append a safe relative name, without its "." parts. */
static int clean_name(const char *name, struct buffer *out, struct error *err)
{
	char shown[SHOWN];
	struct str rest = str_of(name), part;
	bool more = true, is_plain = utf8_is_valid(rest, NULL) && rest.n > 0;
	for (size_t i = 0; i < rest.n; i++)
		is_plain = is_plain && (unsigned char)name[i] >= ' ' && name[i] != 0x7f && name[i] != '\\';
	while (is_plain && more) {
		more = str_split_once(rest, '/', &part, &rest);
		if (str_eq(part, STR(".")))
			continue;
		is_plain = part.n > 0 && !str_eq(part, STR(".."));
		if (out->len > 0)
			buffer_append_byte(out, '/');
		buffer_append_str(out, part);
	}
	if (!is_plain || out->len == 0 || out->failed)
		return error_set(err, ERR_PROTOCOL,
				 "the archive has a name that leaves the folder or isn't plain: '%s'",
				 show(name, shown));
	return 0;
}

/* ---- aside */

static int write_staged(struct archive *archive, struct unpacking *u, int fd, struct error *err)
{
	char block[BLOCK];
	for (;;) {
		la_ssize_t n = archive_read_data(archive, block, sizeof(block));
		if (n < 0)
			return damaged(archive, err);
		if (n == 0)
			return 0;
		u->bytes += n;
		if (u->bytes > UNPACK_BYTES_MAX)
			return error_set(err, ERR_TOO_LARGE, "the files are larger than %d GiB",
					 (int)(UNPACK_BYTES_MAX >> 30));
		for (la_ssize_t done = 0; done < n;) {
			ssize_t put = write(fd, block + done, (size_t)(n - done));
			if (put < 0 && errno != EINTR)
				return error_errno(err, "can't write below %s", u->folder);
			done += put < 0 ? 0 : put;
		}
	}
}

static int stage(struct archive *archive, struct libarchive_entry *entry, struct unpacking *u,
		 const char *name, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	mode_t mode = archive_entry_perm(entry) & 0100 ? 0755 : 0644;
	if (u->count == UNPACK_FILES_MAX)
		return error_set(err, ERR_TOO_LARGE, "the archive has more than %d files", UNPACK_FILES_MAX);
	buffer_appendf(&path, "%s/%zu", u->aside.data, u->count);
	char *copy = str_dup(str_of(name));
	if (!copy || buffer_check(&path, "a path", err) != 0) {
		free(copy);
		return error_no_memory(err);
	}
	u->files[u->count] = (struct staged){copy, u->count};
	u->count++;
	cleanup_close int fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return error_errno(err, "can't write below %s", u->folder);
	if (write_staged(archive, u, fd, err) != 0)
		return -1;
	/* A time that this file system can't keep is no matter. */
	struct timespec times[2] = {{archive_entry_mtime(entry), 0}, {archive_entry_mtime(entry), 0}};
	if (futimens(fd, times) != 0)
		errno = 0;
	return 0;
}

static const char *kind_of(struct libarchive_entry *entry)
{
	if (archive_entry_hardlink(entry))
		return "a hard link";
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
	case AE_IFDIR:
		return NULL;
	case AE_IFLNK:
		return "a symbolic link";
	case AE_IFCHR:
	case AE_IFBLK:
		return "a device";
	case AE_IFIFO:
		return "a pipe";
	default:
		return "an entry of an unknown kind";
	}
}

static int take_entry(struct archive *archive, struct libarchive_entry *entry, struct unpacking *u,
		      struct error *err)
{
	char shown[SHOWN];
	cleanup_buffer struct buffer name = BUFFER(PATH_MAX);
	const char *raw = archive_entry_pathname(entry), *kind = kind_of(entry);
	if (!raw) /* of a kind of tar that says it is UTF-8, where this process has no UTF-8 */
		raw = archive_entry_pathname_utf8(entry);
	if (!raw)
		return error_set(err, ERR_PROTOCOL, "the archive has a name that can't be read");
	if (kind)
		return error_set(err, ERR_PROTOCOL, "the archive has %s: '%s'", kind, show(raw, shown));
	if (archive_entry_filetype(entry) == AE_IFDIR) {
		struct str folder = str_of(raw);
		while (folder.n > 1 && folder.p[folder.n - 1] == '/')
			folder.n--;
		cleanup_free char *copy = str_dup(folder);
		return copy ? str_eq(folder, STR(".")) ? 0 : clean_name(copy, &name, err)
			    : error_no_memory(err);
	}
	if (clean_name(raw, &name, err) != 0)
		return -1;
	return stage(archive, entry, u, name.data, err);
}

static int read_entries(int fd, struct unpacking *u, struct error *err)
{
	struct libarchive_entry *entry;
	struct archive *archive = open_archive(fd, true, err);
	int status = archive ? 0 : -1, code = ARCHIVE_OK;
	for (size_t entries = 0; status == 0; entries++) {
		code = archive_read_next_header(archive, &entry);
		if (code == ARCHIVE_EOF)
			break;
		if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
			status = damaged(archive, err);
		else if (entries == 2 * (size_t)UNPACK_FILES_MAX)
			status = error_set(err, ERR_TOO_LARGE, "the archive has more than %d entries",
					   2 * UNPACK_FILES_MAX);
		else
			status = take_entry(archive, entry, u, err);
	}
	if (archive)
		archive_read_free(archive);
	return status;
}

/* ---- into their places */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct staged *)a)->name, ((const struct staged *)b)->name);
}

static bool is_staged(const struct unpacking *u, struct str name)
{
	cleanup_free char *copy = str_dup(name);
	struct staged wanted = {copy, 0};
	return copy && bsearch(&wanted, u->files, u->count, sizeof(wanted), compare);
}

/* What is in the folder already must not lead out of it, nor be in the way. */
static int check_place(const struct unpacking *u, const char *name, struct error *err)
{
	struct stat status;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct str part = {name, (size_t)(slash - name)};
		if (is_staged(u, part))
			return error_set(err, ERR_PROTOCOL,
					 "the archive has a file and a folder of one name: '%.*s'",
					 (int)part.n, part.p);
		buffer_reset(&path);
		buffer_appendf(&path, "%s/%.*s", u->folder, (int)part.n, part.p);
		if (buffer_check(&path, "a path", err) != 0)
			return -1;
		if (lstat(path.data, &status) != 0)
			continue;
		if (S_ISLNK(status.st_mode))
			return error_set(err, ERR_CONFLICT,
					 "%s is a symbolic link: files are not written through it; "
					 "remove it or choose another folder",
					 path.data);
		if (!S_ISDIR(status.st_mode))
			return error_set(err, ERR_CONFLICT,
					 "%s is a file where a folder belongs: remove it or choose "
					 "another folder",
					 path.data);
	}
	buffer_reset(&path);
	buffer_appendf(&path, "%s/%s", u->folder, name);
	if (buffer_check(&path, "a path", err) != 0)
		return -1;
	if (lstat(path.data, &status) == 0 && S_ISDIR(status.st_mode))
		return error_set(err, ERR_CONFLICT,
				 "%s is a folder where a file belongs: remove it or choose another "
				 "folder",
				 path.data);
	return 0;
}

static int place_files(struct unpacking *u, struct error *err)
{
	qsort(u->files, u->count, sizeof(*u->files), compare);
	for (size_t i = 0; i < u->count; i++) {
		if (i > 0 && strcmp(u->files[i].name, u->files[i - 1].name) == 0)
			return error_set(err, ERR_PROTOCOL, "the archive has a name twice: '%s'",
					 u->files[i].name);
		if (check_place(u, u->files[i].name, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < u->count; i++) {
		cleanup_buffer struct buffer from = BUFFER(PATH_MAX), to = BUFFER(PATH_MAX);
		buffer_appendf(&from, "%s/%zu", u->aside.data, u->files[i].place);
		buffer_appendf(&to, "%s/%s", u->folder, u->files[i].name);
		if (buffer_check(&from, "a path", err) != 0 || buffer_check(&to, "a path", err) != 0 ||
		    whole_file_make_folders(to.data, 0777, err) != 0)
			return -1;
		if (rename(from.data, to.data) != 0)
			return error_errno(err, "can't write %s", to.data);
	}
	return 0;
}

static int unpack_aside(int fd, struct unpacking *u, struct error *err)
{
	int status = read_entries(fd, u, err);
	if (status == 0)
		status = place_files(u, err);
	for (size_t i = 0; i < u->count; i++) { /* what wasn't moved into place */
		cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
		buffer_appendf(&path, "%s/%zu", u->aside.data, u->files[i].place);
		if (!path.failed)
			unlink(path.data);
		free(u->files[i].name);
	}
	rmdir(u->aside.data);
	return status;
}

int unpack_files(int fd, const char *folder, size_t *ret_count, struct error *err)
{
	struct unpacking u = {.folder = folder, .aside = BUFFER(PATH_MAX)};
	cleanup_buffer struct buffer below = BUFFER(PATH_MAX);
	if (check_whole(fd, err) != 0)
		return -1;
	buffer_appendf(&below, "%s/.", folder);
	buffer_appendf(&u.aside, "%s/.skillbox-XXXXXX", folder);
	u.files = calloc(UNPACK_FILES_MAX, sizeof(*u.files));
	int status = 0;
	if (!u.files || below.failed || u.aside.failed)
		status = error_no_memory(err);
	else if (whole_file_make_folders(below.data, 0777, err) != 0)
		status = -1;
	else if (!mkdtemp(u.aside.data))
		status = error_errno(err, "can't write into %s", folder);
	else
		status = unpack_aside(fd, &u, err);
	if (status == 0)
		*ret_count = u.count;
	free(u.files);
	buffer_free(&u.aside);
	return status;
}
