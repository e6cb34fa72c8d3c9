/* A temporary directory for tests of files: made before each test, removed after it. */
#ifndef SKILLBOX_TESTS_RUNNER_DIRECTORY_H
#define SKILLBOX_TESTS_RUNNER_DIRECTORY_H

#include "tests/unit/remove_tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct directory {
	char path[64];
	int fd;
};

static inline int directory_make(struct directory *directory)
{
	snprintf(directory->path, sizeof(directory->path), "/tmp/skillbox-test-XXXXXX");
	if (!mkdtemp(directory->path))
		return -1;
	directory->fd = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory->fd < 0 ? -1 : 0;
}

static inline int directory_remove(struct directory *directory)
{
	close(directory->fd);
	return remove_tree(directory->path);
}

static inline int directory_write(int dir_fd, const char *path, const char *content, size_t n)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	ssize_t written = write(fd, content, n);
	return close(fd) == 0 && written == (ssize_t)n ? 0 : -1;
}

#endif
