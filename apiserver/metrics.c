#include "apiserver/metrics.h"

#include "apiserver/wait.h"
#include "lib/db/measure.h"
#include "lib/kube/measure.h"

#include <stdio.h>

#define MAX_ROUTES 48
#define MAX_CODES 32
#define CLIENT_GONE 499
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "other"};
static const char *const refusals[] = {[REFUSED_CONCURRENCY] = "concurrency",
				       [REFUSED_QUOTA] = "quota",
				       [REFUSED_TENANT_RATE] = "tenant_rate",
				       [REFUSED_WRONG_KEYS] = "wrong_keys",
				       [REFUSED_STOPPING] = "stopping",
				       [REFUSED_SKILLS] = "skills",
				       [REFUSED_WORK] = "work",
				       [REFUSED_STORED_EXECUTIONS] = "stored_executions",
				       [REFUSED_STORED_SIZE] = "stored_size",
				       [REFUSED_STORAGE_FULL] = "storage_full",
				       [REFUSED_CONNECTIONS] = "connections",
				       [REFUSED_WAITING_CALLS] = "waiting_calls",
				       [REFUSED_TRANSFER_MEMORY] = "transfer_memory",
				       [REFUSED_TRANSFER_SIZE] = "transfer_size"};
static const char *const limits[] = {[LIMIT_CONCURRENCY] = "concurrency",
				     [LIMIT_STORED_EXECUTIONS] = "stored_executions",
				     [LIMIT_STORED_EXECUTIONS_SIZE] = "stored_executions_size",
				     [LIMIT_STORED_SIZE] = "stored_size",
				     [LIMIT_SKILLS] = "skills",
				     [LIMIT_SKILLS_SIZE] = "skills_size"};
static const char *const cuts[] = {
    [CUT_HEADERS] = "headers", [CUT_BODY] = "body", [CUT_ANSWER] = "answer", [CUT_ROOM] = "room"};
static const char *const transfers[] = {[TRANSFER_MEMORY] = "memory", [TRANSFER_FILES] = "files"};
static const char *const modes[] = {[CREATED_SYNC] = "sync", [CREATED_ASYNC] = "async"};
static const char *const lookups[] = {[LOOKUP_SECRET] = "secret",
				      [LOOKUP_CACHE] = "cache",
				      [LOOKUP_DATABASE] = "database",
				      [LOOKUP_UNKNOWN] = "unknown"};
static const char *const operations[] = {
    [STORAGE_GET] = "get", [STORAGE_PUT] = "put", [STORAGE_DELETE] = "delete"};
static const char *const sweep_ends[] = {[SWEEP_DONE] = "done", [SWEEP_BROKEN_OFF] = "broken_off"};
static const char *const results[] = {"ok", "not_found", "error"};
static const char *const topics[WAIT_TOPIC_COUNT] = {
    [WAIT_EXECUTION] = "execution", [WAIT_SKILL] = "skill", [WAIT_KEY] = "key"};
static const double request_seconds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
					 0.5,   1,      2.5,   5,    10,    30,   120, 600};

