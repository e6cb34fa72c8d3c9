#include "apiserver/rest/health.h"

#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "lib/base/log.h"
#include "lib/blob/directory_limits.h"

#define READY_MAX 1024 /* bytes of what is wrong, or isn't */

void health_get(struct request *request)
{
	answer_text(request, 200, ANSWER_JSON_TYPE, STR("{\"status\":\"ok\"}"));
}

/* Plain words, or NULL: usable. The cause is for the log. */
static const char *storage_problem(struct request *request)
{
	struct error err;
	if (blob_check(request->operation.server->blobs, &err) == 0)
		return NULL;
	log_warn("the storage check failed", "request_id", request->operation.caller->request_id, "reason",
		 err.message, NULL);
	return "the blob store can't be used";
}

/* Before it is too late: what is large is refused when the reserve is reached, and all the rest goes on, so
 * the server stays ready. */
static const char *storage_state(const struct request *request)
{
	struct blob_usage usage;
	const struct apiserver *server = request->operation.server;
	return !server->s3_client && blob_directory_usage(server->blobs, &usage, NULL) == 0 &&
		       usage.free < 2 * usage.reserve
		   ? "nearly full"
		   : "ok";
}

/* The same; NULL also if none is configured. */
static const char *database_problem(struct request *request)
{
	struct error err;
	if (!request->operation.server->db || db_check(request->operation.server->db, &err) == 0)
		return NULL;
	log_warn("the database check failed", "request_id", request->operation.caller->request_id, "reason",
		 err.message, NULL);
	return "the database can't be used";
}

void ready_get(struct request *request)
{
	const char *kubernetes = cluster_problem(request->operation.server->cluster);
	const char *storage = storage_problem(request);
	const char *postgres = database_problem(request);
	cleanup_buffer struct buffer text = BUFFER(READY_MAX);
	if (request->operation.server->stopping)
		buffer_append_c(&text, "the server is shutting down");
	if (kubernetes)
		buffer_appendf(&text, "%skubernetes: %s", text.len ? "; " : "", kubernetes);
	if (storage)
		buffer_appendf(&text, "%sstorage: %s", text.len ? "; " : "", storage);
	if (postgres)
		buffer_appendf(&text, "%spostgres: %s", text.len ? "; " : "", postgres);
	if (text.len || text.failed) {
		answer_error_as(request, 503, "not_ready", text.data ? text.data : "out of memory");
		return;
	}
	buffer_appendf(&text,
		       "{\"status\":\"ready\",\"checks\":{\"kubernetes\":\"ok\",\"storage\":\"%s\"%s}}",
		       storage_state(request), request->operation.server->db ? ",\"postgres\":\"ok\"" : "");
	answer_json(request, 200, &text);
}

void not_implemented(struct request *request)
{
	answer_refuse(request, ERR_NOT_IMPLEMENTED, "this server does not offer %s yet",
		      request->route->pattern);
}
