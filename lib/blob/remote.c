#include "lib/blob/remote.h"

#include "lib/base/temporary.h"

#include <fcntl.h>
#include <unistd.h>

#define ERROR_BODY_MAX 65536

/* Store */

int remote_store_init(struct remote_store *store, const struct blob_operations *operations, uv_loop_t *loop,
		      struct http_client *client, void (*destroy)(struct remote_store *store),
		      struct error *err)
{
	store->store.operations = operations;
	store->loop = loop;
	store->client = client;
	store->destroy = destroy;
	LIST_INIT(&store->transfers);
	return lanes_init(&store->waiting, err);
}

static void release(struct remote_store *store)
{
	if (!store->closed || store->on_pool > 0)
		return;
	lanes_free(&store->waiting);
	store->destroy(store);
}

static struct remote_transfer *next_waiting(struct remote_store *store)
{
	struct lane_item *item = lanes_pop(&store->waiting);
	return item ? (struct remote_transfer *)((uintptr_t)item - offsetof(struct remote_transfer, waiting))
		    : NULL;
}

void remote_store_close(struct remote_store *store)
{
	store->closed = true;
	for (struct remote_transfer *waiting; (waiting = next_waiting(store));)
		remote_transfer_free(waiting);
	struct remote_transfer *transfer = LIST_FIRST(&store->transfers);
	while (transfer) {
		struct remote_transfer *next = LIST_NEXT(transfer, link);
		if (transfer->request) { /* else the pool has it */
			http_request_cancel(transfer->request);
			remote_transfer_free(transfer);
		}
		transfer = next;
	}
	release(store);
}

/* Transfer */

void remote_transfer_init(struct remote_transfer *transfer, struct remote_store *store,
			  const struct blob_key *key, blob_done_cb done, void *context,
			  void (*free_transfer)(struct remote_transfer *transfer))
{
	transfer->store = store;
	transfer->fd = -1;
	transfer->done = done;
	transfer->context = context;
	transfer->free = free_transfer;
	snprintf(transfer->tenant, sizeof(transfer->tenant), "%s", key->tenant);
	snprintf(transfer->digest, sizeof(transfer->digest), "%s", key->digest);
	LIST_INSERT_HEAD(&store->transfers, transfer, link);
}

int remote_transfer_put(struct remote_transfer *transfer, int fd, int64_t size, struct error *err)
{
	transfer->size = size;
	transfer->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return transfer->fd < 0 ? error_errno(err, "store blob") : 0;
}

int remote_transfer_get(struct remote_transfer *transfer, int64_t max, struct error *err)
{
	transfer->is_get = true;
	transfer->size = max;
	transfer->fd = temporary_file(err);
	return transfer->fd < 0 ? -1 : 0;
}

void remote_transfer_free(struct remote_transfer *transfer)
{
	LIST_REMOVE(transfer, link);
	if (transfer->fd >= 0)
		close(transfer->fd);
	transfer->free(transfer);
}

void remote_transfer_finish(struct remote_transfer *transfer)
{
	bool good = transfer->status == 0;
	int fd = -1;
	if (transfer->store->closed) {
		remote_transfer_free(transfer);
		return;
	}
	if (good && transfer->is_get) {
		fd = transfer->fd;
		transfer->fd = -1;
	}
	blob_done_cb done = transfer->done;
	void *context = transfer->context;
	struct error error = transfer->error;
	int64_t size = good ? transfer->size : 0;
	remote_transfer_free(transfer);
	done(context, good ? NULL : &error, fd, size);
}

/* Pool */

static void on_pool(uv_work_t *work)
{
	struct remote_transfer *transfer = work->data;
	transfer->job(transfer);
}

static void off_pool(uv_work_t *work, int uv_status);

static void go_on_pool(struct remote_transfer *transfer)
{
	transfer->store->on_pool++;
	/* It can't fail: both functions are given. */
	uv_queue_work(transfer->store->loop, &transfer->work, on_pool, off_pool);
}

static void off_pool(uv_work_t *work, int uv_status)
{
	struct remote_transfer *transfer = work->data, *next;
	struct remote_store *store = transfer->store;
	if (uv_status != 0)
		transfer->status =
		    error_set(&transfer->error, ERR_INTERNAL, "blob: %s", uv_strerror(uv_status));
	if (uv_status != 0 || store->closed)
		remote_transfer_finish(transfer);
	else
		transfer->after(transfer);
	store->on_pool--;
	if (store->on_pool < REMOTE_ON_POOL_MAX && (next = next_waiting(store)))
		go_on_pool(next);
	release(store);
}

void remote_transfer_on_pool(struct remote_transfer *transfer, void (*job)(struct remote_transfer *transfer),
			     void (*after)(struct remote_transfer *transfer))
{
	transfer->work.data = transfer;
	transfer->job = job;
	transfer->after = after;
	struct remote_store *store = transfer->store;
	if (store->on_pool < REMOTE_ON_POOL_MAX) {
		go_on_pool(transfer);
	} else if (lanes_push(&store->waiting, str_of(transfer->tenant), &transfer->waiting,
			      &transfer->error) != 0) {
		transfer->status = -1;
		remote_transfer_finish(transfer);
	}
}

/* Get */

static void verify(struct remote_transfer *transfer)
{
	transfer->status =
	    blob_copy_verified(transfer->fd, transfer->size, transfer->digest, -1, &transfer->error);
	if (transfer->status != 0 && transfer->error.code == ERR_BAD_REQUEST)
		transfer->error.code = ERR_IO; /* the store's fault, not the caller's */
	if (transfer->status == 0 && lseek(transfer->fd, 0, SEEK_SET) != 0)
		transfer->status = error_errno(&transfer->error, "blob %s", transfer->digest);
}

void remote_transfer_fetch_options(const struct remote_transfer *transfer,
				   struct http_request_options *options)
{
	options->response_fd = transfer->fd;
	/* An error's text may be longer than a small blob: remote_transfer_fetched looks at the blob's size
	 * again. */
	options->max_response = transfer->size > ERROR_BODY_MAX ? (size_t)transfer->size : ERROR_BODY_MAX;
}

void remote_transfer_fetched(struct remote_transfer *transfer, const struct http_response *response)
{
	if (response->body_size <= transfer->size) {
		transfer->size = response->body_size;
		remote_transfer_on_pool(transfer, verify, remote_transfer_finish);
		return;
	}
	transfer->status = error_set(&transfer->error, ERR_TOO_LARGE, "blob %s is larger than %lld bytes",
				     transfer->digest, (long long)transfer->size);
	remote_transfer_finish(transfer);
}
