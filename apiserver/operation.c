#include "apiserver/operation.h"

#include "lib/base/lanes.h"

#include <inttypes.h>
#include <stdlib.h>

/* A call under way. */
struct pending {
	struct pending *previous, *next;
	struct operation *operation;
	operation_kube_cb kube;
	operation_blob_cb blob;
	enum storage_operation kind; /* of blob */
	operation_db_cb db;
	operation_work_cb work, worked;
	uv_work_t job;
	operation_piece_cb piece;
	struct lane_item waiting; /* for one of these two */
};

struct operation_lanes {
	struct lanes work, pieces;
	bool works; /* one is in the thread pool */
	uv_idle_t turn;
};

void operation_init(struct operation *operation, struct apiserver *server, struct caller *caller,
		    void (*free_whole)(struct operation *operation))
{
	*operation = (struct operation){server, caller_ref(caller), free_whole, 1};
}

struct operation *operation_ref(struct operation *operation)
{
	operation->references++;
	return operation;
}

void operation_unref(struct operation *operation)
{
	if (--operation->references > 0)
		return;
	struct caller *caller = operation->caller;
	operation->free(operation);
	caller_unref(caller);
}

static struct pending *pending_new(struct operation *operation, struct error *err)
{
	struct pending *pending = calloc(1, sizeof(*pending));
	if (!pending) {
		error_no_memory(err);
		return NULL;
	}
	struct apiserver *server = operation->server;
	pending->operation = operation_ref(operation);
	pending->next = server->pending;
	if (pending->next)
		pending->next->previous = pending;
	server->pending = pending;
	return pending;
}

static void pending_free(struct pending *pending)
{
	struct apiserver *server = pending->operation->server;
	if (pending->previous)
		pending->previous->next = pending->next;
	else
		server->pending = pending->next;
	if (pending->next)
		pending->next->previous = pending->previous;
	operation_unref(pending->operation);
	free(pending);
}

void operation_forget_all(struct apiserver *server)
{
	while (server->pending)
		pending_free(server->pending);
}

/* After the start of a call: keep pending, or undo it. */
static int started(struct pending *pending, int result)
{
	if (result != 0)
		pending_free(pending);
	return result;
}

/* Kubernetes */

static void on_kube(void *context, const struct kube_response *response)
{
	struct pending *pending = context;
	pending->kube(pending->operation, response);
	pending_free(pending);
}

int operation_kube(struct operation *operation, const struct kube_call *call, operation_kube_cb done,
		   struct error *err)
{
	struct pending *pending = pending_new(operation, err);
	if (!pending)
		return -1;
	pending->kube = done;
	struct kube_call own = *call;
	own.done = on_kube;
	own.context = pending;
	return started(pending, kube_client_call(operation->server->kube, &own, err) ? 0 : -1);
}

int operation_read(struct operation *operation, const char *path, operation_kube_cb done, struct error *err)
{
	struct pending *pending = pending_new(operation, err);
	if (!pending)
		return -1;
	pending->kube = done;
	return started(pending, reader_get(operation->server->reader, path, on_kube, pending, err) ? 0 : -1);
}

/* Blobs */

static void on_blob(void *context, const struct error *error, int fd, int64_t size)
{
	struct pending *pending = context;
	measure_storage(pending->operation->server->metrics, pending->kind, error);
	pending->blob(pending->operation, error, fd, size);
	pending_free(pending);
}

static struct pending *blob_pending(struct operation *operation, enum storage_operation kind,
				    operation_blob_cb done, struct error *err)
{
	struct pending *pending = pending_new(operation, err);
	if (pending) {
		pending->blob = done;
		pending->kind = kind;
	}
	return pending;
}

int operation_blob_get(struct operation *operation, const struct blob_key *key, int64_t max,
		       operation_blob_cb done, struct error *err)
{
	struct pending *pending = blob_pending(operation, STORAGE_GET, done, err);
	return pending ? started(pending, blob_get(operation->server->blobs, key, max, on_blob, pending, err))
		       : -1;
}

int operation_blob_put(struct operation *operation, const struct blob_key *key, int fd, int64_t size,
		       operation_blob_cb done, struct error *err)
{
	struct pending *pending = blob_pending(operation, STORAGE_PUT, done, err);
	return pending ? started(pending,
				 blob_put(operation->server->blobs, key, fd, size, on_blob, pending, err))
		       : -1;
}

int operation_blob_renew(struct operation *operation, const struct blob_key *key, int64_t size,
			 operation_blob_cb done, struct error *err)
{
	struct pending *pending = blob_pending(operation, STORAGE_PUT, done, err);
	return pending
		   ? started(pending, blob_renew(operation->server->blobs, key, size, on_blob, pending, err))
		   : -1;
}

int operation_blob_delete(struct operation *operation, const struct blob_key *key, operation_blob_cb done,
			  struct error *err)
{
	struct pending *pending = blob_pending(operation, STORAGE_DELETE, done, err);
	return pending ? started(pending, blob_delete(operation->server->blobs, key, on_blob, pending, err))
		       : -1;
}

/* The database */

