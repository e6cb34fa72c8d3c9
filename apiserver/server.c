/* Putting the parts together, running them, and ending well. */
#include "apiserver/server.h"

#include "apiserver/apiserver.h"
#include "apiserver/audit.h"
#include "apiserver/blob/sweep.h"
#include "apiserver/execution/outline_cache.h"
#include "apiserver/execution/places.h"
#include "apiserver/http/rate_limit.h"
#include "apiserver/http/serve.h"
#include "apiserver/key/db_keys.h"
#include "apiserver/operation.h"
#include "apiserver/reload.h"
#include "apiserver/rest/routes.h"
#include "apiserver/skill/expire.h"
#include "apiserver/skill/input_schemas.h"
#include "apiserver/skill/quota.h"
#include "apiserver/usage.h"
#include "lib/base/log.h"
#include "lib/blob/directory_limits.h"
#include "lib/files/read_file.h"

#include <signal.h>
#include <unistd.h>

#define TICK_MS 100
#define READS_AT_ONCE 4      /* objects of up to 1.5 MiB, in memory twice */
#define LAST_ANSWERS_MS 2000 /* after the grace time: for those who are told to come back */
#define PROBE_CONNECTIONS 64

struct run { /* of the loop */
	struct apiserver *server;
	uv_signal_t term, interrupt;
	uv_timer_t tick; /* while stopping */
	uint64_t stop_asked_ms;
	bool gave_up_waiting;
};

/* The cluster's events */

static void on_execution(void *context, const char *namespace, const char *name,
			 const struct shared_execution *fresh)
{
	struct apiserver *server = context;
	if (fresh)
		places_seen(server->places, namespace, name);
	waiters_notify(server->waiters, WAIT_EXECUTION, namespace, name, fresh);
	if (fresh)
		outline_cache_add(server->outline_cache, fresh);
}

static void on_skill(void *context, const char *namespace, const char *name, const struct skill *fresh)
{
	struct apiserver *server = context;
	waiters_notify(server->waiters, WAIT_SKILL, namespace, name, fresh);
}

static void on_key(void *context, const char *secret, const struct api_key *fresh)
{
	struct apiserver *server = context;
	waiters_notify(server->waiters, WAIT_KEY, server->namespace, secret, fresh);
}

static void on_problem(void *context, const char *resource, const struct error *problem)
{
	(void)context;
	log_warn("watch", "resource", resource, "problem", problem->message, NULL);
}

static void on_database(void *context, const struct error *problem)
{
	(void)context;
	if (problem)
		log_error("the database can't be used", "reason", problem->message, NULL);
	else
		log_info("the database can be used", NULL);
}

/* Start */

static int start_database(struct apiserver *server, struct error *err)
{
	struct db_options options = {
	    .dsn = server->config->db_dsn, .application = "skillbox-apiserver", .changed = on_database};
	if (!server->config->db_dsn[0])
		return 0;
	server->db = db_new(server->loop, &options, err);
	if (server->db)
		server->db_keys = db_keys_new(server->db, server->clock, err);
	if (server->db_keys)
		server->audit = audit_new(server->loop, server->clock, server->db, err);
	return server->audit ? 0 : -1;
}

static int start_listener(struct apiserver *server, struct error *err)
{
	const struct apiserver_config *config = server->config;
	cleanup_buffer struct buffer cert = BUFFER(RELOAD_PEM_MAX);
	cleanup_secret_buffer struct buffer key = BUFFER(RELOAD_PEM_MAX);
	const struct limits *limits = &config->limits;
	struct http_server_options options = {.port = (uint16_t)config->port,
					      .max_connections = (unsigned)limits->max_connections,
					      .max_connections_per_address =
						  (unsigned)limits->max_connections_per_address,
					      .header_timeout_ms = (unsigned)limits->header_timeout_ms,
					      .idle_timeout_s = (unsigned)(config->idle_timeout_ms / 1000)};
	if (config->tls_cert[0]) {
		if (read_file(config->tls_cert, &cert, err) != 0 ||
		    read_file(config->tls_key, &key, err) != 0)
			return error_wrap(err, "TLS");
		options.tls_cert_pem = cert.data;
		options.tls_key_pem = key.data;
	}
	struct http_handler handler = serve_http_handler(server);
	server->http = http_server_new(server->loop, &options, &handler, err);
	return server->http ? 0 : error_wrap(err, "REST API");
}

