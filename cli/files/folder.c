#include "cli/files/folder.h"

#include "cli/files/whole_file.h"
#include "lib/base/temporary.h"
#include "lib/skill/archive.h"
#include "lib/skill/manifest.h"
#include "lib/skill/zip_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64
#define MANIFEST_MAX ((size_t)1 << 20)

/* No part of a skill, wherever it stands. */
static const char *const left_out[] = {".git",     ".hg",       ".svn",     "__pycache__",
				       "__MACOSX", ".DS_Store", "Thumbs.db"};

static bool is_left_out(const char *name)
{
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (strcmp(name, left_out[i]) == 0)
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strncmp(name, "._", 2) == 0;
}

struct walk {
	struct folder *folder;
	size_t room;
	int64_t bytes;
};

static int add_file(struct walk *walk, const char *name, const struct stat *status, struct error *err)
{
	struct folder *folder = walk->folder;
	walk->bytes += status->st_size;
	if (folder->count == FOLDER_FILES_MAX || walk->bytes > FOLDER_BYTES_MAX)
		return error_set(err, ERR_TOO_LARGE,
				 "%s has more than %d files or %d GiB: is it the skill's folder?",
				 folder->path, FOLDER_FILES_MAX, (int)(FOLDER_BYTES_MAX >> 30));
	if (folder->count == walk->room) {
		size_t room = walk->room ? 2 * walk->room : 64;
		struct folder_file *files = realloc(folder->files, room * sizeof(*files));
		if (!files)
			return error_no_memory(err);
		folder->files = files;
		walk->room = room;
	}
	char *copy = str_dup(str_of(name));
	if (!copy)
		return error_no_memory(err);
	folder->files[folder->count++] = (struct folder_file){
	    copy, status->st_size, (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec,
	    (status->st_mode & S_IXUSR) != 0};
	return 0;
}

static int read_folder(struct walk *walk, const char *below, int depth, struct error *err);

static int read_entry(struct walk *walk, const char *below, const char *name, int depth, struct error *err)
{
	struct stat status;
	cleanup_buffer struct buffer full = BUFFER(PATH_MAX), relative = BUFFER(PATH_MAX);
	buffer_appendf(&relative, "%s%s%s", below, below[0] ? "/" : "", name);
	buffer_appendf(&full, "%s/%s", walk->folder->path, relative.data ? relative.data : "");
	if (buffer_check(&relative, "a path", err) != 0 || buffer_check(&full, "a path", err) != 0)
		return -1;
	if (lstat(full.data, &status) != 0)
		return error_errno(err, "can't read %s", full.data);
	if (S_ISDIR(status.st_mode))
		return read_folder(walk, relative.data, depth + 1, err);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERR_INVALID_SKILL,
				 "%s is %s: a skill has regular files only; put a copy there", full.data,
				 S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file");
	return add_file(walk, relative.data, &status, err);
}

static int read_folder(struct walk *walk, const char *below, int depth, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	int status = 0;
	if (depth > DEPTH_MAX)
		return error_set(err, ERR_TOO_LARGE, "%s has folders more than %d deep", walk->folder->path,
				 DEPTH_MAX);
	buffer_appendf(&path, "%s%s%s", walk->folder->path, below[0] ? "/" : "", below);
	if (buffer_check(&path, "a path", err) != 0)
		return -1;
	cleanup_closedir DIR *stream = opendir(path.data);
	if (!stream)
		return error_errno(err, "can't read the folder %s", path.data);
	for (struct dirent *entry; status == 0 && (errno = 0, entry = readdir(stream));)
		if (!is_left_out(entry->d_name))
			status = read_entry(walk, below, entry->d_name, depth, err);
	return status == 0 && errno != 0 ? error_errno(err, "can't read the folder %s", path.data) : status;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct folder_file *)a)->name, ((const struct folder_file *)b)->name);
}

static int find_manifest(struct folder *folder, struct error *err)
{
	for (size_t i = 0; i < folder->count; i++) {
		const char *name = folder->files[i].name;
		if (!archive_is_manifest(str_of(name)) || (folder->manifest && strcmp(name, "SKILL.md") != 0))
			continue;
		free(folder->manifest);
		folder->manifest = str_dup(str_of(name));
		if (!folder->manifest)
			return error_no_memory(err);
	}
	if (!folder->manifest)
		return error_set(err, ERR_INVALID_SKILL,
				 "%s has no SKILL.md: is it the skill's folder? ('skillbox init' "
				 "makes one)",
				 folder->path);
	return 0;
}

