/* Files of any name and content come out of the gzip tar as they went in, as regular files, and the same
 * files give the same bytes. Input: for each file a length of its name and of its content, and both. */
#include "lib/base/utf8.h"
#include "lib/frame/frame.h"
#include "lib/skill/archive.h"
#include "lib/skill/libarchive.h"
#include "lib/skill/tar_reader.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FILES = 16 };

static int memory_file(struct str content)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || (content.n && write(fd, content.p, content.n) != (ssize_t)content.n))
		abort();
	return fd;
}

static size_t take_files(struct str data, int fd, struct archive_source *ret)
{
	size_t count = 0;
	for (size_t at = 0; count < MAX_FILES && data.n - at > 3; count++) {
		const unsigned char *p = (const unsigned char *)data.p + at;
		size_t name = p[0] + (p[1] & 1u) * 256u, content = p[2];
		at += 3;
		if (name + content > data.n - at || !frame_path_is_valid((struct str){data.p + at, name}))
			break;
		ret[count] = (struct archive_source){.path = {data.p + at, name},
						     .fd = fd,
						     .offset = (int64_t)(at + name),
						     .size = (int64_t)content,
						     .mtime = (int64_t)(at << 20 & FRAME_MAX_MTIME),
						     .is_executable = content % 2};
		at += name + content;
	}
	return count;
}

static void check_entry(struct archive *reader, struct libarchive_entry *entry,
			const struct archive_source *file, struct str data)
{
	char content[256];
	struct str want = {data.p + file->offset, (size_t)file->size};
	if (archive_entry_filetype(entry) != S_IFREG ||
	    archive_entry_perm(entry) != (file->is_executable ? 0755 : 0644) ||
	    archive_entry_size(entry) != file->size || archive_entry_mtime(entry) != file->mtime ||
	    archive_entry_symlink(entry) || archive_entry_hardlink(entry) ||
	    !str_eq(str_of(archive_entry_pathname(entry)), file->path))
		abort();
	la_ssize_t n = archive_read_data(reader, content, sizeof(content));
	if (n < 0 || !str_eq((struct str){content, (size_t)n}, want))
		abort();
}

static void read_back(int fd, const struct archive_source *files, size_t count, struct str data)
{
	struct archive *reader = archive_read_new();
	struct libarchive_entry *entry;
	if (!reader || archive_read_support_filter_gzip(reader) != ARCHIVE_OK ||
	    archive_read_support_format_tar(reader) != ARCHIVE_OK || lseek(fd, 0, SEEK_SET) != 0 ||
	    archive_read_open_fd(reader, fd, 16384) != ARCHIVE_OK)
		abort();
	for (size_t i = 0; i < count; i++) {
		if (archive_read_next_header(reader, &entry) != ARCHIVE_OK)
			abort();
		check_entry(reader, entry, &files[i], data);
	}
	if (archive_read_next_header(reader, &entry) != ARCHIVE_EOF)
		abort();
	archive_read_free(reader);
}

static bool are_equal(int a, int b, int64_t size)
{
	char left[4096], right[4096];
	for (int64_t at = 0; at < size;) {
		ssize_t n = pread(a, left, sizeof(left), at), m = pread(b, right, sizeof(right), at);
		if (n <= 0 || n != m || memcmp(left, right, (size_t)n) != 0)
			return false;
		at += n;
	}
	return true;
}

/* One of them by its name; and the input itself as an archive, of which nothing is known. */
static void read_one(int fd, struct str name, const struct str *want)
{
	const struct tar_limits limits = {1 << 20, MAX_FILES};
	char content[256];
	int64_t size;
	int out = memory_file(STR(""));
	if (lseek(fd, 0, SEEK_SET) != 0)
		abort();
	struct tar_reader *reader = tar_reader_open(fd, &limits, NULL);
	bool is_read = reader && tar_reader_find(reader, name, &size, NULL) == 0 &&
		       tar_reader_copy(reader, 0, size, out, NULL) == 0;
	if (want &&
	    (!is_read || size != (int64_t)want->n || pread(out, content, sizeof(content), 0) != size ||
	     !str_eq((struct str){content, want->n}, *want)))
		abort();
	tar_reader_close(reader);
	close(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str data = {(const char *)bytes, size};
	struct archive_source files[MAX_FILES];
	int source = memory_file(data), out = memory_file(STR("")), again = memory_file(STR(""));
	size_t count = take_files(data, source, files);
	int64_t written, written_again;
	struct stat status;
	if (archive_write_tar_gz(out, files, count, &written, NULL) != 0 || fstat(out, &status) != 0 ||
	    status.st_size != written ||
	    archive_write_tar_gz(again, files, count, &written_again, NULL) != 0 ||
	    written != written_again || !are_equal(out, again, written))
		abort();
	read_back(out, files, count, data);
	if (count > 0 && utf8_is_valid(files[0].path, NULL)) /* else it is shown as another */
		read_one(out, files[0].path, &(struct str){data.p + files[0].offset, (size_t)files[0].size});
	read_one(source, STR("a"), NULL);
	close(source);
	close(out);
	close(again);
	return 0;
}
