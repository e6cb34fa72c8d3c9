#include "apiserver/health.h"

#include "apiserver/http/request.h"
#include "lib/base/log.h"

void health_get(struct request *request)
{
	request_answer_text(request, 200, REQUEST_JSON_TYPE, STR("{\"status\":\"ok\"}"));
}

/* Plain words, or NULL: usable. The cause is for the log. */
static const char *storage_problem(struct request *request)
{
	struct error err;
	if (blob_check(request->server->blobs, &err) == 0)
		return NULL;
	log_warn("the storage check failed", "request_id", request->id, "reason", err.message, NULL);
	return "the blob store can't be used";
}

/* The same; NULL also if none is configured. */
static const char *database_problem(struct request *request)
{
	struct error err;
	if (!request->server->db || db_check(request->server->db, &err) == 0)
		return NULL;
	log_warn("the database check failed", "request_id", request->id, "reason", err.message, NULL);
	return "the database can't be used";
}

void ready_get(struct request *request)
{
	const char *kubernetes = cluster_problem(request->server->cluster);
	const char *storage = storage_problem(request);
	const char *postgres = database_problem(request);
	cleanup_buffer struct buffer text = BUFFER(1024);
	if (request->server->stopping)
		buffer_append_c(&text, "the server is shutting down");
	if (kubernetes)
		buffer_appendf(&text, "%skubernetes: %s", text.len ? "; " : "", kubernetes);
	if (storage)
		buffer_appendf(&text, "%sstorage: %s", text.len ? "; " : "", storage);
	if (postgres)
		buffer_appendf(&text, "%spostgres: %s", text.len ? "; " : "", postgres);
	if (text.len || text.failed) {
		request_answer_error_as(request, 503, "not_ready", text.data ? text.data : "out of memory");
		return;
	}
	buffer_appendf(&text,
		       "{\"status\":\"ready\",\"checks\":{\"kubernetes\":\"ok\",\"storage\":\"ok\"%s}}",
		       request->server->db ? ",\"postgres\":\"ok\"" : "");
	request_answer_json(request, 200, &text);
}

void not_implemented(struct request *request)
{
	request_refuse(request, ERR_NOT_IMPLEMENTED, "this server does not offer %s yet",
		       request->route->pattern);
}
