/* The embedded store. On the loop's thread: the number of jobs, who waits, and the account. On the pool's
 * threads: a job, which holds everything that it touches, and the store's root descriptor, which lives as
 * long as there are jobs. */
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/blob/directory_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TEMPORARY "tmp" /* below the root, so that the rename stays on one file system */
#define LOCK_NAME ".lock"
#define STALE_SECONDS 3600
#define PUTS_MAX 4 /* on the pool at a time: its other threads are for what is quick */

struct job {
	uv_work_t work;
	struct lane_item waiting;
	struct directory_store *store;
	int (*run)(struct job *job, struct error *err); /* on the pool */
	char folder[128];                               /* BUCKET/TENANT/ab */
	char name[64];                                  /* cdef… */
	char tenant[64], digest[72];
	int fd;       /* put: a duplicate of the caller's */
	int64_t size; /* put: of fd; get: the maximum */
	/* put: room for its size is reserved; else refusal says why it must be there already */
	bool is_put, has_room;
	struct error refusal;
	int64_t made_ns;
	int64_t added;    /* bytes that the tenant has more now, or fewer */
	int ret_fd;       /* get */
	int64_t ret_size; /* get, put */
	int status;
	struct error error;
	blob_done_cb done;
	void *context;
};

static const struct blob_operations directory_operations;

bool directory_is(const struct blob_store *store)
{
	return store->operations == &directory_operations;
}

struct directory_store *directory_from(struct blob_store *store)
{
	return (struct directory_store *)(void *)store;
}

void directory_release(struct directory_store *store)
{
	if (!store->closed || store->jobs > 0)
		return;
	if (store->root >= 0)
		close(store->root);
	lanes_free(&store->waiting);
	account_free(&store->account);
	buffer_free(&store->signing_key);
	free(store->public_url);
	free(store);
}

/* On the pool */

