#include "cli/dependencies/cache.h"

#include "cli/files/tree.h"
#include "cli/files/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUMS "sha256sums"
#define FILES "files"
#define SUMS_MAX ((size_t)16 << 20)
#define FILES_MAX 100000
#define DEPTH_MAX 64
#define NEW_PREFIX ".new-"
#define ENTRIES_MAX 1000 /* that are looked at when the oldest go */
#define STALE_S (24 * 3600)

void cache_set_free(struct cache_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		free(set->files[i].name);
	free(set->files);
	free(set->path);
	*set = (struct cache_set){0};
}

/* ---- where it is */

static int cache_path(struct buffer *out, struct error *err)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (base && base[0] == '/') /* others are to be ignored, as the XDG specification has it */
		buffer_appendf(out, "%s/skillbox/packages", base);
	else if (home && home[0] == '/')
		buffer_appendf(out, "%s/.cache/skillbox/packages", home);
	else
		return error_set(err, ERR_IO,
				 "there is no place for downloaded packages: neither XDG_CACHE_HOME nor HOME "
				 "is set to a folder");
	return buffer_check(out, "the path of the cache", err);
}

static char *join(const char *folder, const char *name)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	buffer_appendf(&path, "%s/%s", folder, name);
	return buffer_steal(&path);
}

/* ---- the files of a set */

static int add(struct cache_set *set, struct str name, const char *hex, bool is_executable, struct error *err)
{
	if ((set->count & (set->count - 1)) == 0) { /* there is room for the next power of two */
		size_t room = set->count ? 2 * set->count : 1;
		struct cache_file *files = realloc(set->files, room * sizeof(*files));
		if (!files)
			return error_no_memory(err);
		set->files = files;
	}
	struct cache_file *file = &set->files[set->count];
	*file = (struct cache_file){.name = str_dup(name), .is_executable = is_executable};
	if (!file->name)
		return error_no_memory(err);
	snprintf(file->hex, sizeof(file->hex), "%s", hex);
	set->count++;
	return set->count <= FILES_MAX
		   ? 0
		   : error_set(err, ERR_TOO_LARGE, "the packages have more than %d files", FILES_MAX);
}

static int hash_file(const char *folder, const char *name, char hex[SHA256_HEX_SIZE], bool *ret_executable,
		     struct error *err)
{
	struct stat status;
	cleanup_free char *path = join(folder, name);
	if (!path)
		return error_no_memory(err);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &status) != 0)
		return error_errno(err, "can't read %s", path);
	*ret_executable = (status.st_mode & S_IXUSR) != 0;
	return sha256_file(fd, path, hex, err);
}

/* "HEX  NAME": false if it is something else, or the file is. */
static bool take_sum(struct cache_set *set, struct str line, struct error *err)
{
	char hex[SHA256_HEX_SIZE];
	bool is_executable;
	if (line.n < SHA256_HEX_SIZE + 2 || line.p[64] != ' ' || line.p[65] != ' ')
		return false;
	cleanup_free char *name = str_dup((struct str){line.p + 66, line.n - 66});
	return name && name[0] != '/' && !strstr(name, "..") &&
	       hash_file(set->path, name, hex, &is_executable, err) == 0 && memcmp(hex, line.p, 64) == 0 &&
	       add(set, str_of(name), hex, is_executable, err) == 0;
}

static bool take_sums(const char *folder, struct cache_set *set, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(SUMS_MAX);
	cleanup_free char *path = join(folder, SUMS);
	cleanup_close int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 || whole_file_read(fd, path, &text, err) != 0)
		return false;
	struct str rest = buffer_str(&text), line;
	while (rest.n > 0) {
		str_split_once(rest, '\n', &line, &rest);
		if (!take_sum(set, line, err))
			return false;
	}
	return true;
}