const struct metric apiserver_metric_table[APISERVER_METRIC_COUNT] = {
    [APISERVER_REQUESTS] = {METRIC_DEFINE(COUNTER, "skillbox_http_requests_total",
					  "Requests that ended, by route and status; 499: the client hung "
					  "up before its answer."),
			    .labels = {METRIC_LABEL_OPEN("route", MAX_ROUTES),
				       METRIC_LABEL("method", methods),
				       METRIC_LABEL_OPEN("code", MAX_CODES)}},
    [APISERVER_REQUEST_SECONDS] = {METRIC_DEFINE(HISTOGRAM, "skillbox_http_request_seconds",
						 "From a request's headers to the end of its answer; a "
						 "synchronous execution takes its run's time."),
				   .labels = {METRIC_LABEL_OPEN("route", MAX_ROUTES),
					      METRIC_LABEL("method", methods)},
				   METRIC_BUCKETS(request_seconds)},
    [APISERVER_BODY_BYTES] = {METRIC_DEFINE(COUNTER, "skillbox_http_request_body_bytes_total",
					    "Bytes of request bodies that were taken."),
			      .labels = {METRIC_LABEL_OPEN("route", MAX_ROUTES)}},
    [APISERVER_ERRORS] = {METRIC_DEFINE(COUNTER, "skillbox_http_errors_total",
					"Error answers by the code in their body."),
			  .labels = {METRIC_LABEL_OPEN("error", MAX_CODES)}},
    [APISERVER_REFUSED] = {METRIC_DEFINE(COUNTER, "skillbox_requests_refused_total",
					 "Requests that were told to come later, and why."),
			   .labels = {METRIC_LABEL("reason", refusals)}},
    [APISERVER_CREATED] = {METRIC_DEFINE(COUNTER, "skillbox_executions_created_total",
					 "Executions created by this server."),
			   .labels = {METRIC_LABEL("mode", modes)}},
    [APISERVER_LISTED] = {METRIC_DEFINE(COUNTER, "skillbox_executions_looked_at_total",
					"Executions that were looked at to answer lists.")},
    [APISERVER_KEY_LOOKUPS] = {METRIC_DEFINE(COUNTER, "skillbox_api_key_lookups_total",
					     "Keys of requests, by where they were found: a Secret, the "
					     "cache of database keys, the database itself, nowhere."),
			       .labels = {METRIC_LABEL("result", lookups)}},
    [APISERVER_STORAGE_OPERATIONS] = {METRIC_DEFINE(COUNTER, "skillbox_storage_operations_total",
						    "Operations on the blob store that ended."),
				      .labels = {METRIC_LABEL("operation", operations),
						 METRIC_LABEL("result", results)}},
    [APISERVER_BLOB_SWEEPS] = {METRIC_DEFINE(
				   COUNTER, "skillbox_blob_sweeps_total",
				   "Searches of the embedded store for blobs that nothing refers to."),
			       .labels = {METRIC_LABEL("result", sweep_ends)}},
    [APISERVER_BLOBS_REMOVED] = {METRIC_DEFINE(COUNTER, "skillbox_blobs_removed_total",
					       "Blobs removed because nothing referred to them.")},
    [APISERVER_BLOB_BYTES_REMOVED] = {METRIC_DEFINE(
	COUNTER, "skillbox_blob_bytes_removed_total",
	"Bytes of the blobs removed because nothing referred to them.")},
    [APISERVER_KUBE_REQUESTS] = KUBE_METRIC_REQUESTS,
    [APISERVER_KUBE_SECONDS] = KUBE_METRIC_SECONDS,
    [APISERVER_IN_FLIGHT] = {METRIC_DEFINE(GAUGE, "skillbox_http_requests_in_flight",
					   "Requests of clients whose answer is not complete.")},
    [APISERVER_CONNECTIONS] = {METRIC_DEFINE(GAUGE, "skillbox_http_connections",
					     "Open connections on the port for clients.")},
    [APISERVER_CONNECTIONS_CUT] =
	{METRIC_DEFINE(COUNTER, "skillbox_http_connections_cut_total",
		       "Connections closed because the client was too slow: with "
		       "headers, with a body, taking an answer; or to make room for another."),
	 .labels = {METRIC_LABEL("phase", cuts)}},
    [APISERVER_TRANSFER_BYTES] = {METRIC_DEFINE(GAUGE, "skillbox_transfer_bytes",
						"Bytes of bodies and answers under way."),
				  .labels = {METRIC_LABEL("kind", transfers)}},
    [APISERVER_WAITING] = {METRIC_DEFINE(GAUGE, "skillbox_waiting_requests",
					 "Requests that wait for an execution to end (synchronous calls), or "
					 "for a pushed skill or a key to be seen by this server."),
			   .labels = {METRIC_LABEL("topic", topics)}},
    [APISERVER_WORK_QUEUE] = {METRIC_DEFINE(GAUGE, "skillbox_upload_queue",
					    "Uploaded archives that are being checked or wait for it.")},
    [APISERVER_INFORMER_UP] = KUBE_METRIC_INFORMER_UP,
    [APISERVER_INFORMER_OBJECTS] = KUBE_METRIC_INFORMER_OBJECTS,
    [APISERVER_INFORMER_UNREADABLE] = KUBE_METRIC_INFORMER_UNREADABLE,
    [APISERVER_INFORMER_AGE] = KUBE_METRIC_INFORMER_AGE,
    [APISERVER_LIMIT_USED] = {METRIC_DEFINE(GAUGE, "skillbox_limit_used_ratio",
					    "How much of a tenant's limit is used up, by the tenant that is "
					    "nearest to it."),
			      .labels = {METRIC_LABEL("limit", limits)}},
    [APISERVER_CACHED_KEYS] = {METRIC_DEFINE(GAUGE, "skillbox_api_keys_cached",
					     "Hashes in the cache of database keys, unknown ones included. "
					     "Only where PostgreSQL is configured."),
			       .only_seen = true},
    [APISERVER_STORAGE_UP] = {METRIC_DEFINE(GAUGE, "skillbox_storage_up",
					    "1 while the blob store can be used, else 0.")},
    [APISERVER_STORAGE_COUNTED] = {METRIC_DEFINE(GAUGE, "skillbox_storage_counted",
						 "1 once the bytes in the embedded store are counted."),
				   .only_seen = true},
    [APISERVER_STORAGE_USED] = {METRIC_DEFINE(GAUGE, "skillbox_storage_used_bytes",
					      "Bytes of all blobs in the embedded store."),
				.only_seen = true},
    [APISERVER_STORAGE_FREE] = {METRIC_DEFINE(GAUGE, "skillbox_storage_free_bytes",
					      "Bytes of the embedded store's disk that may be written."),
				.only_seen = true},
    [APISERVER_STORAGE_RESERVE] = {METRIC_DEFINE(
				       GAUGE, "skillbox_storage_reserve_bytes",
				       "Of these, as many are kept free: nothing is stored beyond."),
				   .only_seen = true},
    [APISERVER_DATABASE_UP] = DB_METRIC_UP,
    [APISERVER_DATABASE_STATEMENTS] = DB_METRIC_STATEMENTS,
    [APISERVER_DATABASE_ERRORS] = DB_METRIC_ERRORS,
    [APISERVER_DATABASE_WAITING] = DB_METRIC_WAITING,
    [APISERVER_AUDIT_BACKLOG] = {METRIC_DEFINE(GAUGE, "skillbox_audit_backlog",
					       "Audit rows that are not in PostgreSQL yet. Only where it is "
					       "configured."),
				 .only_seen = true},
};

