/* What the stores behind HTTP (http_store.c, s3.c) have in common: transfers that end once, whatever becomes
 * of the store meanwhile, work on the thread pool, and the check of what was fetched. */
#ifndef SKILLBOX_BLOB_REMOTE_H
#define SKILLBOX_BLOB_REMOTE_H

#include "lib/base/lanes.h"
#include "lib/blob/blob_internal.h"

#include <sys/queue.h>

/* Transfers on the pool at a time: what is hashed takes time by its size, and the pool's other threads are
 * for others. Those that wait take turns by tenant. */
#define REMOTE_ON_POOL_MAX 4

struct remote_store {
	struct blob_store store; /* first member */
	uv_loop_t *loop;
	struct http_client *client;
	LIST_HEAD(remote_transfer_list, remote_transfer) transfers;
	size_t on_pool; /* transfers there */
	struct lanes waiting;
	bool closed;
	/* Give the store's memory back; called when it is closed and nothing of it is on the pool. */
	void (*destroy)(struct remote_store *store);
};

struct remote_transfer {
	LIST_ENTRY(remote_transfer) link;
	struct remote_store *store;
	struct http_request *request; /* the one that runs, or NULL */
	bool is_get;
	int fd;       /* a duplicate of the caller's, or the temporary file of a get; -1: none */
	int64_t size; /* put: of fd; get: the maximum, then what came */
	char tenant[64], digest[72];
	blob_done_cb done;
	void *context;
	int status; /* 0, or -1 with error */
	struct error error;
	uv_work_t work;
	struct lane_item waiting;
	void (*job)(struct remote_transfer *transfer);   /* on the pool */
	void (*after)(struct remote_transfer *transfer); /* on the loop */
	void (*free)(struct remote_transfer *transfer);  /* the memory of it and of what it holds */
};

/* On failure there is nothing to close. */
int remote_store_init(struct remote_store *store, const struct blob_operations *operations, uv_loop_t *loop,
		      struct http_client *client, void (*destroy)(struct remote_store *store),
		      struct error *err);
/* For the operation `free`. */
void remote_store_close(struct remote_store *store);

/* Fill a zeroed transfer, which is in the store's hands from then on. */
void remote_transfer_init(struct remote_transfer *transfer, struct remote_store *store,
			  const struct blob_key *key, blob_done_cb done, void *context,
			  void (*free_transfer)(struct remote_transfer *transfer));
int remote_transfer_put(struct remote_transfer *transfer, int fd, int64_t size, struct error *err);
int remote_transfer_get(struct remote_transfer *transfer, int64_t max, struct error *err);
/* End it without a word to its caller. */
void remote_transfer_free(struct remote_transfer *transfer);
/* Tell the caller, unless the store was closed, and end it. */
void remote_transfer_finish(struct remote_transfer *transfer);

/* Run job on the pool, then after on the loop; after isn't called if the store was closed. On failure the
 * transfer is finished with that error. */
void remote_transfer_on_pool(struct remote_transfer *transfer, void (*job)(struct remote_transfer *transfer),
			     void (*after)(struct remote_transfer *transfer));
/* Options of the request that fetches: into the file, with room for the text of an error. */
void remote_transfer_fetch_options(const struct remote_transfer *transfer,
				   struct http_request_options *options);
/* Take a 2xx answer to that: verify and finish, or finish as too large. */
void remote_transfer_fetched(struct remote_transfer *transfer, const struct http_response *response);

#endif