/* The zips that `skill package` wrote into it are no part of it, or each would be in the next. */
static void drop_packages(struct folder *folder)
{
	cleanup_buffer struct buffer text = BUFFER(MANIFEST_MAX), prefix = BUFFER(1024);
	struct manifest manifest = {0};
	if (folder_read_file(folder, folder->manifest, &text, NULL) != 0 ||
	    manifest_parse(buffer_str(&text), &manifest, NULL) != 0) {
		manifest_free(&manifest);
		return; /* what is wrong with it is told by whoever reads it for more */
	}
	buffer_appendf(&prefix, "%s-", manifest.name);
	manifest_free(&manifest);
	size_t kept = 0;
	for (size_t i = 0; i < folder->count; i++) {
		struct str name = str_of(folder->files[i].name);
		if (str_starts_with(name, buffer_str(&prefix)) && str_ends_with(name, STR(".zip")) &&
		    !memchr(name.p, '/', name.n))
			free(folder->files[i].name);
		else
			folder->files[kept++] = folder->files[i];
	}
	folder->count = kept;
}

int folder_read(const char *path, struct folder *ret, struct error *err)
{
	*ret = (struct folder){.path = str_dup(str_of(path))};
	struct walk walk = {.folder = ret};
	if (!ret->path)
		return error_no_memory(err);
	for (size_t n = strlen(ret->path); n > 1 && ret->path[n - 1] == '/'; n--)
		ret->path[n - 1] = 0;
	if (read_folder(&walk, "", 0, err) != 0)
		return -1;
	if (ret->count > 0)
		qsort(ret->files, ret->count, sizeof(*ret->files), compare);
	if (find_manifest(ret, err) != 0)
		return -1;
	drop_packages(ret);
	return 0;
}

void folder_free(struct folder *folder)
{
	for (size_t i = 0; i < folder->count; i++)
		free(folder->files[i].name);
	free(folder->files);
	free(folder->path);
	free(folder->manifest);
	*folder = (struct folder){0};
}

static int open_file(const struct folder *folder, const char *name, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	buffer_appendf(&path, "%s/%s", folder->path, name);
	if (buffer_check(&path, "a path", err) != 0)
		return -1;
	int fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : error_errno(err, "can't read %s", path.data);
}

int folder_read_file(const struct folder *folder, const char *name, struct buffer *out, struct error *err)
{
	cleanup_close int fd = open_file(folder, name, err);
	return fd < 0 ? -1 : whole_file_read(fd, name, out, err);
}

static int pack_file(const struct folder *folder, const struct folder_file *file, struct zip_writer *writer,
		     struct error *err)
{
	cleanup_close int fd = open_file(folder, file->name, err);
	return fd < 0 ? -1 : zip_writer_add(writer, str_of(file->name), file->is_executable, fd, err);
}

int folder_pack(const struct folder *folder, struct str manifest, int *ret_fd, int64_t *ret_size,
		struct error *err)
{
	cleanup_close int fd = temporary_file(err);
	cleanup_zip_writer struct zip_writer *writer = fd < 0 ? NULL : zip_writer_new(fd, err);
	if (!writer)
		return -1;
	for (size_t i = 0; i < folder->count; i++) {
		const struct folder_file *file = &folder->files[i];
		bool is_given = manifest.p && strcmp(file->name, folder->manifest) == 0;
		int status = is_given ? zip_writer_add_bytes(writer, str_of(file->name), file->is_executable,
							     manifest, err)
				      : pack_file(folder, file, writer, err);
		if (status != 0)
			return -1;
	}
	if (zip_writer_end(writer, ret_size, err) != 0)
		return -1;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int skill_zip_open(const char *path, int *ret_fd, int64_t *ret_size, struct error *err)
{
	struct stat status;
	if (stat(path, &status) != 0)
		return error_errno(err, "can't read %s", path);
	if (S_ISDIR(status.st_mode)) {
		cleanup_folder struct folder folder;
		if (folder_read(path, &folder, err) != 0)
			return -1;
		return folder_pack(&folder, (struct str){NULL, 0}, ret_fd, ret_size, err);
	}
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERR_INVALID_SKILL, "%s is neither a folder nor a zip", path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "can't read %s", path);
	*ret_fd = fd;
	*ret_size = status.st_size;
	return 0;
}
