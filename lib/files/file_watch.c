#include "lib/files/file_watch.h"

#include "lib/base/buffer.h"
#include "lib/base/digest.h"
#include "lib/files/read_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#define LOOK_MS 1000

struct seen {
	char *path;
	struct stat stat;             /* all zero: it isn't there */
	char digest[DIGEST_HEX_SIZE]; /* of the content; empty: none */
};

struct file_watch {
	uv_timer_t timer;
	struct seen files[FILE_WATCH_MAX];
	size_t count;
	void (*changed)(void *context);
	void *context;
};

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Empty if there is none. */
static void content_digest(const char *path, char ret[DIGEST_HEX_SIZE])
{
	struct error err;
	cleanup_secret_buffer struct buffer content = BUFFER(FILE_WATCH_BYTES);
	if (read_file(path, &content, &err) != 0 || digest_sha256_hex(buffer_str(&content), ret, &err) != 0)
		ret[0] = '\0';
}

/* True if its content is another one than at the last look. What is read is at least as new as the times that
 * are kept, so that nothing is missed. */
static bool look(struct seen *seen)
{
	struct stat now;
	char digest[DIGEST_HEX_SIZE];
	if (stat(seen->path, &now) != 0)
		memset(&now, 0, sizeof(now));
	if (is_same(&now, &seen->stat))
		return false;
	seen->stat = now;
	content_digest(seen->path, digest);
	if (strcmp(digest, seen->digest) == 0)
		return false;
	memcpy(seen->digest, digest, sizeof(digest));
	return true;
}

static bool look_at_all(struct file_watch *watch)
{
	bool differs = false;
	for (size_t i = 0; i < watch->count; i++)
		differs |= look(&watch->files[i]);
	return differs;
}

static void on_time(uv_timer_t *timer)
{
	struct file_watch *watch = timer->data;
	if (look_at_all(watch))
		watch->changed(watch->context);
}

static void on_closed(uv_handle_t *handle)
{
	struct file_watch *watch = handle->data;
	for (size_t i = 0; i < watch->count; i++)
		free(watch->files[i].path);
	free(watch);
}

struct file_watch *file_watch_new(uv_loop_t *loop, const char *const *paths, size_t count,
				  void (*changed)(void *context), void *context, struct error *err)
{
	struct file_watch *watch = calloc(1, sizeof(*watch));
	if (!watch) {
		error_no_memory(err);
		return NULL;
	}
	watch->changed = changed;
	watch->context = context;
	uv_timer_init(loop, &watch->timer); /* can't fail, nor can the start with a callback */
	watch->timer.data = watch;
	for (; watch->count < count && watch->count < FILE_WATCH_MAX; watch->count++) {
		if (!(watch->files[watch->count].path = str_dup(str_of(paths[watch->count])))) {
			error_no_memory(err);
			return file_watch_free(watch);
		}
	}
	look_at_all(watch);
	uv_timer_start(&watch->timer, on_time, LOOK_MS, LOOK_MS);
	uv_unref((uv_handle_t *)&watch->timer);
	return watch;
}

struct file_watch *file_watch_free(struct file_watch *watch)
{
	if (watch)
		uv_close((uv_handle_t *)&watch->timer, on_closed);
	return NULL;
}