static size_t method_index(struct str method)
{
	size_t at = 0;
	while (at + 1 < COUNT(methods) && !str_eq(method, str_of(methods[at])))
		at++;
	return at;
}

void measure_request(struct metrics *metrics, const struct measured_request *request)
{
	struct str route = str_of(request->route ? request->route : "other");
	size_t method = method_index(request->method);
	char code[16];
	snprintf(code, sizeof(code), "%d", request->status ? request->status : CLIENT_GONE);
	metrics_add(metrics, APISERVER_REQUESTS,
		    METRIC_AT(metrics_label(metrics, APISERVER_REQUESTS, 0, route), method,
			      metrics_label(metrics, APISERVER_REQUESTS, 2, str_of(code))),
		    1);
	metrics_observe(metrics, APISERVER_REQUEST_SECONDS,
			METRIC_AT(metrics_label(metrics, APISERVER_REQUEST_SECONDS, 0, route), method),
			(double)request->us / 1e6);
	if (request->body_bytes > 0)
		metrics_add(metrics, APISERVER_BODY_BYTES,
			    METRIC_AT(metrics_label(metrics, APISERVER_BODY_BYTES, 0, route)),
			    (double)request->body_bytes);
}

void measure_refusal(struct metrics *metrics, enum refusal why)
{
	metrics_add(metrics, APISERVER_REFUSED, METRIC_AT(why), 1);
}

void measure_key_lookup(struct metrics *metrics, enum key_lookup how)
{
	metrics_add(metrics, APISERVER_KEY_LOOKUPS, METRIC_AT(how), 1);
}

void measure_storage(struct metrics *metrics, enum storage_operation operation, const struct error *error)
{
	size_t result = !error ? 0 : error->code == ERR_NOT_FOUND ? 1 : 2;
	metrics_add(metrics, APISERVER_STORAGE_OPERATIONS, METRIC_AT(operation, result), 1);
}
