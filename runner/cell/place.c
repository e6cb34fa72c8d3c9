#include "runner/cell/place.h"

#include "lib/base/cleanup.h"
#include "runner/system/beneath.h"
#include "runner/system/descriptor.h"
#include "runner/system/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

void place_init(struct place *place)
{
	*place = (struct place){
	    .path = PATH_SANDBOX, .installed = PATH_INSTALLED, .fd = -1, .scripts_fd = -1, .packages_fd = -1};
}

void place_free(struct place *place)
{
	descriptor_close(&place->fd);
	descriptor_close(&place->scripts_fd);
	descriptor_close(&place->packages_fd);
}

static int open_directory(int at, const char *path, struct error *err)
{
	int fd = beneath_open_directory(at, path);
	return fd >= 0 ? fd : error_errno(err, "open %s", path);
}

static int make_directory(int at, const char *path, struct error *err)
{
	if (mkdirat(at, path, 0755) != 0 && errno != EEXIST)
		return error_errno(err, "make %s", path);
	return open_directory(at, path, err);
}

int place_make(struct place *place, struct error *err)
{
	place->fd = open_directory(AT_FDCWD, place->path, err);
	if (place->fd < 0)
		return -1;
	place->scripts_fd = make_directory(place->fd, NAME_SCRIPTS, err);
	place->packages_fd = make_directory(place->fd, NAME_PACKAGES, err);
	cleanup_close int out_fd = make_directory(place->fd, NAME_OUT, err);
	cleanup_close int files_fd = out_fd < 0 ? -1 : make_directory(out_fd, NAME_FILES, err);
	return place->scripts_fd < 0 || place->packages_fd < 0 || files_fd < 0
		   ? error_wrap(err, "%s", place->path)
		   : 0;
}