/* mkdir -p below root; what was made is made durable in its parent. Gives a descriptor of the last folder. */
static int make_folders(int root, const char *path, struct error *err)
{
	int at = fcntl(root, F_DUPFD_CLOEXEC, 0);
	if (at < 0)
		return error_errno(err, "open the blob directory");
	struct str rest = str_of(path), component;
	for (bool more = true; more;) {
		char name[80];
		more = str_split_once(rest, '/', &component, &rest);
		snprintf(name, sizeof(name), "%.*s", (int)component.n, component.p);
		bool made = mkdirat(at, name, 0700) == 0;
		int next = -1;
		if ((made && fsync(at) == 0) || (!made && errno == EEXIST))
			next = openat(at, name, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
		if (next < 0)
			error_errno(err, "blob folder %s", path);
		close(at);
		if (next < 0)
			return -1;
		at = next;
	}
	return at;
}

static int lock(int root, int how, struct error *err)
{
	int fd = openat(root, LOCK_NAME, O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, "open the storage directory's lock");
	while (flock(fd, how) != 0) {
		if (errno == EINTR)
			continue;
		error_errno(err, "lock the storage directory");
		close(fd);
		return -1;
	}
	return fd;
}

int directory_lock_shared(int root, struct error *err)
{
	return lock(root, LOCK_SH, err);
}

int directory_lock_exclusive(int root, struct error *err)
{
	return lock(root, LOCK_EX, err);
}

/* Two puts of the same bytes may both find that nothing is there: one of them adds it. What is there in
 * another size is damaged, and replaced. errno on failure. */
static int give_name(struct job *job, const char *temporary_name, int folder)
{
	struct stat st;
	int root = job->store->root;
	bool is_there = fstatat(folder, job->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!is_there && renameat2(root, temporary_name, folder, job->name, RENAME_NOREPLACE) == 0) {
		job->added = job->size;
		return 0;
	}
	/* It is there by now, or the file system can't tell. */
	is_there = is_there || fstatat(folder, job->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (renameat(root, temporary_name, folder, job->name) != 0)
		return -1;
	job->added = job->size - (is_there ? st.st_size : 0);
	return 0;
}

static int publish(struct job *job, int temporary, const char *temporary_name, int folder, struct error *err)
{
	if (blob_copy_verified(job->fd, job->size, job->digest, temporary, err) != 0)
		return -1;
	if (fsync(temporary) != 0)
		return error_errno(err, "write blob %s", job->digest);
	int64_t size;
	job->made_ns = directory_made_ns(temporary, "", &size);
	int held = directory_lock_shared(job->store->root, err);
	if (held < 0)
		return -1;
	int status = give_name(job, temporary_name, folder);
	if (status != 0)
		error_errno(err, "publish blob %s", job->digest);
	close(held);
	if (status == 0 && fsync(folder) != 0)
		return error_errno(err, "publish blob %s", job->digest);
	return status;
}

static int put_new(struct job *job, struct error *err)
{
	char name[sizeof(TEMPORARY) + ID_UUID_SIZE];
	char id[ID_UUID_SIZE];
	id_uuid4(id);
	snprintf(name, sizeof(name), TEMPORARY "/%s", id);
	cleanup_close int folder = make_folders(job->store->root, job->folder, err);
	if (folder < 0)
		return -1;
	cleanup_close int temporary =
	    openat(job->store->root, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	int status =
	    temporary < 0 ? error_errno(err, "write blob") : publish(job, temporary, name, folder, err);
	if (temporary >= 0 && status != 0)
		unlinkat(job->store->root, name, 0);
	return status;
}

static void file_path(const struct job *job, char ret[200])
{
	snprintf(ret, 200, "%s/%s", job->folder, job->name);
}

/* What is there already in this size is as good as new: its time says so to those who remove what is old. 1
 * if it is, 0 if the blob must be written, -1 on an error. */
static int renew(struct job *job, struct error *err)
{
	char path[200];
	struct stat st;
	file_path(job, path);
	int held = directory_lock_shared(job->store->root, err);
	if (held < 0)
		return -1;
	cleanup_close int fd = openat(job->store->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool renewed = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == job->size &&
		       futimens(fd, NULL) == 0;
	close(held);
	int status = renewed ? 1 : 0;
	if (renewed && fsync(fd) != 0)
		status = error_errno(err, "renew blob %s", job->digest);
	return status;
}

static int run_renew(struct job *job, struct error *err)
{
	int renewed = renew(job, err);
	if (renewed == 0)
		return error_set(err, ERR_NOT_FOUND, "blob %s is not in the store", job->digest);
	return renewed < 0 ? -1 : 0;
}

static int run_put(struct job *job, struct error *err)
{
	job->ret_size = job->size;
	int renewed = renew(job, err);
	if (renewed < 0)
		return -1;
	if (!renewed && !job->has_room)
		return error_set(err, job->refusal.code, "%s", job->refusal.message);
	/* What is there was verified when it came; the caller's bytes are verified all the same. */
	return renewed ? blob_copy_verified(job->fd, job->size, job->digest, -1, err) : put_new(job, err);
}

static int check_file(struct job *job, int fd, struct error *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return error_errno(err, "blob %s", job->digest);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_IO, "blob %s is not a regular file in the storage directory",
				 job->digest);
	if (st.st_size > job->size)
		return error_set(err, ERR_TOO_LARGE, "blob %s has %lld bytes; at most %lld are allowed",
				 job->digest, (long long)st.st_size, (long long)job->size);
	job->ret_size = st.st_size;
	return 0;
}

/* The stored file itself is given: blobs never change, and one that is deleted lives until it is closed. Its
 * digest was computed when it was written; to read all of it for each question of each client would be work
 * that anybody with a link can make. */
static int run_get(struct job *job, struct error *err)
{
	char path[200];
	file_path(job, path);
	int fd = openat(job->store->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERR_NOT_FOUND, "blob %s is not in the store", job->digest);
	if (fd < 0)
		return error_errno(err, "open blob %s", job->digest);
	if (check_file(job, fd, err) != 0) {
		close(fd);
		return -1;
	}
	job->ret_fd = fd;
	return 0;
}

static int run_delete(struct job *job, struct error *err)
{
	char path[200];
	struct stat st;
	file_path(job, path);
	int64_t size = fstatat(job->store->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : 0;
	if (unlinkat(job->store->root, path, 0) == 0) {
		job->added = -size;
		job->made_ns = ACCOUNT_GONE;
	} else if (errno != ENOENT) {
		return error_errno(err, "delete blob %s", job->digest);
	}
	return 0;
}

static void on_pool(uv_work_t *work)
{
	struct job *job = work->data;
	job->status = job->run(job, &job->error);
}

/* On the loop */

static void job_free(struct job *job)
{
	if (job->fd >= 0)
		close(job->fd);
	if (job->ret_fd >= 0)
		close(job->ret_fd);
	free(job);
}

static void on_done(uv_work_t *work, int uv_status);

static void run_on_pool(struct job *job)
{
	job->store->puts += job->is_put ? 1 : 0;
	/* It can't fail: both functions are given. */
	uv_queue_work(job->store->loop, &job->work, on_pool, on_done);
}

static struct job *next_put(struct directory_store *store)
{
	struct lane_item *item = lanes_pop(&store->waiting);
	return item ? (struct job *)((uintptr_t)item - offsetof(struct job, waiting)) : NULL;
}

/* What the job did counts, and the next may run. */
static void settle(struct job *job)
{
	struct directory_store *store = job->store;
	account_add(&store->account, job->tenant, job->added, job->made_ns);
	if (job->has_room)
		account_release(&store->account, job->tenant, job->size);
	if (!job->is_put)
		return;
	store->puts--;
	struct job *next = next_put(store);
	if (next)
		run_on_pool(next);
}

static void on_done(uv_work_t *work, int uv_status)
{
	struct job *job = work->data;
	struct directory_store *store = job->store;
	if (uv_status != 0)
		job->status = error_set(&job->error, ERR_INTERNAL, "blob job: %s", uv_strerror(uv_status));
	settle(job);
	if (!store->closed) {
		int fd = job->status == 0 ? job->ret_fd : -1;
		if (fd >= 0)
			job->ret_fd = -1;
		/* The callback may close the store: it lives on until the count below is taken back. */
		job->done(job->context, job->status == 0 ? NULL : &job->error, fd,
			  job->status == 0 ? job->ret_size : 0);
	}
	job_free(job);
	store->jobs--;
	directory_release(store);
}

static struct job *job_new(struct directory_store *store, const struct blob_key *key, blob_done_cb done,
			   void *context, struct error *err)
{
	struct job *job = calloc(1, sizeof(*job));
	if (!job) {
		error_no_memory(err);
		return NULL;
	}
	const char *hex = blob_digest_hex(key->digest);
	snprintf(job->folder, sizeof(job->folder), "%s/%s/%.2s", blob_bucket_name(key->bucket), key->tenant,
		 hex);
	snprintf(job->name, sizeof(job->name), "%s", hex + 2);
	snprintf(job->tenant, sizeof(job->tenant), "%s", key->tenant);
	snprintf(job->digest, sizeof(job->digest), "%s", key->digest);
	job->store = store;
	job->fd = job->ret_fd = -1;
	job->done = done;
	job->context = context;
	job->work.data = job;
	return job;
}

static int job_start(struct job *job, int (*run)(struct job *, struct error *))
{
	job->run = run;
	job->store->jobs++;
	run_on_pool(job);
	return 0;
}

/* All puts that are under way, to the last byte, leave the reserve. */
static int check_space(const struct directory_store *store, int64_t size, struct error *err)
{
	int64_t free_space, reserve;
	if (directory_space(store, &free_space, &reserve, err) != 0)
		return -1;
	if (free_space - store->account.reserved - size >= reserve)
		return 0;
	return error_set(err, ERR_STORAGE_FULL,
			 "the storage is nearly full: %lld bytes are free, and %lld are kept free",
			 (long long)free_space, (long long)reserve);
}

static int put_start(struct job *job, struct error *err)
{
	struct directory_store *store = job->store;
	job->run = run_put;
	job->is_put = true;
	if (store->waiting_max > 0 &&
	    lanes_waiting(&store->waiting, str_of(job->tenant)) >= (size_t)store->waiting_max) {
		error_set(err, ERR_UNAVAILABLE, "%lld blobs of this tenant wait to be stored already",
			  (long long)store->waiting_max);
		job_free(job);
		return -1;
	}
	job->has_room = check_space(store, job->size, &job->refusal) == 0 &&
			account_reserve(&store->account, job->tenant, job->size, &job->refusal) == 0;
	if (store->puts < PUTS_MAX) {
		store->jobs++;
		run_on_pool(job);
	} else if (lanes_push(&store->waiting, str_of(job->tenant), &job->waiting, err) == 0) {
		store->jobs++;
	} else {
		if (job->has_room)
			account_release(&store->account, job->tenant, job->size);
		job_free(job);
		return -1;
	}
	return 0;
}

static int directory_put(struct blob_store *base, const struct blob_key *key, int fd, int64_t size,
			 blob_done_cb done, void *context, struct error *err)
{
	struct job *job = job_new(directory_from(base), key, done, context, err);
	if (!job)
		return -1;
	job->size = size;
	job->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (job->fd < 0) {
		error_errno(err, "store blob");
		job_free(job);
		return -1;
	}
	return put_start(job, err);
}

static int directory_get(struct blob_store *base, const struct blob_key *key, int64_t max, blob_done_cb done,
			 void *context, struct error *err)
{
	struct job *job = job_new(directory_from(base), key, done, context, err);
	if (!job)
		return -1;
	job->size = max;
	return job_start(job, run_get);
}

static int directory_renew(struct blob_store *base, const struct blob_key *key, int64_t size,
			   blob_done_cb done, void *context, struct error *err)
{
	struct job *job = job_new(directory_from(base), key, done, context, err);
	if (!job)
		return -1;
	job->size = size;
	return job_start(job, run_renew);
}

static int directory_delete(struct blob_store *base, const struct blob_key *key, blob_done_cb done,
			    void *context, struct error *err)
{
	struct job *job = job_new(directory_from(base), key, done, context, err);
	return job ? job_start(job, run_delete) : -1;
}

static int directory_presign_get(struct blob_store *base, const struct blob_key *key, const char *filename,
				 int64_t seconds, struct buffer *ret, struct error *err)
{
	struct directory_store *store = directory_from(base);
	int64_t expires = clock_wall_ms(&clock_system) / 1000 + seconds;
	return signed_url_append(ret, store->public_url, key, filename, "GET", expires,
				 buffer_str(&store->signing_key), err);
}

static int directory_check(struct blob_store *base, struct error *err)
{
	struct directory_store *store = directory_from(base);
	struct statvfs space;
	if (faccessat(store->root, TEMPORARY, W_OK | X_OK, 0) != 0 || fstatvfs(store->root, &space) != 0)
		return error_errno(err, "the storage directory can't be written");
	if (space.f_bavail == 0)
		return error_set(err, ERR_STORAGE_FULL, "the storage directory's disk is full");
	return 0;
}

static void directory_free(struct blob_store *base)
{
	struct directory_store *store = directory_from(base);
	struct job *job;
	store->closed = true;
	atomic_store(&store->is_ending, true);
	while ((job = next_put(store))) {
		store->jobs--;
		job_free(job);
	}
	directory_release(store);
}

static const struct blob_operations directory_operations = {
    .put = directory_put,
    .get = directory_get,
    .renew = directory_renew,
    .delete = directory_delete,
    .presign_get = directory_presign_get,
    .check = directory_check,
    .free = directory_free,
};

DIR *directory_open_folder(int at, const char *name, struct error *err)
{
	int fd = openat(at, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	if (folder)
		return folder;
	error_errno(err, "read the storage directory");
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Files that a crash left behind. Those of a process that still runs (another replica in a rollout) are
 * younger. */
int directory_remove_stale(int root, struct error *err)
{
	cleanup_closedir DIR *folder = directory_open_folder(root, TEMPORARY, err);
	if (!folder)
		return -1;
	int64_t oldest = clock_wall_ms(&clock_system) / 1000 - STALE_SECONDS;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		struct stat st;
		if (fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && (int64_t)st.st_mtime < oldest)
			unlinkat(dirfd(folder), entry->d_name, 0);
	}
	return 0;
}

static int open_root(struct directory_store *store, const char *directory, struct error *err)
{
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return error_errno(err, "make the storage directory %s", directory);
	store->root = open(directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (store->root < 0)
		return error_errno(err, "open the storage directory %s", directory);
	int temporary = make_folders(store->root, TEMPORARY, err);
	if (temporary < 0)
		return -1;
	close(temporary);
	return directory_remove_stale(store->root, err);
}

struct blob_store *blob_store_directory(uv_loop_t *loop, const char *directory, struct str signing_key,
					const char *public_url, struct error *err)
{
	struct directory_store *store = calloc(1, sizeof(*store));
	if (!store) {
		error_no_memory(err);
		return NULL;
	}
	store->store.operations = &directory_operations;
	store->loop = loop;
	store->root = -1;
	store->signing_key = BUFFER(BLOB_SIGNING_KEY_MAX);
	store->public_url = str_dup(str_of(public_url));
	int status = 0;
	if (signing_key.n == 0)
		status = error_set(err, ERR_BAD_REQUEST, "the blob store needs a signing key");
	else if (!store->public_url)
		status = error_no_memory(err);
	else if (buffer_append_str(&store->signing_key, signing_key) != 0)
		status = buffer_check(&store->signing_key, "the signing key", err);
	if (status == 0)
		status = account_init(&store->account, err);
	if (status == 0)
		status = lanes_init(&store->waiting, err);
	if (status == 0)
		status = open_root(store, directory, err);
	return status == 0 ? &store->store : blob_store_free(&store->store);
}
