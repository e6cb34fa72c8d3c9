#include "apiserver/rest/metrics_page.h"

#include "apiserver/audit.h"
#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "apiserver/key/db_keys.h"
#include "apiserver/skill/quota.h"
#include "apiserver/usage.h"
#include "lib/blob/directory_limits.h"
#include "lib/db/measure.h"
#include "lib/http/server/server.h"
#include "lib/kube/measure.h"

#define TEXT_MAX ((size_t)8 << 20)

static void set_informers(struct apiserver *server)
{
	static const char *const resources[CLUSTER_RESOURCE_COUNT] = {[CLUSTER_EXECUTIONS] = "executions",
								      [CLUSTER_SKILLS] = "skills",
								      [CLUSTER_NAMESPACES] = "namespaces",
								      [CLUSTER_KEYS] = "secrets",
								      [CLUSTER_LEASES] = "leases"};
	for (int i = 0; i < CLUSTER_RESOURCE_COUNT; i++)
		kube_measure_informer(server->metrics, APISERVER_INFORMER_UP, resources[i],
				      cluster_informer(server->cluster, (enum cluster_resource)i));
}

/* This port tells nothing by tenant. */
static void set_limit(struct apiserver *server, enum limit_used limit, int64_t used, int64_t max)
{
	metrics_set(server->metrics, APISERVER_LIMIT_USED, METRIC_AT(limit), (double)used / (double)max);
}

static void set_limits(struct apiserver *server)
{
	const struct apiserver_config *config = server->config;
	struct execution_counts most = execution_index_highest(cluster_executions(server->cluster));
	set_limit(server, LIMIT_CONCURRENCY, (int64_t)most.unfinished, config->policy.max_concurrent);
	set_limit(server, LIMIT_STORED_EXECUTIONS, (int64_t)most.stored,
		  config->limits.max_stored_executions);
	set_limit(server, LIMIT_STORED_EXECUTIONS_SIZE, most.size, config->limits.max_stored_executions_size);
	struct skill_usage skills = skill_quota_most(server);
	set_limit(server, LIMIT_SKILLS, (int64_t)skills.count, config->limits.max_skills);
	set_limit(server, LIMIT_SKILLS_SIZE, skills.size, config->limits.max_skills_size);
}

static void set_storage(struct apiserver *server)
{
	struct blob_usage usage;
	struct metrics *metrics = server->metrics;
	metrics_set(metrics, APISERVER_STORAGE_UP, METRIC_PLAIN, blob_check(server->blobs, NULL) == 0);
	if (server->s3_client || blob_directory_usage(server->blobs, &usage, NULL) != 0)
		return;
	set_limit(server, LIMIT_STORED_SIZE, usage.highest, server->config->limits.max_stored_size);
	metrics_set(metrics, APISERVER_STORAGE_COUNTED, METRIC_PLAIN, usage.is_counted);
	metrics_set(metrics, APISERVER_STORAGE_USED, METRIC_PLAIN, (double)usage.size);
	metrics_set(metrics, APISERVER_STORAGE_FREE, METRIC_PLAIN, (double)usage.free);
	metrics_set(metrics, APISERVER_STORAGE_RESERVE, METRIC_PLAIN, (double)usage.reserve);
}

static void set_transfers(struct apiserver *server)
{
	struct metrics *metrics = server->metrics;
	const struct http_counts *counts = http_server_counts(server->http);
	metrics_set(metrics, APISERVER_CONNECTIONS, METRIC_PLAIN, counts->connections);
	metrics_set(metrics, APISERVER_CONNECTIONS_CUT, METRIC_AT(CUT_HEADERS), (double)counts->slow_headers);
	metrics_set(metrics, APISERVER_CONNECTIONS_CUT, METRIC_AT(CUT_BODY), (double)counts->slow_bodies);
	metrics_set(metrics, APISERVER_CONNECTIONS_CUT, METRIC_AT(CUT_ANSWER), (double)counts->slow_answers);
	metrics_set(metrics, APISERVER_CONNECTIONS_CUT, METRIC_AT(CUT_ROOM), (double)counts->made_room);
	metrics_set(metrics, APISERVER_TRANSFER_BYTES, METRIC_AT(TRANSFER_MEMORY),
		    (double)usage_now(server->usage, USAGE_MEMORY));
	metrics_set(metrics, APISERVER_TRANSFER_BYTES, METRIC_AT(TRANSFER_FILES),
		    (double)usage_now(server->usage, USAGE_FILES));
}

static void set_database(struct apiserver *server)
{
	static const struct db_measure at = {APISERVER_DATABASE_UP, APISERVER_DATABASE_STATEMENTS,
					     APISERVER_DATABASE_ERRORS, APISERVER_DATABASE_WAITING};
	db_measure(server->metrics, &at, server->db);
	if (!server->db)
		return;
	metrics_set(server->metrics, APISERVER_CACHED_KEYS, METRIC_PLAIN,
		    (double)db_keys_count(server->db_keys));
	metrics_set(server->metrics, APISERVER_AUDIT_BACKLOG, METRIC_PLAIN,
		    (double)audit_backlog(server->audit));
}

void metrics_page_get(struct request *request)
{
	struct apiserver *server = request->operation.server;
	struct metrics *metrics = server->metrics;
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
	metrics_set(metrics, APISERVER_IN_FLIGHT, METRIC_PLAIN, http_server_active(server->http));
	for (size_t i = 0; i < WAIT_TOPIC_COUNT; i++)
		metrics_set(metrics, APISERVER_WAITING, METRIC_AT(i),
			    (double)waiters_count(server->waiters, (enum wait_topic)i));
	metrics_set(metrics, APISERVER_WORK_QUEUE, METRIC_PLAIN, (double)operation_work_queue(server));
	set_storage(server);
	set_informers(server);
	set_limits(server);
	set_transfers(server);
	set_database(server);
	metrics_append_process("apiserver", SKILLBOX_VERSION, &text);
	metrics_append(metrics, &text);
	if (text.failed)
		answer_refuse(request, ERR_UNAVAILABLE, "out of memory");
	else
		answer_text(request, 200, METRICS_TYPE, buffer_str(&text));
}
