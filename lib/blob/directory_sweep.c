#include "lib/blob/directory_sweep.h"

#include "lib/blob/directory_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEVELS 4
#define BUCKET 0
#define TENANT 1
#define FOLDER 2
#define FILES 3
#define LOOK_MAX 20000 /* files and folders looked at for a page */
#define LIST_MAX 16384 /* names of a folder in memory */
#define BEHIND_ALL "~" /* sorts behind each hex digit */

struct job {
	uv_work_t work;
	struct directory_store *store;
	int (*run)(struct job *job, struct error *err); /* on the pool */
	void (*tell)(struct job *job);                  /* on the loop */
	int64_t before_ms;
	int status;
	struct error error;
	void *context;
	/* one page */
	blob_page_cb page_done;
	struct blob_cursor after;
	struct blob_page page;
	unsigned looked_at;
	/* a removal */
	blob_removal_cb removal_done;
	struct blob_removal removed;
	size_t count;
	int64_t *freed; /* bytes of each */
	struct blob_name blobs[];
};

static int64_t time_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

/* Names of a folder, in order */

struct list {
	char (*names)[80];
	size_t count, room;
	bool cut; /* there are more, behind `last` */
	char last[80];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A folder of any size in bounded memory: when the list is full, its lower half stays. */
static void cut(struct list *list)
{
	qsort(list->names, list->count, sizeof(list->names[0]), by_name);
	list->count /= 2;
	list->cut = true;
	snprintf(list->last, sizeof(list->last), "%s", list->names[list->count - 1]);
}

static int add_name(struct list *list, const char *name, struct error *err)
{
	if (list->count == LIST_MAX)
		cut(list);
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		void *names = realloc(list->names, room * sizeof(list->names[0]));
		if (!names)
			return error_no_memory(err);
		list->names = names;
		list->room = room;
	}
	snprintf(list->names[list->count++], sizeof(list->names[0]), "%s", name);
	return 0;
}

static bool is_hex(const char *name, size_t length)
{
	return strlen(name) == length && strspn(name, "0123456789abcdef") == length;
}

/* The store's own names; nothing else that lies there is touched. */
static bool is_name(unsigned level, const char *name)
{
	enum blob_bucket bucket;
	switch (level) {
	case BUCKET:
		return blob_bucket_find(str_of(name), &bucket);
	case TENANT:
		return blob_tenant_is_valid(str_of(name));
	case FOLDER:
		return is_hex(name, 2);
	default:
		return is_hex(name, DIGEST_HEX_SIZE - 3);
	}
}

/* Names from `from` on. */
static int list_folder(int fd, unsigned level, const char *from, struct list *ret, struct error *err)
{
	cleanup_closedir DIR *folder = directory_open_folder(fd, ".", err);
	if (!folder)
		return -1;
	int status = 0;
	errno = 0;
	for (struct dirent *entry; status == 0 && (entry = readdir(folder)) != NULL; errno = 0) {
		const char *name = entry->d_name;
		if (is_name(level, name) && strcmp(name, from) >= 0 &&
		    (!ret->cut || strcmp(name, ret->last) < 0))
			status = add_name(ret, name, err);
	}
	if (status == 0 && errno != 0)
		status = error_errno(err, "read the storage directory");
	if (ret->count)
		qsort(ret->names, ret->count, sizeof(ret->names[0]), by_name);
	return status;
}

/* A page */

static bool page_is_full(const struct job *job)
{
	return job->page.count == BLOB_PAGE_MAX || job->looked_at >= LOOK_MAX;
}

