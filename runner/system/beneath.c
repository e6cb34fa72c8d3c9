#include "runner/system/beneath.h"

#include "lib/base/cleanup.h"
#include "lib/frame/frame.h"
#include "runner/system/descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

int beneath_open_directory(int dir_fd, const char *name)
{
	/* Not O_DIRECTORY: together with O_NOFOLLOW, gVisor follows a symbolic link that is the last
	 * component. O_NONBLOCK: a FIFO in its place must not hold the caller. */
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return -1;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	int directory = fd;
	fd = -1;
	return directory;
}

static int to_name(struct str component, char ret[NAME_MAX + 1])
{
	if (component.n > NAME_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(ret, component.p, component.n);
	ret[component.n] = '\0';
	return 0;
}

/* Make the directory and note its path, or find that it exists already. */
static int make_directory(int dir_fd, const char *name, struct str path, struct buffer *made)
{
	if (mkdirat(dir_fd, name, 0755) != 0)
		return errno == EEXIST ? 0 : -1;
	if (buffer_append_str(made, path) != 0 || buffer_append_byte(made, '\0') != 0) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* Walk to the directory that holds the last component and put that component's name into `name`. */
static int open_parent(int dir_fd, struct str path, struct buffer *made, char name[NAME_MAX + 1])
{
	cleanup_close int at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	struct str rest = path, component;
	while (at >= 0 && str_split_once(rest, '/', &component, &rest)) {
		struct str so_far = {path.p, (size_t)(component.p + component.n - path.p)};
		if (to_name(component, name) != 0 || (made && make_directory(at, name, so_far, made) != 0))
			return -1;
		int next = beneath_open_directory(at, name);
		if (next < 0)
			return -1;
		close(at);
		at = next;
	}
	if (at < 0 || to_name(component, name) != 0)
		return -1;
	int parent = at;
	at = -1;
	return parent;
}

int beneath_open(int dir_fd, struct str path, int flags, mode_t mode)
{
	char name[NAME_MAX + 1];
	cleanup_close int parent = open_parent(dir_fd, path, NULL, name);
	return parent < 0 ? -1 : openat(parent, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

int beneath_create(int dir_fd, struct str path, mode_t mode, struct buffer *made)
{
	char name[NAME_MAX + 1];
	cleanup_close int parent = open_parent(dir_fd, path, made, name);
	return parent < 0 ? -1
			  : openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

/* Depth is bounded by what was unpacked here: FRAME_MAX_PATH_DEPTH. */
static int empty_directory(int dir_fd, unsigned depth)
{
	if (depth > FRAME_MAX_PATH_DEPTH) {
		errno = ELOOP;
		return -1;
	}
	int own = beneath_open_directory(dir_fd, ".");
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		descriptor_close(&own);
		return -1;
	}
	int r = 0;
	struct dirent *entry;
	while (r == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dir_fd, entry->d_name, 0) == 0)
			continue;
		if (errno != EISDIR) {
			r = -1;
			break;
		}
		cleanup_close int sub = beneath_open_directory(dir_fd, entry->d_name);
		if (sub < 0 || empty_directory(sub, depth + 1) != 0 ||
		    unlinkat(dir_fd, entry->d_name, AT_REMOVEDIR) != 0)
			r = -1;
	}
	if (r == 0 && errno != 0)
		r = -1;
	int saved = errno;
	closedir(dir);
	errno = saved;
	return r;
}

int beneath_empty(int dir_fd)
{
	return empty_directory(dir_fd, 0);
}
