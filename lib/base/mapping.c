#include "lib/base/mapping.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(struct mapping *ret, int fd, int64_t size, struct error *err)
{
	struct stat found;
	if (fstat(fd, &found) != 0)
		return error_errno(err, "looking at a file");
	if (size < 0 || found.st_size < size)
		return error_set(err, ERR_IO, "a file ends early");
	if (size == 0) {
		*ret = (struct mapping){.text = STR("")};
		return 0;
	}
	void *pages = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (pages == MAP_FAILED)
		return error_errno(err, "mapping a file");
	*ret = (struct mapping){{pages, (size_t)size}, pages};
	return 0;
}

int mapping_take(struct mapping *ret, int fd, int64_t size, struct error *err)
{
	int result = map(ret, fd, size, err);
	close(fd);
	return result;
}

void mapping_clear(struct mapping *mapping)
{
	if (mapping->pages)
		munmap(mapping->pages, mapping->text.n);
	*mapping = (struct mapping){0};
}
