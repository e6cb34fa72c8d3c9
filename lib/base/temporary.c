#include "lib/base/temporary.h"

#include "lib/base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* For file systems without O_TMPFILE: a name for a moment. */
static int unlinked_file(const char *directory, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	buffer_appendf(&path, "%s/skillbox-XXXXXX", directory);
	if (buffer_check(&path, "TMPDIR", err) != 0)
		return -1;
	int fd = mkostemp(path.data, O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "temporary file in %s", directory);
	unlink(path.data);
	return fd;
}

int temporary_file(struct error *err)
{
	const char *directory = getenv("TMPDIR");
	if (!directory || !*directory)
		directory = "/tmp";
#ifdef O_TMPFILE
	int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return error_errno(err, "temporary file in %s", directory);
#endif
	return unlinked_file(directory, err);
}

int temporary_write(int fd, struct str data, struct error *err)
{
	while (data.n > 0) {
		ssize_t n = write(fd, data.p, data.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "can't write a temporary file");
		data.p += n;
		data.n -= (size_t)n;
	}
	return 0;
}
