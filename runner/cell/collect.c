#include "runner/cell/collect.h"

#include "lib/base/cleanup.h"
#include "lib/frame/frame.h"
#include "runner/system/beneath.h"
#include "runner/system/descriptor.h"
#include "runner/system/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATHS_MAX (32u << 20)

struct walk {
	struct collection *collection;
	size_t capacity; /* of collection->files */
	unsigned entries;
	char path[FRAME_MAX_PATH + 1]; /* of the entry that is looked at */
	uid_t uid;
};

static uint64_t mtime_of(const struct stat *st)
{
	int64_t mtime = st->st_mtime;
	return mtime < 0 ? 0 : mtime > (int64_t)FRAME_MAX_MTIME ? FRAME_MAX_MTIME : (uint64_t)mtime;
}

static int add_file(struct walk *walk, size_t path_len, const struct stat *st, struct error *err)
{
	struct collection *c = walk->collection;
	if (c->count == walk->capacity) {
		size_t capacity = walk->capacity ? 2 * walk->capacity : 64;
		struct collected_file *files = realloc(c->files, capacity * sizeof(*files));
		if (!files)
			return error_no_memory(err);
		c->files = files;
		walk->capacity = capacity;
	}
	struct collected_file file = {.offset = c->paths.len,
				      .length = path_len,
				      .size = (uint64_t)st->st_size,
				      .mtime = mtime_of(st),
				      .is_executable = (st->st_mode & S_IXUSR) != 0};
	if (buffer_append(&c->paths, walk->path, path_len) != 0) {
		if (path_len <= c->paths.max - c->paths.len)
			return error_no_memory(err);
		c->paths.failed = false;
		c->over_limit = true;
		return 0;
	}
	c->files[c->count++] = file;
	return 0;
}

static int walk_directory(struct walk *walk, int dir_fd, size_t prefix_len, unsigned depth,
			  struct error *err);

static int walk_into(struct walk *walk, int dir_fd, const char *name, size_t path_len, unsigned depth,
		     struct error *err)
{
	if (depth >= FRAME_MAX_PATH_DEPTH || path_len >= FRAME_MAX_PATH) {
		walk->collection->skipped++;
		return 0;
	}
	int fd = beneath_open_directory(dir_fd, name);
	if (fd < 0 && errno == EACCES) { /* the script took its own permission away */
		walk->collection->skipped++;
		return 0;
	}
	if (fd < 0)
		return error_errno(err, "open out/files/%s", walk->path);
	walk->path[path_len] = '/';
	return walk_directory(walk, fd, path_len + 1, depth + 1, err);
}

/* A script may take its own permissions away; its files are results all the same. Nobody can put something
 * else in the name's place any more: the tree is dead. */
static void restore_access(const struct walk *walk, int dir_fd, const char *name, struct stat *st)
{
	mode_t need = S_ISDIR(st->st_mode) ? S_IRUSR | S_IXUSR : S_IRUSR;
	bool ours = st->st_uid == walk->uid && (S_ISDIR(st->st_mode) || S_ISREG(st->st_mode));
	if (ours && (st->st_mode & need) != need &&
	    fchmodat(dir_fd, name, (st->st_mode | need) & 07777, 0) == 0)
		st->st_mode |= need;
}

static int look_at(struct walk *walk, int dir_fd, const char *name, size_t prefix_len, unsigned depth,
		   struct error *err)
{
	size_t name_len = strlen(name);
	if (name_len > FRAME_MAX_PATH - prefix_len) {
		walk->collection->skipped++;
		return 0;
	}
	size_t path_len = prefix_len + name_len;
	memcpy(walk->path + prefix_len, name, name_len + 1);
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != EACCES)
			return error_errno(err, "stat out/files/%s", walk->path);
		walk->collection->skipped++;
		return 0;
	}
	restore_access(walk, dir_fd, name, &st);
	if (S_ISDIR(st.st_mode))
		return walk_into(walk, dir_fd, name, path_len, depth, err);
	if (!S_ISREG(st.st_mode) || (st.st_uid == walk->uid && (st.st_mode & S_IRUSR) == 0)) {
		walk->collection->skipped++;
		return 0;
	}
	return add_file(walk, path_len, &st, err);
}

