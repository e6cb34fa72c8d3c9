#include "apiserver/operation.h"

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
	struct pending *next_job;
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

/* The thread pool */

static void in_pool(uv_work_t *job)
{
	struct pending *pending = job->data;
	pending->work(pending->operation);
}

static void after_pool(uv_work_t *job, int status);

static void start_job(struct apiserver *server)
{
	/* It can't fail: both functions are given. */
	if (server->jobs)
		uv_queue_work(server->loop, &server->jobs->job, in_pool, after_pool);
}

static void after_pool(uv_work_t *job, int status)
{
	(void)status; /* these are never cancelled */
	struct pending *pending = job->data;
	struct apiserver *server = pending->operation->server;
	server->jobs = pending->next_job;
	if (!server->ended) {
		start_job(server);
		pending->worked(pending->operation);
	}
	pending_free(pending);
}

size_t operation_work_queue(const struct apiserver *server)
{
	size_t count = 0;
	for (const struct pending *job = server->jobs; job; job = job->next_job)
		count++;
	return count;
}

/* One at a time: an archive may take seconds, and the pool's other threads are for blobs. */
int operation_work(struct operation *operation, operation_work_cb work, operation_work_cb done,
		   struct error *err)
{
	struct apiserver *server = operation->server;
	struct pending *pending = pending_new(operation, err), **end = &server->jobs;
	if (!pending)
		return -1;
	pending->work = work;
	pending->worked = done;
	pending->job.data = pending;
	while (*end)
		end = &(*end)->next_job;
	*end = pending;
	if (server->jobs == pending)
		start_job(server);
	return 0;
}