static void on_db(void *context, const struct db_result *result, const struct error *error)
{
	struct pending *pending = context;
	pending->db(pending->operation, result, error);
	pending_free(pending);
}

int operation_db(struct operation *operation, enum db_statement statement, struct db_parameters *parameters,
		 operation_db_cb done, struct error *err)
{
	struct pending *pending = pending_new(operation, err);
	if (!pending) {
		db_parameters_free(parameters);
		return -1;
	}
	pending->db = done;
	struct db_call call = {
	    .statement = statement, .parameters = parameters, .done = on_db, .context = pending};
	return started(pending, db_run(operation->server->db, &call, err));
}

/* Lanes */

static struct pending *pending_of(struct lane_item *item)
{
	return item ? (struct pending *)((uintptr_t)item - offsetof(struct pending, waiting)) : NULL;
}

static struct str lane_of(const struct caller *caller)
{
	return str_of(caller->tenant ? caller->tenant : "");
}

struct operation_lanes *operation_lanes_new(uv_loop_t *loop, struct error *err)
{
	struct operation_lanes *lanes = calloc(1, sizeof(*lanes));
	if (!lanes) {
		error_no_memory(err);
		return NULL;
	}
	uv_idle_init(loop, &lanes->turn); /* can't fail */
	lanes->turn.data = lanes;
	if (lanes_init(&lanes->work, err) == 0 && lanes_init(&lanes->pieces, err) == 0)
		return lanes;
	return operation_lanes_free(lanes);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct operation_lanes *operation_lanes_free(struct operation_lanes *lanes)
{
	if (!lanes)
		return NULL;
	lanes_free(&lanes->work);
	lanes_free(&lanes->pieces);
	uv_close((uv_handle_t *)&lanes->turn, on_closed);
	return NULL;
}

/* The thread pool */

static void in_pool(uv_work_t *job)
{
	struct pending *pending = job->data;
	pending->work(pending->operation);
}

static void after_pool(uv_work_t *job, int status);

/* One at a time: an archive may take seconds and much memory, and the pool's other threads are for blobs. */
static void start_work(struct apiserver *server)
{
	struct pending *next = server->lanes->works ? NULL : pending_of(lanes_pop(&server->lanes->work));
	if (!next)
		return;
	server->lanes->works = true;
	/* It can't fail: both functions are given. */
	uv_queue_work(server->loop, &next->job, in_pool, after_pool);
}

static void after_pool(uv_work_t *job, int status)
{
	(void)status; /* these are never cancelled */
	struct pending *pending = job->data;
	struct apiserver *server = pending->operation->server;
	if (server->lanes)
		server->lanes->works = false;
	if (!server->ended) {
		start_work(server);
		pending->worked(pending->operation);
	}
	pending_free(pending);
}

size_t operation_work_queue(const struct apiserver *server)
{
	return server->lanes->work.count + (server->lanes->works ? 1 : 0);
}

int operation_work_check(struct apiserver *server, const struct caller *caller, struct error *err)
{
	int64_t max = server->config->limits.max_waiting_calls;
	if (lanes_waiting(&server->lanes->work, lane_of(caller)) < (size_t)max)
		return 0;
	measure_refusal(server->metrics, REFUSED_WORK);
	return error_set(err, ERR_NO_CAPACITY,
			 "%" PRId64 " uploads and files of tenant \"%s\" wait to be looked at, the limit "
			 "(SKILLBOX_MAX_WAITING_CALLS); try again when one has been",
			 max, caller->tenant ? caller->tenant : "");
}

int operation_work(struct operation *operation, operation_work_cb work, operation_work_cb done,
		   struct error *err)
{
	struct apiserver *server = operation->server;
	struct pending *pending =
	    operation_work_check(server, operation->caller, err) == 0 ? pending_new(operation, err) : NULL;
	if (!pending)
		return -1;
	pending->work = work;
	pending->worked = done;
	pending->job.data = pending;
	if (started(pending, lanes_push(&server->lanes->work, lane_of(operation->caller), &pending->waiting,
					err)) != 0)
		return -1;
	start_work(server);
	return 0;
}

/* In turns of the loop */

static void on_turn(uv_idle_t *turn)
{
	struct operation_lanes *lanes = turn->data;
	struct pending *pending = pending_of(lanes_pop(&lanes->pieces));
	/* Without memory to wait its turn it goes on. */
	while (pending && pending->piece(pending->operation))
		if (lanes_push(&lanes->pieces, lane_of(pending->operation->caller), &pending->waiting,
			       NULL) == 0)
			pending = NULL;
	if (pending)
		pending_free(pending);
	if (lanes->pieces.count == 0)
		uv_idle_stop(turn);
}

int operation_pieces(struct operation *operation, operation_piece_cb piece, struct error *err)
{
	struct operation_lanes *lanes = operation->server->lanes;
	struct pending *pending = pending_new(operation, err);
	if (!pending)
		return -1;
	pending->piece = piece;
	if (started(pending,
		    lanes_push(&lanes->pieces, lane_of(operation->caller), &pending->waiting, err)) != 0)
		return -1;
	uv_idle_start(&lanes->turn, on_turn); /* can't fail with a callback */
	return 0;
}
