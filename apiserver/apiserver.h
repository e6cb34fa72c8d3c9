/* What the parts of the API server share. server.c makes it, and puts it together. */
#ifndef SKILLBOX_APISERVER_APISERVER_H
#define SKILLBOX_APISERVER_APISERVER_H

#include "apiserver/cluster.h"
#include "apiserver/config.h"
#include "apiserver/metrics.h"
#include "apiserver/wait.h"
#include "lib/base/clock.h"
#include "lib/blob/blob.h"
#include "lib/db/db.h"
#include "lib/kube/client.h"
#include "lib/kube/reader.h"
#include "lib/kube/ws.h"

#include <uv.h>

struct audit;
struct blob_sweep;
struct db_keys;
struct http_server;
struct operation_lanes;
struct outline_cache;
struct pending;
struct input_schemas;
struct places;
struct rate_limiter;
struct reload;
struct route;
struct skill_expiry;
struct skill_quota;
struct usage;

struct route_table {
	const struct route *rows;
	size_t count;
};

struct apiserver {
	const struct apiserver_config *config;
	const struct clock *clock;
	uv_loop_t *loop;
	const char *namespace; /* of the key Secrets */
	struct str signing_key;
	struct metrics *metrics; /* by enum apiserver_metric */
	struct kube_client *kube;
	struct reader *reader; /* of objects that the cluster's caches have as outlines */
	struct kube_ws *ws;
	struct cluster *cluster;
	struct blob_store *blobs;
	/* Of blobs in S3; NULL: they are in our directory. */
	struct http_client *s3_client;
	/* NULL: blobs are in S3, or it is not wished. */
	struct blob_sweep *blob_sweep;
	struct skill_expiry *skill_expiry;
	struct skill_quota *skill_quota;
	struct input_schemas *input_schemas;
	struct waiters *waiters;
	/* Of executions that are being created. */
	struct places *places;
	struct outline_cache *outline_cache;
	struct rate_limiter *rate_limiter;
	/* Keys that are looked up for addresses which send too many wrong ones. */
	size_t doubtful_lookups;
	/* NULL: no database is configured, and so are the next two. */
	struct db *db;
	struct db_keys *db_keys;
	struct audit *audit;
	/* When idempotency keys of yesterday were deleted last. */
	int64_t purged_ms;
	struct reload *reload;
	/* What requests use while they last. */
	struct usage *usage;
	/* For clients, and for probes and metrics: those are answered also when the other is full. */
	struct http_server *http, *probes;
	/* What these answer. */
	struct route_table routes, probe_routes;
	/* SIGTERM came: no new work. */
	bool stopping;
	/* The parts are going: what comes back is not followed up. */
	bool ended;
	/* Of operation.c: calls under way, and what of these waits its turn. */
	struct pending *pending;
	struct operation_lanes *lanes;
};

#endif