/* A port of their own, in plain HTTP: what clients do on theirs can't have the kubelet end this process. */
static int start_probes(struct apiserver *server, struct error *err)
{
	struct http_server_options options = {.port = (uint16_t)server->config->health_port,
					      .max_connections = PROBE_CONNECTIONS};
	struct http_handler handler = serve_probe_handler(server);
	server->probes = http_server_new(server->loop, &options, &handler, err);
	return server->probes ? 0 : error_wrap(err, "SKILLBOX_HEALTH_PORT");
}

static int start_blobs(struct apiserver *server, struct error *err)
{
	const struct apiserver_config *config = server->config;
	if (!config->s3.endpoint[0]) {
		server->blobs = blob_store_directory(server->loop, config->data_dir, server->signing_key,
						     config->public_url, err);
		const struct blob_limits limits = {config->limits.max_stored_size,
						   config->limits.max_waiting_calls};
		return server->blobs && blob_directory_limit(server->blobs, &limits, err) == 0
			   ? 0
			   : error_wrap(err, "SKILLBOX_DATA_DIR");
	}
	server->s3_client = blob_s3_client(server->loop, &config->s3, 0, err);
	if (server->s3_client)
		server->blobs = blob_store_s3(server->loop, server->s3_client, &config->s3, err);
	return server->blobs ? 0 : -1;
}

static int start(struct apiserver *server, const struct kube_config *kube, struct error *err)
{
	struct cluster_options options = {
	    server->namespace, on_execution, on_skill,      on_key,
	    on_problem,        server,       server->clock, server->config->limits.key_max_age_ms};
	server->metrics = metrics_new(apiserver_metric_table, APISERVER_METRIC_COUNT, err);
	if (!server->metrics)
		return -1;
	if (!(server->kube = kube_client_new(server->loop, kube, err)) ||
	    !(server->reader = reader_new(server->kube, READS_AT_ONCE, err)) ||
	    !(server->ws = kube_ws_new(server->kube, err)))
		return error_wrap(err, "Kubernetes");
	struct kube_measure measure = {server->metrics, APISERVER_KUBE_REQUESTS, APISERVER_KUBE_SECONDS};
	kube_client_measure(server->kube, &measure);
	if (!(server->lanes = operation_lanes_new(server->loop, err)) ||
	    !(server->waiters = waiters_new(server->loop, server->clock, err)) ||
	    !(server->skill_quota = skill_quota_new(err)) ||
	    !(server->input_schemas = input_schemas_new(err)) || !(server->places = places_new(err)) ||
	    !(server->outline_cache = outline_cache_new(server->loop, server->clock, err)) ||
	    !(server->cluster = cluster_new(server->ws, &options, err)) ||
	    !(server->rate_limiter = rate_limiter_new(server->config, server->clock, err)) ||
	    !(server->usage = usage_new(server->config, server->metrics, err)))
		return -1;
	if (start_blobs(server, err) != 0)
		return -1;
	if (start_database(server, err) != 0)
		return -1;
	if (server->config->blob_sweep && !server->s3_client &&
	    !(server->blob_sweep = blob_sweep_new(server, err)))
		return -1;
	if (!(server->skill_expiry = skill_expiry_new(server, err)) ||
	    !(server->reload = reload_new(server, err)))
		return -1;
	if (start_probes(server, err) != 0)
		return -1;
	return start_listener(server, err);
}

/* End */

