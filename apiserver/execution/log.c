#include "apiserver/execution/log.h"

#include "apiserver/execution/find.h"
#include "apiserver/execution/texts.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "lib/api/pod.h"
#include "lib/base/id.h"

#include <stdlib.h>

#define LIVE_LOG_MAX (1 << 20) /* bytes of a running execution's log */

static const char what_failed[] = "the log of the running execution could not be read";

struct reading {
	struct operation operation;
	char id[ID_UUID_SIZE];
	/* NULL: it was called. */
	execution_log_cb done;
	void *context;
};

static struct reading *of(struct operation *operation)
{
	return (struct reading *)operation;
}

static void end(struct reading *reading, struct str text, const struct error *failure)
{
	execution_log_cb done = reading->done;
	reading->done = NULL;
	if (done)
		done(reading->context, text, failure);
}

static void reading_free(struct operation *operation)
{
	struct error failure;
	failure_of_stop(&failure);
	end(of(operation), STR(""), &failure);
	free(operation);
}

/* texts_cb; it holds a reference. */
static void on_texts(void *context, const struct shared_execution *execution,
		     const struct render_texts *texts, const struct error *failure)
{
	struct reading *reading = context;
	(void)execution;
	end(reading, failure ? STR("") : texts->logs, failure);
	operation_unref(&reading->operation);
}

static void fetch_stored(struct reading *reading, const struct shared_execution *execution)
{
	operation_ref(&reading->operation);
	texts_fetch(reading->operation.server, reading->operation.caller, execution, TEXTS_LOGS, on_texts,
		    reading);
}

/* execution_found_cb, of one that has ended meanwhile; it holds a reference. */
static void on_found_again(void *context, const struct shared_execution *execution,
			   const struct error *failure)
{
	struct reading *reading = context;
	if (failure)
		end(reading, STR(""), failure);
	else
		fetch_stored(reading, execution);
	operation_unref(&reading->operation);
}

static void on_live_log(struct operation *operation, const struct kube_response *response)
{
	struct reading *reading = of(operation);
	struct apiserver *server = operation->server;
	struct str id = str_of(reading->id);
	struct error failure;
	struct str text = STR("");
	/* The sandbox isn't there yet, or not any more: it said nothing, or its log is on the way to the
	 * Execution. */
	if (response->status == 404 || response->status == 400) {
		const struct shared_execution *now =
		    cluster_execution(server->cluster, operation->caller->namespace, id);
		if (now && execution_is_finished(now->execution)) {
			operation_ref(operation);
			execution_find(server, operation->caller, id, on_found_again, reading);
			return;
		}
	} else if (response->error) {
		failure_of_kube(operation->caller, server->metrics, what_failed, response, &failure);
		end(reading, STR(""), &failure);
		return;
	} else {
		text = response->body;
	}
	end(reading, text, NULL);
}

static int ask_pod(struct reading *reading, const char *pod, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX);
	buffer_appendf(&path, "/api/v1/namespaces/%s/pods/%s/log?container=" POD_CONTAINER "&limitBytes=%d",
		       reading->operation.caller->namespace, pod, LIVE_LOG_MAX);
	struct kube_call call = {.method = "GET", .path = path.data};
	return buffer_check(&path, "the path", err) == 0
		   ? operation_kube(&reading->operation, &call, on_live_log, err)
		   : -1;
}

/* execution_found_cb; it holds a reference. */
static void on_found(void *context, const struct shared_execution *execution, const struct error *failure)
{
	struct reading *reading = context;
	const char *pod = failure ? NULL : execution->execution->status.pod_name;
	struct error err;
	if (failure) {
		end(reading, STR(""), failure);
	} else if (execution_is_finished(execution->execution) || !pod || !kube_name_is_valid(str_of(pod))) {
		fetch_stored(reading, execution);
	} else if (ask_pod(reading, pod, &err) != 0) {
		failure_of_fault(reading->operation.caller, what_failed, &err, &err);
		end(reading, STR(""), &err);
	}
	operation_unref(&reading->operation);
}

void execution_log(struct apiserver *server, struct caller *caller, struct str id, execution_log_cb done,
		   void *context)
{
	struct error err;
	struct reading *reading = calloc(1, sizeof(*reading));
	if (!reading) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, STR(""), &err);
		return;
	}
	operation_init(&reading->operation, server, caller, reading_free); /* the search's reference */
	snprintf(reading->id, sizeof(reading->id), "%.*s", (int)id.n, id.n ? id.p : "");
	reading->done = done;
	reading->context = context;
	execution_find(server, caller, id, on_found, reading);
}
