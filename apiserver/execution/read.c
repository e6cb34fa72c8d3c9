/* Executions by id: record, log, cancellation. */
#include "apiserver/execution/executions.h"

#include "apiserver/audit.h"
#include "apiserver/execution/follow.h"
#include "apiserver/execution/history.h"
#include "apiserver/execution/result.h"
#include "apiserver/http/call.h"
#include "lib/api/pod.h"
#include "lib/base/id.h"
#include "lib/base/utf8.h"
#include "lib/kube/client.h"

#include <stdlib.h>

#define PATH_MAX_BYTES 1024
#define LIVE_LOG_MAX (1 << 20) /* bytes of a running execution's log */

void execution_path(struct buffer *out, const char *namespace, const char *name)
{
	buffer_appendf(out, API_BASE_PATH "/namespaces/%s/" API_EXECUTIONS, namespace);
	if (name)
		buffer_appendf(out, "/%s", name);
}

/* ---- find */

struct search {
	execution_found_cb found;
};

static void refuse_unknown(struct request *request)
{
	struct str id = request->match.params[0];
	request_refuse(request, ERR_NOT_FOUND, "execution not found: %.*s", (int)(id.n < 128 ? id.n : 128),
		       id.p);
}

/* The resource is gone: the history may know it. */
static void on_history(struct request *request, const struct db_result *result, const struct error *error)
{
	struct search *search = request->state;
	struct error err;
	struct record *record = error ? NULL : history_record(result, 0, &err);
	if (record)
		search->found(request, record);
	else if (!error && err.code == ERR_NOT_FOUND)
		refuse_unknown(request);
	else
		request_answer_fault(request, "the execution could not be read", error ? error : &err);
	record_unref(record);
}

static void ask_history(struct request *request)
{
	struct error err;
	if (!request->server->db)
		refuse_unknown(request);
	else if (history_ask(request, request->match.params[0], on_history, &err) != 0)
		request_answer_fault(request, "the execution could not be read", &err);
}

static void on_asked(struct request *request, const struct kube_response *response)
{
	struct search *search = request->state;
	struct error err;
	if (response->status == 404) {
		ask_history(request);
		return;
	}
	if (response->error) {
		request_answer_kube(request, "the execution could not be read", response);
		return;
	}
	struct record *record = record_from_json(response->body, &err);
	if (!record) {
		request_answer_fault(request, "the execution could not be read", &err);
		return;
	}
	search->found(request, record);
	record_unref(record);
}

void execution_find(struct request *request, execution_found_cb found)
{
	struct str id = request->match.params[0];
	struct error err;
	if (!id_is_uuid(id)) {
		refuse_unknown(request);
		return;
	}
	const struct record *record = cluster_execution(request->server->cluster, request->namespace, id);
	if (record && !record->is_outline) {
		found(request, record);
		return;
	}
	struct search *search = calloc(1, sizeof(*search));
	if (!search) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	search->found = found;
	request_set_state(request, search, free);
	char name[ID_UUID_SIZE];
	for (size_t i = 0; i < ID_UUID_SIZE - 1; i++) /* object names are lower case */
		name[i] = id.p[i] >= 'A' && id.p[i] <= 'F' ? (char)(id.p[i] + ('a' - 'A')) : id.p[i];
	name[ID_UUID_SIZE - 1] = '\0';
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	execution_path(&path, request->namespace, record ? record->execution->meta.name : name);
	struct kube_call call = {.method = "GET", .path = path.data};
	if (path.failed)
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
	else if (call_kube(request, &call, on_asked, &err) != 0)
		request_answer_fault(request, "the execution could not be read", &err);
}

/* ---- GET /v1/executions/:id */

static void send_record(struct request *request, const struct record *record)
{
	result_send(request, record, RENDER_RECORD, 200);
}

void execution_get(struct request *request)
{
	execution_find(request, send_record);
}

/* ---- GET /v1/executions/:id/logs */

static void on_live_log(struct request *request, const struct kube_response *response)
{
	cleanup_buffer struct buffer text = BUFFER(REQUEST_ANSWER_MAX);
	/* The sandbox isn't there yet, or not any more: it said nothing, or its log is on the way to the
	 * record. */
	if (response->status == 404 || response->status == 400) {
		const struct record *record =
		    cluster_execution(request->server->cluster, request->namespace, request->match.params[0]);
		if (record && execution_is_finished(record->execution)) {
			execution_find(request, result_send_logs);
			return;
		}
	} else if (response->error) {
		request_answer_kube(request, "the log of the running execution could not be read", response);
		return;
	} else {
		utf8_append_clean(&text, response->body);
	}
	request_answer_text(request, 200, "text/plain; charset=utf-8", buffer_str(&text));
}

static void ask_live_log(struct request *request, const struct execution *execution)
{
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	buffer_appendf(&path, "/api/v1/namespaces/%s/pods/%s/log?container=" POD_CONTAINER "&limitBytes=%d",
		       request->namespace, execution->status.pod_name, LIVE_LOG_MAX);
	struct kube_call call = {.method = "GET", .path = path.data};
	if (path.failed)
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
	else if (call_kube(request, &call, on_live_log, &err) != 0)
		request_answer_fault(request, "the log of the running execution could not be read", &err);
}

static void send_logs(struct request *request, const struct record *record)
{
	const struct execution *execution = record->execution;
	const char *pod = execution->status.pod_name;
	if (!execution_is_finished(execution) && pod && kube_name_is_valid(str_of(pod)))
		ask_live_log(request, execution);
	else
		result_send_logs(request, record);
}

static bool wants_stream(struct request *request)
{
	struct str value;
	if (http_exchange_query(request->exchange, "follow", &value) &&
	    (str_eq(value, STR("true")) || str_eq(value, STR("1"))))
		return true;
	return http_exchange_header(request->exchange, "Accept", &value) &&
	       str_starts_with_ignore_case(str_trim(value), STR("text/event-stream"));
}

void execution_logs(struct request *request)
{
	if (wants_stream(request))
		follow_logs(request);
	else
		execution_find(request, send_logs);
}

/* ---- DELETE /v1/executions/:id */

static void on_cancelled(struct request *request, const struct kube_response *response)
{
	struct error err;
	if (response->status == 404) {
		refuse_unknown(request);
		return;
	}
	if (response->error) {
		request_answer_kube(request, "the execution could not be cancelled", response);
		return;
	}
	struct record *record = record_from_json(response->body, &err);
	if (!record) {
		request_answer_fault(request, "the execution could not be read", &err);
		return;
	}
	audit_note(request, "execution.cancel", execution_id(record->execution));
	/* It may have ended in the meantime: then that stands. */
	result_send(request, record, RENDER_SUMMARY, execution_is_finished(record->execution) ? 200 : 202);
	record_unref(record);
}

static void cancel(struct request *request, const struct record *record)
{
	struct error err;
	if (execution_is_finished(record->execution)) {
		result_send(request, record, RENDER_SUMMARY, 200);
		return;
	}
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	execution_path(&path, request->namespace, record->execution->meta.name);
	struct kube_call call = {.method = "PATCH",
				 .path = path.data,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = STR("{\"spec\":{\"cancel\":true}}")};
	if (path.failed)
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
	else if (call_kube(request, &call, on_cancelled, &err) != 0)
		request_answer_fault(request, "the execution could not be cancelled", &err);
}

void execution_cancel(struct request *request)
{
	execution_find(request, cancel);
}
