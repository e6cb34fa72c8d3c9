#include "lib/skill/archive.h"
#include "lib/skill/libarchive.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SIZE ((size_t)64 * 1024)

struct output {
	int fd;
	int64_t written;
};

static la_ssize_t write_block(struct archive *archive, void *context, const void *data, size_t n)
{
	struct output *output = context;
	const char *at = data;
	for (size_t left = n; left > 0;) {
		ssize_t put = write(output->fd, at, left);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			archive_set_error(archive, errno, "%s", strerror(errno));
			return ARCHIVE_FATAL;
		}
		at += put;
		left -= (size_t)put;
	}
	output->written += (int64_t)n;
	return (la_ssize_t)n;
}

static int failed(struct archive *archive, struct error *err)
{
	const char *why = archive_error_string(archive);
	return error_set(err, archive_errno(archive) == ENOMEM ? ERR_NO_MEMORY : ERR_IO, "write tar.gz: %s",
			 why ? why : "unknown failure");
}

static int write_data(struct archive *archive, const struct archive_source *file, struct error *err)
{
	char block[BLOCK_SIZE];
	for (int64_t done = 0; done < file->size;) {
		int64_t left = file->size - done;
		size_t want = left > (int64_t)BLOCK_SIZE ? BLOCK_SIZE : (size_t)left;
		ssize_t n = pread(file->fd, block, want, (off_t)(file->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "read %.*s", (int)file->path.n, file->path.p);
		if (n == 0)
			return error_set(err, ERR_IO, "read %.*s: it ends too early", (int)file->path.n,
					 file->path.p);
		if (archive_write_data(archive, block, (size_t)n) != n)
			return failed(archive, err);
		done += n;
	}
	return 0;
}

static int write_file(struct archive *archive, struct libarchive_entry *header,
		      const struct archive_source *file, struct error *err)
{
	cleanup_free char *path = str_dup(file->path);
	if (!path)
		return error_no_memory(err);
	archive_entry_clear(header);
	archive_entry_copy_pathname(header, path);
	archive_entry_set_filetype(header, AE_IFREG);
	archive_entry_set_perm(header, file->is_executable ? 0755 : 0644);
	archive_entry_set_mtime(header, file->mtime, 0);
	archive_entry_set_size(header, file->size);
	if (archive_write_header(archive, header) != ARCHIVE_OK)
		return failed(archive, err);
	return write_data(archive, file, err);
}

/* GNU tar: it takes names of any length as raw bytes, where pax would convert them by the process's locale.
 */
static int open_archive(struct archive *archive, struct output *output, struct error *err)
{
	if (archive_write_set_format_gnutar(archive) != ARCHIVE_OK ||
	    archive_write_add_filter_gzip(archive) != ARCHIVE_OK ||
	    archive_write_set_options(archive, "gzip:!timestamp") != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(archive, 1) != ARCHIVE_OK ||
	    archive_write_open(archive, output, NULL, write_block, NULL) != ARCHIVE_OK)
		return failed(archive, err);
	return 0;
}

int archive_write_tar_gz(int out_fd, const struct archive_source *files, size_t count, int64_t *ret_size,
			 struct error *err)
{
	struct output output = {.fd = out_fd};
	struct archive *archive = archive_write_new();
	struct libarchive_entry *header = archive_entry_new();
	int status = archive && header ? open_archive(archive, &output, err) : error_no_memory(err);
	for (size_t i = 0; status == 0 && i < count; i++)
		status = write_file(archive, header, &files[i], err);
	if (status == 0 && archive_write_close(archive) != ARCHIVE_OK)
		status = failed(archive, err);
	archive_entry_free(header);
	archive_write_free(archive);
	if (status == 0)
		*ret_size = output.written;
	return status;
}
