#include "cli/files/folder.h"

#include "cli/files/sha256.h"
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
#define WHEELS "wheels/"
#define SUMS_MAX ((size_t)1 << 20)

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
	int64_t bytes;
};

static struct folder_file *append(struct folder *folder, const char *name, struct error *err)
{
	if (folder->count == folder->room) {
		size_t room = folder->room ? 2 * folder->room : 64;
		struct folder_file *files = realloc(folder->files, room * sizeof(*files));
		if (!files)
			return error_no_memory(err), NULL;
		folder->files = files;
		folder->room = room;
	}
	struct folder_file *file = &folder->files[folder->count];
	*file = (struct folder_file){.name = str_dup(str_of(name))};
	if (!file->name)
		return error_no_memory(err), NULL;
	folder->count++;
	return file;
}

static int add_file(struct walk *walk, const char *name, const struct stat *status, struct error *err)
{
	struct folder *folder = walk->folder;
	walk->bytes += status->st_size;
	if (folder->count == FOLDER_FILES_MAX || walk->bytes > FOLDER_BYTES_MAX)
		return error_set(err, ERR_TOO_LARGE,
				 "%s has more than %d files or %d GiB: is it the skill's folder?",
				 folder->path, FOLDER_FILES_MAX, (int)(FOLDER_BYTES_MAX >> 30));
	struct folder_file *file = append(folder, name, err);
	if (!file)
		return -1;
	file->size = status->st_size;
	file->modified_ns = (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
	file->is_executable = (status->st_mode & S_IXUSR) != 0;
	return 0;
}

static int read_folder(struct walk *walk, const char *below, int depth, struct error *err);

/* A virtual environment (PEP 405) is one machine's, and full of symbolic links. */
static bool is_environment(const char *path)
{
	struct stat status;
	cleanup_buffer struct buffer mark = BUFFER(PATH_MAX);
	buffer_appendf(&mark, "%s/pyvenv.cfg", path);
	return !mark.failed && lstat(mark.data, &status) == 0;
}

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
		return is_environment(full.data) ? 0 : read_folder(walk, relative.data, depth + 1, err);
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

void folder_sort(struct folder *folder)
{
	if (folder->count > 0)
		qsort(folder->files, folder->count, sizeof(*folder->files), compare);
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
	folder_sort(ret);
	if (find_manifest(ret, err) != 0)
		return -1;
	drop_packages(ret);
	return 0;
}

void folder_free(struct folder *folder)
{
	for (size_t i = 0; i < folder->count; i++) {
		free(folder->files[i].name);
		free(folder->files[i].from);
	}
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

/* ---- what is added to it */

bool folder_has(const struct folder *folder, const char *name)
{
	struct str wanted = str_of(name);
	bool is_folder = str_ends_with(wanted, STR("/"));
	for (size_t i = 0; i < folder->count; i++) {
		struct str file = str_of(folder->files[i].name);
		if (is_folder ? str_starts_with(file, wanted) : str_eq(file, wanted))
			return true;
	}
	return false;
}

int folder_add(struct folder *folder, const char *name, const char *from, bool is_executable,
	       struct error *err)
{
	struct folder_file *file = NULL;
	for (size_t i = 0; i < folder->count && !file; i++)
		if (strcmp(folder->files[i].name, name) == 0)
			file = &folder->files[i];
	if (!file && !(file = append(folder, name, err)))
		return -1;
	free(file->from);
	file->from = str_dup(str_of(from));
	file->is_executable = is_executable;
	return file->from ? 0 : error_no_memory(err);
}

void folder_drop(struct folder *folder, const char *name)
{
	for (size_t i = 0; i < folder->count; i++) {
		struct folder_file *file = &folder->files[i];
		if (strcmp(file->name, name) != 0)
			continue;
		free(file->name);
		free(file->from);
		memmove(file, file + 1, (--folder->count - i) * sizeof(*file));
		return;
	}
}

/* ---- its zip */

static bool is_wheel(const char *name)
{
	struct str s = str_of(name);
	return str_starts_with(s, STR(WHEELS)) && str_ends_with(s, STR(".whl")) &&
	       !strchr(name + sizeof(WHEELS) - 1, '/');
}

bool folder_has_wheels(const struct folder *folder)
{
	for (size_t i = 0; i < folder->count; i++)
		if (is_wheel(folder->files[i].name))
			return true;
	return false;
}

static int open_entry(const struct folder *folder, const struct folder_file *file, struct error *err)
{
	if (!file->from)
		return open_file(folder, file->name, err);
	int fd = open(file->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : error_errno(err, "can't read %s", file->from);
}

static int add_sum(const struct folder *folder, const struct folder_file *file, struct buffer *sums,
		   struct error *err)
{
	char hex[SHA256_HEX_SIZE];
	cleanup_close int fd = open_entry(folder, file, err);
	if (fd < 0 || sha256_file(fd, file->name, hex, err) != 0)
		return -1;
	buffer_appendf(sums, "%s  %s\n", hex, file->name + sizeof(WHEELS) - 1);
	return buffer_check(sums, "the list of wheels", err);
}

static int pack_file(const struct folder *folder, const struct folder_file *file,
		     const struct folder_packing *how, struct zip_writer *writer, struct error *err)
{
	if (how->manifest.p && strcmp(file->name, folder->manifest) == 0)
		return zip_writer_add_bytes(writer, str_of(file->name), file->is_executable, how->manifest,
					    err);
	cleanup_close int fd = open_entry(folder, file, err);
	return fd < 0 ? -1 : zip_writer_add(writer, str_of(file->name), file->is_executable, fd, err);
}

static int pack_files(const struct folder *folder, const struct folder_packing *how,
		      struct zip_writer *writer, struct error *err)
{
	cleanup_buffer struct buffer sums = BUFFER(SUMS_MAX);
	for (size_t i = 0; i < folder->count; i++) {
		const struct folder_file *file = &folder->files[i];
		bool is_summed = how->sums_for_wheels && is_wheel(file->name);
		bool is_left = (how->sums_for_wheels && strcmp(file->name, WHEELS "sha256sums") == 0) ||
			       (how->without && strcmp(file->name, how->without) == 0);
		int status = is_summed ? add_sum(folder, file, &sums, err)
			     : is_left ? 0
				       : pack_file(folder, file, how, writer, err);
		if (status != 0)
			return -1;
	}
	return sums.len == 0
		   ? 0
		   : zip_writer_add_bytes(writer, STR(WHEELS "sha256sums"), false, buffer_str(&sums), err);
}

int folder_pack(const struct folder *folder, const struct folder_packing *how, int *ret_fd, int64_t *ret_size,
		struct error *err)
{
	cleanup_close int fd = temporary_file(err);
	cleanup_zip_writer struct zip_writer *writer = fd < 0 ? NULL : zip_writer_new(fd, err);
	if (!writer || pack_files(folder, how, writer, err) != 0 ||
	    zip_writer_end(writer, ret_size, err) != 0)
		return -1;
	*ret_fd = fd;
	fd = -1;
	return 0;
}