int cache_find(const char *key, struct cache_set *ret, bool *ret_found, struct error *err)
{
	cleanup_buffer struct buffer base = BUFFER(PATH_MAX);
	cleanup_cache_set struct cache_set set = {0};
	struct error why = {0};
	struct stat status;
	*ret_found = false;
	if (cache_path(&base, err) != 0)
		return -1;
	cleanup_free char *folder = join(base.data, key);
	if (!folder || !(set.path = join(folder, FILES)))
		return error_no_memory(err);
	if (stat(folder, &status) != 0)
		return 0;
	if (!take_sums(folder, &set, &why)) {
		fprintf(stderr, "The downloaded packages in %s were changed: they are thrown away\n", folder);
		tree_remove(folder);
		return 0;
	}
	utimensat(AT_FDCWD, folder, NULL, 0); /* when it was used */
	*ret = set;
	set = (struct cache_set){0};
	*ret_found = true;
	return 0;
}

/* ---- a new one */

int cache_begin(struct cache_work *ret, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	*ret = (struct cache_work){0};
	if (cache_path(&path, err) != 0)
		return -1;
	buffer_append_c(&path, "/" NEW_PREFIX "XXXXXX");
	if (buffer_check(&path, "the path of the cache", err) != 0 ||
	    whole_file_make_folders(path.data, 0700, err) != 0)
		return -1;
	if (!mkdtemp(path.data))
		return error_errno(err, "can't make the folder %s", path.data);
	ret->path = buffer_steal(&path);
	ret->files = ret->path ? join(ret->path, FILES) : NULL;
	if (!ret->files)
		return error_no_memory(err);
	if (mkdir(ret->files, 0700) != 0)
		return error_errno(err, "can't make the folder %s", ret->files);
	return 0;
}

void cache_end(struct cache_work *work)
{
	if (work->path)
		tree_remove(work->path);
	free(work->path);
	free(work->files);
	*work = (struct cache_work){0};
}

static bool is_skipped(const char *name, const char *const *skip)
{
	for (; skip && *skip; skip++)
		if (strcmp(name, *skip) == 0)
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int list_folder(struct cache_set *set, const char *below, const char *const *skip, int depth,
		       struct error *err);

static int list_entry(struct cache_set *set, const char *below, const char *name, const char *const *skip,
		      int depth, struct error *err)
{
	char hex[SHA256_HEX_SIZE];
	struct stat status;
	bool is_executable;
	cleanup_free char *relative = below[0] ? join(below, name) : str_dup(str_of(name));
	cleanup_free char *path = relative ? join(set->path, relative) : NULL;
	if (!path)
		return error_set(err, ERR_TOO_LARGE, "the path of %s is too long", name);
	if (lstat(path, &status) != 0)
		return error_errno(err, "can't read %s", path);
	if (S_ISDIR(status.st_mode))
		return list_folder(set, relative, skip, depth + 1, err);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERR_INVALID_SKILL,
				 "the packages have %s, which is %s: a skill has regular files only",
				 relative, S_ISLNK(status.st_mode) ? "a symbolic link" : "no regular file");
	return hash_file(set->path, relative, hex, &is_executable, err) != 0
		   ? -1
		   : add(set, str_of(relative), hex, is_executable, err);
}

static int list_folder(struct cache_set *set, const char *below, const char *const *skip, int depth,
		       struct error *err)
{
	int status = 0;
	cleanup_free char *path = below[0] ? join(set->path, below) : str_dup(str_of(set->path));
	if (!path || depth > DEPTH_MAX)
		return error_set(err, ERR_TOO_LARGE, "the packages have folders more than %d deep",
				 DEPTH_MAX);
	cleanup_closedir DIR *stream = opendir(path);
	if (!stream)
		return error_errno(err, "can't read the folder %s", path);
	for (struct dirent *entry; status == 0 && (errno = 0, entry = readdir(stream));)
		if (!is_skipped(entry->d_name, skip))
			status = list_entry(set, below, entry->d_name, skip, depth, err);
	return status == 0 && errno != 0 ? error_errno(err, "can't read the folder %s", path) : status;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct cache_file *)a)->name, ((const struct cache_file *)b)->name);
}

int cache_list(const struct cache_work *work, const char *const *skip, struct cache_set *ret,
	       struct error *err)
{
	ret->path = str_dup(str_of(work->files));
	if (!ret->path)
		return error_no_memory(err);
	if (list_folder(ret, "", skip, 0, err) != 0)
		return -1;
	if (ret->count > 0)
		qsort(ret->files, ret->count, sizeof(*ret->files), compare);
	return 0;
}

