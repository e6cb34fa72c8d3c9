#include "runner/system/descriptor.h"

#include "lib/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void descriptor_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Kernels before 5.9 (or 5.11 for the flag) lack close_range; they get one call a possible descriptor. */
static unsigned open_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536)
		return 65536;
	return (unsigned)limit.rlim_cur;
}

void descriptor_close_from(unsigned first)
{
	if (syscall(SYS_close_range, first, UINT_MAX, 0) == 0)
		return;
	for (unsigned fd = first, end = open_limit(); fd < end; fd++)
		close((int)fd);
}

void descriptor_cloexec_from(unsigned first)
{
	if (syscall(SYS_close_range, first, UINT_MAX, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (unsigned fd = first, end = open_limit(); fd < end; fd++)
		fcntl((int)fd, F_SETFD, FD_CLOEXEC); /* EBADF where there is none */
}

int descriptor_fill_standard(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return -1;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return 0;
}

int descriptor_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

ssize_t descriptor_read_file(int dir_fd, const char *path, char *ret, size_t size)
{
	cleanup_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t len = 0;
	while (len < size - 1) {
		ssize_t n = read(fd, ret + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	ret[len] = '\0';
	return (ssize_t)len;
}
