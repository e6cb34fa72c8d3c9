#include "lib/files/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int fail(const char *what, const char *path, int number, struct error *err)
{
	errno = number;
	error_errno(err, "can't %s %s", what, path);
	if (err && number == ENOENT)
		err->code = ERR_NOT_FOUND;
	return -1;
}

int read_file(const char *path, struct buffer *out, struct error *err)
{
	char piece[4096];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail("open", path, errno, err);
	buffer_append_c(out, "");
	while ((n = read(fd, piece, sizeof(piece))) > 0 && buffer_append(out, piece, (size_t)n) == 0)
		;
	int number = errno;
	close(fd);
	explicit_bzero(piece, sizeof(piece));
	if (n < 0)
		return fail("read", path, number, err);
	return out->failed ? error_set(err, ERR_TOO_LARGE, "%s has more than %zu bytes", path, out->max) : 0;
}