/* Takes over dir_fd. `depth`: components of the path of an entry of this directory. */
static int walk_directory(struct walk *walk, int dir_fd, size_t prefix_len, unsigned depth, struct error *err)
{
	DIR *dir = fdopendir(dir_fd);
	if (!dir) {
		error_errno(err, "open a directory below out/files");
		close(dir_fd);
		return -1;
	}
	int r = 0;
	struct dirent *entry;
	while (r == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (walk->entries >= COLLECT_MAX_ENTRIES) {
			walk->collection->over_limit = true;
			break;
		}
		walk->entries++;
		r = look_at(walk, dir_fd, entry->d_name, prefix_len, depth, err);
	}
	if (r == 0 && !entry && errno != 0)
		r = error_errno(err, "read a directory below out/files");
	closedir(dir);
	return r;
}

static int compare(const void *a, const void *b, void *paths)
{
	const struct collected_file *x = a, *y = b;
	size_t n = x->length < y->length ? x->length : y->length;
	int r = memcmp((char *)paths + x->offset, (char *)paths + y->offset, n);
	return r ? r : (x->length > y->length) - (x->length < y->length);
}

/* Keep the files from the first one that break no limit. */
static void cut(struct collection *c, uint64_t max_bytes, uint32_t max_count)
{
	uint64_t bytes = 0;
	size_t count = 0;
	while (count < c->count && count < max_count && c->files[count].size <= max_bytes - bytes)
		bytes += c->files[count++].size;
	if (count < c->count)
		c->over_limit = true;
	c->count = count;
}

static int open_output(struct collection *c, int out_fd, struct error *err)
{
	/* O_NONBLOCK: a FIFO in its place must not hold the runner */
	cleanup_close int fd = openat(out_fd, NAME_OUTPUT, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0) {
		if (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EACCES)
			return 0; /* none, a symlink, a socket, or nothing that may be read */
		return error_errno(err, "open output.json");
	}
	if (fstat(fd, &st) != 0)
		return error_errno(err, "stat output.json");
	if (!S_ISREG(st.st_mode))
		return 0;
	c->output_fd = fd;
	c->output_size = (uint64_t)st.st_size;
	fd = -1;
	return 0;
}

int collect(int sandbox_fd, uint64_t max_bytes, uint32_t max_count, struct collection *ret, struct error *err)
{
	*ret = (struct collection){.output_fd = -1, .files_fd = -1, .paths = BUFFER(PATHS_MAX)};
	cleanup_close int out_fd = beneath_open_directory(sandbox_fd, NAME_OUT);
	if (out_fd < 0)
		return 0; /* without Landlock a script can remove it: then it left nothing */
	if (open_output(ret, out_fd, err) != 0)
		goto failed;
	ret->files_fd = beneath_open_directory(out_fd, NAME_FILES);
	if (ret->files_fd < 0)
		return 0;
	int walk_fd = beneath_open_directory(ret->files_fd, ".");
	if (walk_fd < 0)
		return 0; /* not readable: as good as absent */
	struct walk walk = {.collection = ret, .uid = geteuid()};
	if (walk_directory(&walk, walk_fd, 0, 1, err) != 0)
		goto failed;
	if (ret->count > 0)
		qsort_r(ret->files, ret->count, sizeof(*ret->files), compare, ret->paths.data);
	cut(ret, max_bytes, max_count);
	return 0;
failed:
	collection_free(ret);
	return -1;
}

struct str collection_path(const struct collection *collection, size_t index)
{
	const struct collected_file *file = &collection->files[index];
	return (struct str){collection->paths.data + file->offset, file->length};
}

void collection_free(struct collection *collection)
{
	descriptor_close(&collection->output_fd);
	descriptor_close(&collection->files_fd);
	buffer_free(&collection->paths);
	free(collection->files);
	collection->files = NULL;
	collection->count = 0;
}
