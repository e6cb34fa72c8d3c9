#include "apiserver/execution/cancel.h"

#include "apiserver/audit.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "lib/base/id.h"

#include <stdlib.h>

static const char what_failed[] = "the execution could not be cancelled";

struct cancellation {
	struct operation operation;
	char id[ID_UUID_SIZE];
	/* NULL: it was called. */
	execution_found_cb done;
	void *context;
};

static struct cancellation *of(struct operation *operation)
{
	return (struct cancellation *)operation;
}

static void end(struct cancellation *cancellation, const struct shared_execution *execution,
		const struct error *failure)
{
	execution_found_cb done = cancellation->done;
	cancellation->done = NULL;
	if (done)
		done(cancellation->context, execution, failure);
}

static void cancellation_free(struct operation *operation)
{
	struct error failure;
	failure_of_stop(&failure);
	end(of(operation), NULL, &failure);
	free(operation);
}

static void on_cancelled(struct operation *operation, const struct kube_response *response)
{
	struct cancellation *cancellation = of(operation);
	struct error err;
	if (response->status == 404) {
		execution_not_found(str_of(cancellation->id), &err);
		end(cancellation, NULL, &err);
		return;
	}
	if (response->error) {
		failure_of_kube(operation->caller, operation->server->metrics, what_failed, response, &err);
		end(cancellation, NULL, &err);
		return;
	}
	/* It may have ended in the meantime: then that counts. */
	struct shared_execution *shared = shared_execution_from_json(response->body, &err);
	if (!shared) {
		failure_of_fault(operation->caller, "the execution could not be read", &err, &err);
		end(cancellation, NULL, &err);
		return;
	}
	audit_note(operation->server->audit, operation->caller, "execution.cancel",
		   execution_id(shared->execution));
	end(cancellation, shared, NULL);
	shared_execution_unref(shared);
}

static int ask_cluster(struct cancellation *cancellation, const char *name, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX);
	execution_path(&path, cancellation->operation.caller->namespace, name);
	struct kube_call call = {.method = "PATCH",
				 .path = path.data,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = STR("{\"spec\":{\"cancel\":true}}")};
	return buffer_check(&path, "the path", err) == 0
		   ? operation_kube(&cancellation->operation, &call, on_cancelled, err)
		   : -1;
}

/* execution_found_cb; it holds a reference. */
static void on_found(void *context, const struct shared_execution *execution, const struct error *failure)
{
	struct cancellation *cancellation = context;
	struct error err;
	if (failure || execution_is_finished(execution->execution)) {
		end(cancellation, execution, failure);
	} else if (ask_cluster(cancellation, execution->execution->meta.name, &err) != 0) {
		failure_of_fault(cancellation->operation.caller, what_failed, &err, &err);
		end(cancellation, NULL, &err);
	}
	operation_unref(&cancellation->operation);
}

void execution_cancel(struct apiserver *server, struct caller *caller, struct str id, execution_found_cb done,
		      void *context)
{
	struct error err;
	struct cancellation *cancellation = calloc(1, sizeof(*cancellation));
	if (!cancellation) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, NULL, &err);
		return;
	}
	operation_init(&cancellation->operation, server, caller,
		       cancellation_free); /* the search's reference */
	snprintf(cancellation->id, sizeof(cancellation->id), "%.*s", (int)id.n, id.n ? id.p : "");
	cancellation->done = done;
	cancellation->context = context;
	execution_find(server, caller, id, on_found, cancellation);
}
