#include "cli/files/tree.h"

#include "lib/base/buffer.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

static void remove_folder(const char *path, int depth);

static void remove_entry(const char *folder, const char *name, int depth)
{
	struct stat status;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	buffer_appendf(&path, "%s/%s", folder, name);
	if (path.failed || lstat(path.data, &status) != 0)
		return;
	if (S_ISDIR(status.st_mode))
		remove_folder(path.data, depth + 1);
	else
		unlink(path.data);
}

static void remove_folder(const char *path, int depth)
{
	DIR *stream = depth > DEPTH_MAX ? NULL : opendir(path);
	for (struct dirent *entry; stream && (entry = readdir(stream));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_entry(path, entry->d_name, depth);
	if (stream)
		closedir(stream);
	rmdir(path);
}

void tree_remove(const char *path)
{
	remove_folder(path, 0);
}