/* The file that page.next stands at. */
static int look_at_file(struct job *job, int folder, struct error *err)
{
	const struct blob_cursor *at = &job->page.next;
	struct stat st;
	job->looked_at++;
	if (fstatat(folder, at->part[FILES], &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : error_errno(err, "look at a blob");
	if (!S_ISREG(st.st_mode) || time_ms(&st) >= job->before_ms)
		return 0;
	struct blob_name *blob = &job->page.blobs[job->page.count++];
	(void)blob_bucket_find(str_of(at->part[BUCKET]), &blob->bucket); /* is_name has seen it */
	snprintf(blob->tenant, sizeof(blob->tenant), "%s", at->part[TENANT]);
	snprintf(blob->digest, sizeof(blob->digest), "sha256:%.2s%.62s", at->part[FOLDER], at->part[FILES]);
	return 0;
}

static int walk(struct job *job, int fd, unsigned level, bool on_path, struct error *err);

static int walk_folder(struct job *job, int parent, unsigned level, bool on_path, struct error *err)
{
	struct blob_cursor *at = &job->page.next;
	cleanup_close int fd =
	    openat(parent, at->part[level], O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	job->looked_at++;
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		return error_errno(err, "open a folder of blobs");
	int status = fd < 0 ? 0 : walk(job, fd, level + 1, on_path, err);
	if (status == 0) /* all of it was seen */
		snprintf(at->part[level + 1], sizeof(at->part[0]), BEHIND_ALL);
	return status;
}

/* 0: all of it was seen; 1: the page ends here, at page.next; -1: an error. on_path: the folders above are
 * those of `after`, so that it counts. */
static int walk(struct job *job, int fd, unsigned level, bool on_path, struct error *err)
{
	struct blob_cursor *at = &job->page.next;
	const char *from = on_path ? job->after.part[level] : "";
	struct list list = {0};
	int status = list_folder(fd, level, from, &list, err);
	for (size_t i = 0; status == 0 && i < list.count; i++) {
		bool same = on_path && strcmp(list.names[i], from) == 0;
		if (level == FILES && same)
			continue; /* the page before has it */
		snprintf(at->part[level], sizeof(at->part[level]), "%s", list.names[i]);
		status = level == FILES ? look_at_file(job, fd, err) : walk_folder(job, fd, level, same, err);
		if (status == 0 && page_is_full(job))
			status = 1;
	}
	if (status == 0 && list.cut)
		status = 1;
	free(list.names);
	return status;
}

static int run_page(struct job *job, struct error *err)
{
	if (!job->after.part[BUCKET][0] && directory_remove_stale(job->store->root, err) != 0)
		return -1;
	int status = walk(job, job->store->root, BUCKET, true, err);
	job->page.is_last = status == 0;
	return status < 0 ? -1 : 0;
}

/* Removal */

static int remove_one(struct job *job, size_t index, struct error *err)
{
	const struct blob_name *blob = &job->blobs[index];
	char path[200];
	struct stat st;
	const char *hex = blob_digest_hex(blob->digest);
	snprintf(path, sizeof(path), "%s/%s/%.2s/%s", blob_bucket_name(blob->bucket), blob->tenant, hex,
		 hex + 2);
	int held = directory_lock_exclusive(job->store->root, err);
	if (held < 0)
		return -1;
	int status = fstatat(job->store->root, path, &st, AT_SYMLINK_NOFOLLOW);
	bool old = status == 0 && S_ISREG(st.st_mode) && time_ms(&st) < job->before_ms;
	if (old)
		status = unlinkat(job->store->root, path, 0);
	if (status != 0 && errno != ENOENT)
		error_errno(err, "remove blob %s", blob->digest);
	else
		status = 0;
	close(held);
	if (old && status == 0) {
		job->removed.count++;
		job->removed.bytes += st.st_size;
		job->freed[index] = st.st_size;
	}
	return status;
}

static int run_removal(struct job *job, struct error *err)
{
	for (size_t i = 0; i < job->count; i++)
		if (remove_one(job, i, err) != 0)
			return -1;
	return 0;
}

/* On the loop */

static void tell_page(struct job *job)
{
	bool good = job->status == 0;
	job->page_done(job->context, good ? NULL : &job->error, good ? &job->page : NULL);
}

static void tell_removal(struct job *job)
{
	for (size_t i = 0; i < job->count; i++)
		account_add(&job->store->account, job->blobs[i].tenant, -job->freed[i], ACCOUNT_GONE);
	job->removal_done(job->context, job->status == 0 ? NULL : &job->error, &job->removed);
}

static void on_pool(uv_work_t *work)
{
	struct job *job = work->data;
	job->status = job->run(job, &job->error);
}

static void off_pool(uv_work_t *work, int uv_status)
{
	struct job *job = work->data;
	struct directory_store *store = job->store;
	if (uv_status != 0)
		job->status = error_set(&job->error, ERR_INTERNAL, "blob job: %s", uv_strerror(uv_status));
	if (!store->closed)
		job->tell(
		    job); /* which may close the store: it lives on until the count below is taken back */
	free(job->freed);
	free(job);
	store->jobs--;
	directory_release(store);
}

static struct job *job_new(struct blob_store *store, size_t count, int64_t before_ms, void *context,
			   struct error *err)
{
	if (!directory_is(store)) {
		error_set(err, ERR_INTERNAL, "blob: only an embedded store can be swept");
		return NULL;
	}
	struct job *job = calloc(1, sizeof(*job) + count * sizeof(job->blobs[0]));
	if (!job) {
		error_no_memory(err);
		return NULL;
	}
	job->store = directory_from(store);
	job->before_ms = before_ms;
	job->context = context;
	job->work.data = job;
	return job;
}

static int job_start(struct job *job, struct error *err)
{
	int status = uv_queue_work(job->store->loop, &job->work, on_pool, off_pool);
	if (status != 0) {
		free(job->freed);
		free(job);
		return error_set(err, ERR_INTERNAL, "blob job: %s", uv_strerror(status));
	}
	job->store->jobs++;
	return 0;
}

int blob_directory_old(struct blob_store *store, const struct blob_cursor *after, int64_t before_ms,
		       blob_page_cb done, void *context, struct error *err)
{
	struct job *job = job_new(store, 0, before_ms, context, err);
	if (!job)
		return -1;
	job->run = run_page;
	job->tell = tell_page;
	job->page_done = done;
	job->after = *after;
	job->page.next = *after;
	return job_start(job, err);
}

int blob_directory_remove(struct blob_store *store, const struct blob_name *blobs, size_t count,
			  int64_t before_ms, blob_removal_cb done, void *context, struct error *err)
{
	struct job *job = job_new(store, count, before_ms, context, err);
	if (!job)
		return -1;
	if (!(job->freed = calloc(count, sizeof(*job->freed)))) {
		free(job);
		return error_no_memory(err);
	}
	job->run = run_removal;
	job->tell = tell_removal;
	job->removal_done = done;
	job->count = count;
	memcpy(job->blobs, blobs, count * sizeof(blobs[0]));
	return job_start(job, err);
}
