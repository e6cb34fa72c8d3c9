#include "apiserver/execution/find.h"

#include "apiserver/execution/history.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "lib/base/id.h"

#include <stdlib.h>

#define SHOWN_ID_MAX 128 /* bytes of an id that a message repeats */

static const char what_failed[] = "the execution could not be read";

struct search {
	struct operation operation;
	/* As it was given, and as object names are: in lower case. */
	char id[ID_UUID_SIZE], name[ID_UUID_SIZE];
	/* NULL: it was called. */
	execution_found_cb done;
	void *context;
};

static struct search *of(struct operation *operation)
{
	return (struct search *)operation;
}

void execution_not_found(struct str id, struct error *ret)
{
	error_set(ret, ERR_NOT_FOUND, "execution not found: %.*s",
		  (int)(id.n < SHOWN_ID_MAX ? id.n : SHOWN_ID_MAX), id.p);
}

static void end(struct search *search, const struct shared_execution *execution, const struct error *failure)
{
	execution_found_cb done = search->done;
	search->done = NULL;
	if (done)
		done(search->context, execution, failure);
}

static void fail(struct search *search, const struct error *err)
{
	struct error failure;
	failure_of_fault(search->operation.caller, what_failed, err, &failure);
	end(search, NULL, &failure);
}

static void refuse_unknown(struct search *search)
{
	struct error failure;
	execution_not_found(str_of(search->id), &failure);
	end(search, NULL, &failure);
}

static void search_free(struct operation *operation)
{
	struct error failure;
	failure_of_stop(&failure);
	end(of(operation), NULL, &failure);
	free(operation);
}

static void on_history(struct operation *operation, const struct db_result *result, const struct error *error)
{
	struct error err;
	struct shared_execution *shared = error ? NULL : history_execution(result, 0, &err);
	if (shared)
		end(of(operation), shared, NULL);
	else if (!error && err.code == ERR_NOT_FOUND)
		refuse_unknown(of(operation));
	else
		fail(of(operation), error ? error : &err);
	shared_execution_unref(shared);
}

/* The resource is gone: the history may know it. */
static void ask_history(struct search *search)
{
	struct error err;
	if (!search->operation.server->db)
		refuse_unknown(search);
	else if (history_ask(&search->operation, str_of(search->id), on_history, &err) != 0)
		fail(search, &err);
}

static void on_asked(struct operation *operation, const struct kube_response *response)
{
	struct search *search = of(operation);
	struct error err;
	if (response->status == 404) {
		ask_history(search);
		return;
	}
	if (response->error) {
		failure_of_kube(operation->caller, operation->server->metrics, what_failed, response, &err);
		end(search, NULL, &err);
		return;
	}
	struct shared_execution *shared = shared_execution_from_json(response->body, &err);
	if (shared)
		end(search, shared, NULL);
	else
		fail(search, &err);
	shared_execution_unref(shared);
}

static int ask_cluster(struct search *search, const char *name, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX);
	execution_path(&path, search->operation.caller->namespace, name);
	return buffer_check(&path, "the path", err) == 0
		   ? operation_read(&search->operation, path.data, on_asked, err)
		   : -1;
}

void execution_find(struct apiserver *server, struct caller *caller, struct str id, execution_found_cb done,
		    void *context)
{
	struct error err;
	if (!id_is_uuid(id)) {
		execution_not_found(id, &err);
		done(context, NULL, &err);
		return;
	}
	const struct shared_execution *cached = cluster_execution(server->cluster, caller->namespace, id);
	if (cached && !cached->is_outline) {
		done(context, cached, NULL);
		return;
	}
	struct search *search = calloc(1, sizeof(*search));
	if (!search) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, NULL, &err);
		return;
	}
	operation_init(&search->operation, server, caller, search_free);
	search->done = done;
	search->context = context;
	for (size_t i = 0; i < ID_UUID_SIZE - 1; i++) {
		char c = id.p[i];
		search->id[i] = c;
		search->name[i] = c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : c;
	}
	if (ask_cluster(search, cached ? cached->execution->meta.name : search->name, &err) != 0)
		fail(search, &err);
	operation_unref(&search->operation);
}