/* New work is refused from here on, while those who wait get their answers. */
static void on_tick(uv_timer_t *timer)
{
	struct run *run = timer->data;
	struct apiserver *server = run->server;
	uint64_t waited = uv_now(server->loop) - run->stop_asked_ms;
	bool done = http_server_active(server->http) == 0 && audit_is_idle(server->audit);
	if (done || waited > SERVER_GRACE_MS + LAST_ANSWERS_MS) {
		uv_stop(server->loop);
	} else if (waited > SERVER_GRACE_MS && !run->gave_up_waiting) {
		run->gave_up_waiting = true;
		log_warn("requests still wait at the end of the grace time: they are told to come back",
			 NULL);
		waiters_expire_all(server->waiters);
	}
}

static void begin_stop(void *context, const char *why)
{
	struct run *run = context;
	if (run->server->stopping)
		return;
	log_info("stopping", "signal", why, NULL);
	run->server->stopping = true;
	run->stop_asked_ms = uv_now(run->server->loop);
	uv_timer_start(&run->tick, on_tick, 0, TICK_MS);
}

static void on_signal(uv_signal_t *signal, int number)
{
	begin_stop(signal->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void stop(struct apiserver *server)
{
	server->ended = true;
	reload_free(server->reload);
	http_server_free(server->http); /* ends every exchange */
	http_server_free(server->probes);
	if (server->waiters)
		waiters_expire_all(server->waiters);
	server->cluster = cluster_free(server->cluster);
	outline_cache_free(server->outline_cache);
	waiters_free(server->waiters);
	reader_free(server->reader);
	kube_ws_free(server->ws);
	kube_client_free(server->kube);
	blob_store_free(server->blobs);
	http_client_free(server->s3_client);
	db_keys_free(server->db_keys);
	audit_free(server->audit);
	db_free(server->db);
	skill_expiry_free(server->skill_expiry);
	server->lanes = operation_lanes_free(server->lanes);
	blob_sweep_free(server->blob_sweep);  /* behind all that would call it back */
	uv_run(server->loop, UV_RUN_DEFAULT); /* jobs in the pool, close callbacks */
	operation_forget_all(server);
	skill_quota_free(server->skill_quota);
	input_schemas_free(server->input_schemas);
	places_free(server->places);
	rate_limiter_free(server->rate_limiter);
	usage_free(server->usage);
	metrics_free(server->metrics);
}

static void serve(struct apiserver *server)
{
	struct run run = {.server = server};
	char port[16], health_port[16];
	uv_signal_init(server->loop, &run.term);
	uv_signal_init(server->loop, &run.interrupt);
	uv_timer_init(server->loop, &run.tick);
	run.term.data = run.interrupt.data = run.tick.data = &run;
	uv_signal_start(&run.term, on_signal, SIGTERM);
	uv_signal_start(&run.interrupt, on_signal, SIGINT);
	reload_start(server->reload, begin_stop, &run);
	snprintf(port, sizeof(port), "%u", http_server_port(server->http));
	snprintf(health_port, sizeof(health_port), "%u", http_server_port(server->probes));
	log_info("serving", "version", SKILLBOX_VERSION, "port", port, "health_port", health_port,
		 "namespace", server->namespace, NULL);
	uv_run(server->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&run.term, NULL);
	uv_close((uv_handle_t *)&run.interrupt, NULL);
	uv_close((uv_handle_t *)&run.tick, NULL);
	stop(server);
	log_info("stopped", NULL);
}

int server_run(const struct apiserver_config *config, const struct kube_config *kube, const char *namespace,
	       struct str signing_key, struct error *err)
{
	uv_loop_t loop;
	if (uv_loop_init(&loop) != 0)
		return error_set(err, ERR_INTERNAL, "the event loop can't be made");
	struct apiserver server = {.config = config,
				   .clock = &clock_system,
				   .loop = &loop,
				   .namespace = namespace,
				   .signing_key = signing_key,
				   .routes = {route_table, route_count},
				   .probe_routes = {probe_route_table, probe_route_count}};
	int result = start(&server, kube, err);
	if (result == 0)
		serve(&server);
	else
		stop(&server);
	if (uv_loop_close(&loop) != 0)
		log_warn("handles were left open at the end", NULL);
	return result;
}
