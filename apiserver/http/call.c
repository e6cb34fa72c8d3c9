#include "apiserver/http/call.h"

#include <stdlib.h>

struct pending {
	struct pending *previous, *next;
	struct request *request;
	call_kube_cb kube;
	call_blob_cb blob;
	enum storage_operation operation; /* of blob */
	call_db_cb db;
	void (*work)(void *state);
	void (*worked)(struct request *request);
	uv_work_t job;
	struct pending *next_job;
};

static struct pending *pending_new(struct request *request, struct error *err)
{
	struct pending *pending = calloc(1, sizeof(*pending));
	if (!pending) {
		error_no_memory(err);
		return NULL;
	}
	struct apiserver *server = request->server;
	pending->request = request_ref(request);
	pending->next = server->pending;
	if (pending->next)
		pending->next->previous = pending;
	server->pending = pending;
	return pending;
}

static void pending_free(struct pending *pending)
{
	struct apiserver *server = pending->request->server;
	if (pending->previous)
		pending->previous->next = pending->next;
	else
		server->pending = pending->next;
	if (pending->next)
		pending->next->previous = pending->previous;
	request_unref(pending->request);
	free(pending);
}

void call_forget_all(struct apiserver *server)
{
	while (server->pending)
		pending_free(server->pending);
}

static void on_kube(void *context, const struct kube_response *response)
{
	struct pending *pending = context;
	pending->kube(pending->request, response);
	pending_free(pending);
}

int call_kube(struct request *request, const struct kube_call *call, call_kube_cb done, struct error *err)
{
	struct pending *pending = pending_new(request, err);
	if (!pending)
		return -1;
	pending->kube = done;
	struct kube_call own = *call;
	own.done = on_kube;
	own.context = pending;
	if (kube_client_call(request->server->kube, &own, err))
		return 0;
	pending_free(pending);
	return -1;
}

static void on_blob(void *context, const struct error *error, int fd, int64_t size)
{
	struct pending *pending = context;
	measure_storage(pending->request->server->metrics, pending->operation, error);
	pending->blob(pending->request, error, fd, size);
	pending_free(pending);
}

/* After the start of a blob operation: keep pending, or undo it. */
static int started(struct pending *pending, int result)
{
	if (result != 0)
		pending_free(pending);
	return result;
}

static struct pending *blob_pending(struct request *request, enum storage_operation operation,
				    call_blob_cb done, struct error *err)
{
	struct pending *pending = pending_new(request, err);
	if (pending) {
		pending->blob = done;
		pending->operation = operation;
	}
	return pending;
}

int call_blob_get(struct request *request, const struct blob_key *key, int64_t max, call_blob_cb done,
		  struct error *err)
{
	struct pending *pending = blob_pending(request, STORAGE_GET, done, err);
	return pending ? started(pending, blob_get(request->server->blobs, key, max, on_blob, pending, err))
		       : -1;
}

int call_blob_put(struct request *request, const struct blob_key *key, int fd, int64_t size,
		  call_blob_cb done, struct error *err)
{
	struct pending *pending = blob_pending(request, STORAGE_PUT, done, err);
	return pending
		   ? started(pending, blob_put(request->server->blobs, key, fd, size, on_blob, pending, err))
		   : -1;
}

int call_blob_delete(struct request *request, const struct blob_key *key, call_blob_cb done,
		     struct error *err)
{
	struct pending *pending = blob_pending(request, STORAGE_DELETE, done, err);
	return pending ? started(pending, blob_delete(request->server->blobs, key, on_blob, pending, err))
		       : -1;
}

static void on_db(void *context, const struct db_result *result, const struct error *error)
{
	struct pending *pending = context;
	pending->db(pending->request, result, error);
	pending_free(pending);
}

int call_db(struct request *request, enum db_statement statement, struct db_parameters *parameters,
	    call_db_cb done, struct error *err)
{
	struct pending *pending = pending_new(request, err);
	if (!pending) {
		db_parameters_free(parameters);
		return -1;
	}
	pending->db = done;
	struct db_call call = {
	    .statement = statement, .parameters = parameters, .done = on_db, .context = pending};
	return started(pending, db_run(request->server->db, &call, err));
}

static void in_pool(uv_work_t *job)
{
	struct pending *pending = job->data;
	pending->work(pending->request->state);
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
	struct apiserver *server = pending->request->server;
	server->jobs = pending->next_job;
	if (!server->ended) {
		start_job(server);
		pending->worked(pending->request);
	}
	pending_free(pending);
}

size_t call_work_queue(const struct apiserver *server)
{
	size_t count = 0;
	for (const struct pending *job = server->jobs; job; job = job->next_job)
		count++;
	return count;
}

/* One at a time: an archive may take seconds, and the pool's other threads are for blobs. */
int call_work(struct request *request, void (*work)(void *state), void (*done)(struct request *request),
	      struct error *err)
{
	struct apiserver *server = request->server;
	struct pending *pending = pending_new(request, err), **end = &server->jobs;
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
