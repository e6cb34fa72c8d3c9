#include "runner/cell/place.h"

#include "lib/base/cleanup.h"
#include "lib/base/str.h"
#include "runner/system/beneath.h"
#include "runner/system/descriptor.h"
#include "runner/system/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

void place_init(struct place *place)
{
	*place = (struct place){.directory_fd = -1, .fd = -1, .scripts_fd = -1};
}

void place_free(struct place *place)
{
	descriptor_close(&place->directory_fd);
	descriptor_close(&place->fd);
	descriptor_close(&place->scripts_fd);
}

void place_find(struct place *ret)
{
	char target[PATH_MAX];
	ssize_t n = readlink(PATH_OUT, target, sizeof(target));
	bool in_shm = n > 0 && str_eq((struct str){target, (size_t)n}, STR(PATH_SHM_SANDBOX "/" NAME_OUT));
	place_init(ret);
	ret->in_shm = in_shm;
	ret->path = in_shm ? PATH_SHM_SANDBOX : PATH_SANDBOX;
}

static int open_directory(int at, const char *path, bool make, struct error *err)
{
	if (make && mkdirat(at, path, 0755) != 0 && errno != EEXIST)
		return error_errno(err, "make %s", path);
	int fd = beneath_open_directory(at, path);
	return fd >= 0 ? fd : error_errno(err, "open %s", path);
}

int place_make(struct place *place, struct error *err)
{
	place->fd = open_directory(AT_FDCWD, place->path, place->in_shm, err);
	if (place->fd < 0)
		return -1;
	place->scripts_fd = open_directory(place->fd, NAME_SCRIPTS, true, err);
	cleanup_close int out_fd = open_directory(place->fd, NAME_OUT, true, err);
	cleanup_close int files_fd = out_fd < 0 ? -1 : open_directory(out_fd, NAME_FILES, true, err);
	return place->scripts_fd < 0 || files_fd < 0 ? error_wrap(err, "%s", place->path) : 0;
}

int place_enter(struct place *place, struct error *err)
{
	place->directory_fd = open_directory(AT_FDCWD, PATH_SANDBOX, false, err);
	return place->directory_fd < 0 ? -1 : 0;
}
