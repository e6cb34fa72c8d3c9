#include "cli/files/whole_file.h"

#include "lib/base/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)64 * 1024)

int whole_file_read(int fd, const char *name, struct buffer *out, struct error *err)
{
	char piece[PIECE];
	for (;;) {
		ssize_t n = read(fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "can't read %s", name);
		if (n == 0)
			return buffer_append(out, "", 0) == 0 ? 0 : buffer_check(out, name, err);
		if (buffer_append(out, piece, (size_t)n) != 0)
			return out->no_memory ? error_no_memory(err)
					      : error_set(err, ERR_TOO_LARGE, "%s is larger than %zu MiB",
							  name, out->max >> 20);
	}
}

int whole_file_make_folders(const char *path, mode_t mode, struct error *err)
{
	cleanup_free char *copy = str_dup(str_of(path));
	if (!copy)
		return error_no_memory(err);
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(copy, mode) != 0 && errno != EEXIST)
			return error_errno(err, "can't make the folder %s", copy);
		*slash = '/';
	}
	return 0;
}

/* Where it really is: a symbolic link stays one. */
static char *target_of(const char *path)
{
	char *real = realpath(path, NULL);
	return real ? real : str_dup(str_of(path));
}

int whole_file_begin(const char *path, mode_t mode, char **ret_temporary, struct error *err)
{
	cleanup_buffer struct buffer name = BUFFER(PATH_MAX);
	cleanup_free char *target = target_of(path);
	if (!target)
		return error_no_memory(err);
	buffer_appendf(&name, "%s.XXXXXX", target);
	if (buffer_check(&name, "the path of a file", err) != 0)
		return -1;
	int fd = mkstemp(name.data);
	if (fd < 0)
		return error_errno(err, "can't write %s", path);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*ret_temporary = buffer_steal(&name);
	if (fchmod(fd, mode) != 0 || !*ret_temporary) {
		error_errno(err, "can't write %s", path);
		whole_file_drop(fd, *ret_temporary);
		free(*ret_temporary);
		*ret_temporary = NULL;
		return -1;
	}
	return fd;
}

int whole_file_end(int fd, const char *temporary, const char *path, struct error *err)
{
	cleanup_free char *target = target_of(path);
	int status = target ? 0 : error_no_memory(err);
	if (status == 0 && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
		status = error_errno(err, "can't write %s", path);
	if (close(fd) != 0 && status == 0)
		status = error_errno(err, "can't write %s", path);
	if (status == 0 && rename(temporary, target) != 0)
		status = error_errno(err, "can't write %s", path);
	if (status != 0)
		unlink(temporary);
	return status;
}

void whole_file_drop(int fd, const char *temporary)
{
	if (fd >= 0)
		close(fd);
	if (temporary)
		unlink(temporary);
}

int whole_file_write(const char *path, struct str data, mode_t mode, struct error *err)
{
	cleanup_free char *temporary = NULL;
	if (whole_file_make_folders(path, mode & (S_IRWXG | S_IRWXO) ? 0777 : 0700, err) != 0)
		return -1;
	int fd = whole_file_begin(path, mode, &temporary, err);
	if (fd < 0)
		return -1;
	if (temporary_write(fd, data, err) != 0) {
		whole_file_drop(fd, temporary);
		return error_wrap(err, "%s", path);
	}
	return whole_file_end(fd, temporary, path, err);
}
