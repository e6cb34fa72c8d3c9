#include "runner/install.h"

#include "lib/base/cleanup.h"
#include "runner/cell/park.h"
#include "runner/system/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy_bytes(int from, int to)
{
	char bytes[64 * 1024];
	for (;;) {
		ssize_t n = read(from, bytes, sizeof(bytes));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		for (ssize_t done = 0; done < n;) {
			ssize_t written = write(to, bytes + done, (size_t)(n - done));
			if (written < 0 && errno != EINTR)
				return -1;
			done += written > 0 ? written : 0;
		}
	}
}

int install_copy(const char *source, const char *destination, struct error *err)
{
	char temporary[PATH_MAX];
	int n = snprintf(temporary, sizeof(temporary), "%s.tmp", destination);
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return error_set(err, ERR_BAD_REQUEST, "the name is too long");
	cleanup_close int from = open(source, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return error_errno(err, "open %s", source);
	cleanup_close int to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0700);
	if (to < 0)
		return error_errno(err, "create %s", temporary);
	if (copy_bytes(from, to) != 0 || fchmod(to, 0755) != 0 || rename(temporary, destination) != 0) {
		error_errno(err, "copy to %s", destination);
		unlink(temporary);
		return -1;
	}
	return 0;
}

int install_hook(const char *destination, struct error *err)
{
	char path[PATH_MAX];
	struct str hook = park_node_hook();
	const char *slash = strrchr(destination, '/');
	int n = snprintf(path, sizeof(path), "%.*s" PARK_NODE_HOOK,
			 slash ? (int)(slash - destination) + 1 : 0, destination);
	if (n < 0 || (size_t)n >= sizeof(path))
		return error_set(err, ERR_BAD_REQUEST, "the name is too long");
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, hook.p, hook.n) != (ssize_t)hook.n || fchmod(fd, 0644) != 0)
		return error_errno(err, "write %s", path);
	return 0;
}
