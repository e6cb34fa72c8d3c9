/* The API server's parts, on one loop. */
#ifndef SKILLBOX_APISERVER_SERVER_H
#define SKILLBOX_APISERVER_SERVER_H

#include "apiserver/cluster.h"
#include "apiserver/config.h"
#include "apiserver/metrics.h"
#include "apiserver/wait.h"
#include "lib/base/clock.h"
#include "lib/blob/blob.h"
#include "lib/db/db.h"
#include "lib/http/server/server.h"
#include "lib/kube/client.h"
#include "lib/kube/ws.h"

#include <uv.h>

#define SERVER_GRACE_MS 30000 /* from SIGTERM to the end, whatever still waits */

struct request;
struct pending;
struct guard;
struct outlines;

struct apiserver {
	const struct apiserver_config *config;
	const struct clock *clock;
	uv_loop_t *loop;
	const char *namespace; /* of the key Secrets */
	struct str signing_key;
	struct metrics *metrics; /* by enum apiserver_metric */
	struct kube_client *kube;
	struct kube_ws *ws;
	struct cluster *cluster;
	struct blob_store *blobs;
	struct http_client *s3_client; /* of blobs in S3; NULL: they are in our directory */
	struct blob_sweep *blob_sweep; /* NULL: in S3, or not wished */
	struct waiters *waiters;
	struct outlines *outlines;
	struct guard *guard;
	struct db *db; /* NULL: no database is configured, and so are the next two */
	struct db_keys *db_keys;
	struct audit *audit;
	int64_t purged_ms; /* when idempotency keys of yesterday were deleted last */
	struct http_server *http;
	bool stopping;            /* SIGTERM came: no new work */
	bool ended;               /* the parts below are going: what comes back is not followed up */
	struct request *requests; /* all that live, for the end */
	struct pending *jobs;     /* work for the thread pool, in order; one runs at a time */
	struct pending *pending;  /* calls under way; see call.h */
};

/* Serve until SIGTERM or SIGINT. namespace: of the key Secrets. */
struct kube_config;
int server_run(const struct apiserver_config *config, const struct kube_config *kube, const char *namespace,
	       struct str signing_key, struct error *err);

#endif