/* ---- the oldest go */

struct old {
	char *path;
	time_t used;
	int64_t bytes;
};

static int64_t bytes_below(const char *folder, int depth)
{
	int64_t bytes = 0;
	cleanup_closedir DIR *stream = depth > DEPTH_MAX ? NULL : opendir(folder);
	for (struct dirent *entry; stream && (entry = readdir(stream));) {
		struct stat status;
		cleanup_free char *path = join(folder, entry->d_name);
		if (is_skipped(entry->d_name, NULL) || !path || lstat(path, &status) != 0)
			continue;
		bytes += S_ISDIR(status.st_mode) ? bytes_below(path, depth + 1) : status.st_size;
	}
	return bytes;
}

static int compare_age(const void *a, const void *b) /* the newest first */
{
	time_t one = ((const struct old *)a)->used, other = ((const struct old *)b)->used;
	return (one < other) - (one > other);
}

/* What is left of downloads that were cut off is no set: it goes when nobody can be at it any more. */
static size_t list_old(const char *base, struct old *sets)
{
	size_t count = 0;
	cleanup_closedir DIR *stream = opendir(base);
	for (struct dirent *entry; stream && count < ENTRIES_MAX && (entry = readdir(stream));) {
		struct stat status;
		cleanup_free char *path = join(base, entry->d_name);
		if (is_skipped(entry->d_name, NULL) || !path || lstat(path, &status) != 0)
			continue;
		if (strncmp(entry->d_name, NEW_PREFIX, sizeof(NEW_PREFIX) - 1) == 0) {
			if (status.st_mtime + STALE_S < time(NULL))
				tree_remove(path);
			continue;
		}
		sets[count++] = (struct old){path, status.st_mtime, bytes_below(path, 0)};
		path = NULL;
	}
	return count;
}

static void drop_oldest(const char *base)
{
	struct old *sets = calloc(ENTRIES_MAX, sizeof(*sets));
	size_t count = sets ? list_old(base, sets) : 0;
	int64_t bytes = 0;
	if (count > 0)
		qsort(sets, count, sizeof(*sets), compare_age);
	for (size_t i = 0; i < count; i++) {
		bytes += sets[i].bytes;
		if (i > 0 && (i >= CACHE_SETS_MAX || bytes > CACHE_BYTES_MAX))
			tree_remove(sets[i].path);
		free(sets[i].path);
	}
	free(sets);
}

static int write_sums(const struct cache_work *work, const struct cache_set *set, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(SUMS_MAX);
	cleanup_free char *path = join(work->path, SUMS);
	for (size_t i = 0; i < set->count; i++)
		buffer_appendf(&text, "%s  %s\n", set->files[i].hex, set->files[i].name);
	if (!path || buffer_check(&text, "the list of files", err) != 0)
		return path ? -1 : error_no_memory(err);
	return whole_file_write(path, buffer_str(&text), 0600, err);
}

/* Another process was quicker: its set is as good. */
static int take_others(const char *key, struct cache_set *set, struct error *err)
{
	bool is_found;
	cache_set_free(set);
	if (cache_find(key, set, &is_found, err) != 0)
		return -1;
	return is_found ? 0
			: error_set(err, ERR_CONFLICT,
				    "another process changed the downloaded packages meanwhile: try again");
}

int cache_keep(const struct cache_work *work, const char *key, struct cache_set *set, struct error *err)
{
	cleanup_buffer struct buffer base = BUFFER(PATH_MAX);
	if (cache_path(&base, err) != 0 || write_sums(work, set, err) != 0)
		return -1;
	cleanup_free char *folder = join(base.data, key), *path = folder ? join(folder, FILES) : NULL;
	if (!path)
		return error_no_memory(err);
	if (rename(work->path, folder) != 0)
		return errno == EEXIST || errno == ENOTEMPTY
			   ? take_others(key, set, err)
			   : error_errno(err, "can't make the folder %s", folder);
	free(set->path);
	set->path = path;
	path = NULL;
	drop_oldest(base.data);
	return 0;
}
