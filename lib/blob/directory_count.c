/* How much is in an embedded store: one walk through it, on a thread of the pool, while the store is used.
 * What was made since it began is told of by whoever made it, and not counted here; a put that had begun
 * before and is stored during the walk may be missed, until the next. */
#include "lib/blob/directory_internal.h"
#include "lib/blob/directory_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define RESERVE_SHARE 20 /* a twentieth of the disk … */
#define RESERVE_MAX ((int64_t)1 << 30)

struct count {
	uv_work_t work;
	struct directory_store *store;
	int64_t begun_ns;
	struct account_sum *sums;
	size_t sum_count, capacity;
	int status;
	struct error error;
};

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now); /* as file systems do */
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The first moment that no file has as its time yet: the clock of file systems goes in steps of some
 * milliseconds. */
static int64_t next_moment(void)
{
	const struct timespec pause = {0, 200000};
	int64_t before = now_ns(), now = before;
	for (int tries = 0; now == before && tries < 100; tries++) {
		nanosleep(&pause, NULL);
		now = now_ns();
	}
	return now;
}

int64_t directory_made_ns(int folder, const char *name, int64_t *ret_size)
{
	struct statx st;
	int flags = AT_SYMLINK_NOFOLLOW | (name[0] ? 0 : AT_EMPTY_PATH);
	if (statx(folder, name, flags, STATX_TYPE | STATX_SIZE | STATX_BTIME, &st) != 0 ||
	    !S_ISREG(st.stx_mode)) {
		*ret_size = 0;
		return 0;
	}
	*ret_size = (int64_t)st.stx_size;
	return st.stx_mask & STATX_BTIME ? (int64_t)st.stx_btime.tv_sec * 1000000000 + st.stx_btime.tv_nsec
					 : 0;
}

/* Bytes of a file that was there when the walk began; 0: it is none, or not that old. */
static int64_t size_of(const struct count *count, int folder, const char *name)
{
	int64_t size, made_ns = directory_made_ns(folder, name, &size);
	return made_ns < count->begun_ns ? size : 0;
}

/* NULL: that was the last. */
static struct dirent *next_name(DIR *folder)
{
	struct dirent *entry;
	do {
		entry = readdir(folder);
	} while (entry && entry->d_name[0] == '.');
	return entry;
}

static int64_t count_files(const struct count *count, int tenant, const char *name)
{
	int64_t size = 0;
	cleanup_closedir DIR *folder = directory_open_folder(tenant, name, NULL);
	for (struct dirent *entry; folder && (entry = next_name(folder));)
		size += size_of(count, dirfd(folder), entry->d_name);
	return size;
}

static int add_sum(struct count *count, const char *tenant, int64_t size, struct error *err)
{
	if (count->sum_count == count->capacity) {
		size_t capacity = count->capacity ? 2 * count->capacity : 16;
		struct account_sum *sums = realloc(count->sums, capacity * sizeof(*sums));
		if (!sums)
			return error_no_memory(err);
		count->sums = sums;
		count->capacity = capacity;
	}
	struct account_sum *sum = &count->sums[count->sum_count++];
	snprintf(sum->tenant, sizeof(sum->tenant), "%s", tenant);
	sum->size = size;
	return 0;
}

static int count_tenant(struct count *count, int bucket, const char *name, struct error *err)
{
	int64_t size = 0;
	cleanup_closedir DIR *folder = directory_open_folder(bucket, name, err);
	if (!folder)
		return -1;
	for (struct dirent *entry; (entry = next_name(folder));) {
		if (atomic_load(&count->store->is_ending))
			return error_set(err, ERR_UNAVAILABLE, "the server ends");
		size += count_files(count, dirfd(folder), entry->d_name);
	}
	return add_sum(count, name, size, err);
}

static int count_bucket(struct count *count, enum blob_bucket bucket, struct error *err)
{
	struct error why;
	cleanup_closedir DIR *folder =
	    directory_open_folder(count->store->root, blob_bucket_name(bucket), &why);
	int status = 0;
	if (!folder)
		return errno == ENOENT ? 0 : error_set(err, why.code, "%s", why.message);
	for (struct dirent *entry; status == 0 && (entry = next_name(folder));)
		if (blob_tenant_is_valid(str_of(entry->d_name)))
			status = count_tenant(count, dirfd(folder), entry->d_name, err);
	return status;
}

static void on_pool(uv_work_t *work)
{
	struct count *count = work->data;
	count->status = count_bucket(count, BLOB_SKILLS, &count->error) == 0 &&
				count_bucket(count, BLOB_EXECUTIONS, &count->error) == 0
			    ? 0
			    : -1;
}

static void off_pool(uv_work_t *work, int uv_status)
{
	static const struct account_sum nothing[1];
	struct count *count = work->data;
	struct directory_store *store = count->store;
	bool is_good = uv_status == 0 && count->status == 0;
	account_count_end(&store->account,
			  !is_good      ? NULL
			  : count->sums ? count->sums
					: nothing,
			  count->sum_count);
	free(count->sums);
	free(count);
	store->jobs--;
	directory_release(store);
}

int blob_directory_count(struct blob_store *base, struct error *err)
{
	struct directory_store *store = directory_from(base);
	if (!directory_is(base) || store->account.is_counting)
		return 0;
	struct count *count = calloc(1, sizeof(*count));
	if (!count)
		return error_no_memory(err);
	count->store = store;
	count->begun_ns = next_moment();
	count->work.data = count;
	account_count_begin(&store->account, count->begun_ns);
	store->jobs++;
	uv_queue_work(store->loop, &count->work, on_pool, off_pool); /* can't fail: both are given */
	return 0;
}

int blob_directory_limit(struct blob_store *base, const struct blob_limits *limits, struct error *err)
{
	if (!directory_is(base))
		return error_set(err, ERR_INTERNAL, "blob: only an embedded store has limits");
	struct directory_store *store = directory_from(base);
	store->account.max = limits->tenant_size;
	store->waiting_max = limits->waiting;
	return blob_directory_count(base, err);
}

int directory_space(const struct directory_store *store, int64_t *ret_free, int64_t *ret_reserve,
		    struct error *err)
{
	struct statvfs space;
	if (fstatvfs(store->root, &space) != 0)
		return error_errno(err, "the storage directory's disk can't be looked at");
	int64_t unit = (int64_t)space.f_frsize;
	int64_t reserve = (int64_t)space.f_blocks / RESERVE_SHARE * unit;
	*ret_free = (int64_t)space.f_bavail * unit;
	*ret_reserve = reserve < RESERVE_MAX ? reserve : RESERVE_MAX;
	return 0;
}

int blob_directory_usage(struct blob_store *base, struct blob_usage *ret, struct error *err)
{
	if (!directory_is(base))
		return error_set(err, ERR_INTERNAL, "blob: only an embedded store is counted");
	const struct directory_store *store = directory_from(base);
	struct blob_usage usage = {.is_counted = store->account.is_counted};
	if (directory_space(store, &usage.free, &usage.reserve, err) != 0)
		return -1;
	account_totals(&store->account, &usage.size, &usage.highest);
	*ret = usage;
	return 0;
}
