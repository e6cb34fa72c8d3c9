/* What the API server counts. docs/metrics.md lists the same table.
 *
 * Nothing is told by tenant, so that the number of series stays small: that is the controller's. */
#ifndef SKILLBOX_APISERVER_METRICS_H
#define SKILLBOX_APISERVER_METRICS_H

#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"

enum apiserver_metric {
	APISERVER_REQUESTS, /* counted where things happen */
	APISERVER_REQUEST_SECONDS,
	APISERVER_BODY_BYTES,
	APISERVER_ERRORS,
	APISERVER_REFUSED,
	APISERVER_CREATED,
	APISERVER_LISTED,
	APISERVER_KEY_LOOKUPS,
	APISERVER_STORAGE_OPERATIONS,
	APISERVER_BLOB_SWEEPS,
	APISERVER_BLOBS_REMOVED,
	APISERVER_BLOB_BYTES_REMOVED,
	APISERVER_KUBE_REQUESTS,
	APISERVER_KUBE_SECONDS,
	APISERVER_CONNECTIONS_CUT, /* set when somebody asks */
	APISERVER_IN_FLIGHT,
	APISERVER_CONNECTIONS,
	APISERVER_TRANSFER_BYTES,
	APISERVER_WAITING,
	APISERVER_WORK_QUEUE,
	APISERVER_INFORMER_UP,
	APISERVER_INFORMER_OBJECTS,
	APISERVER_INFORMER_UNREADABLE,
	APISERVER_INFORMER_AGE,
	APISERVER_LIMIT_USED,
	APISERVER_CACHED_KEYS,
	APISERVER_STORAGE_UP,
	APISERVER_STORAGE_COUNTED,
	APISERVER_STORAGE_USED,
	APISERVER_STORAGE_FREE,
	APISERVER_STORAGE_RESERVE,
	APISERVER_DATABASE_UP,
	APISERVER_DATABASE_STATEMENTS,
	APISERVER_DATABASE_ERRORS,
	APISERVER_DATABASE_WAITING,
	APISERVER_AUDIT_BACKLOG,
	APISERVER_METRIC_COUNT
};
extern const struct metric apiserver_metric_table[APISERVER_METRIC_COUNT];

/* Indexes of label values. */
enum refusal {
	REFUSED_CONCURRENCY,
	REFUSED_QUOTA,
	REFUSED_TENANT_RATE,
	REFUSED_WRONG_KEYS,
	REFUSED_STOPPING,
	REFUSED_SKILLS,
	REFUSED_WORK,
	REFUSED_STORED_EXECUTIONS,
	REFUSED_STORED_SIZE,
	REFUSED_STORAGE_FULL,
	REFUSED_CONNECTIONS,
	REFUSED_WAITING_CALLS,
	REFUSED_TRANSFER_MEMORY,
	REFUSED_TRANSFER_SIZE
};
enum limit_used {
	LIMIT_CONCURRENCY,
	LIMIT_STORED_EXECUTIONS,
	LIMIT_STORED_EXECUTIONS_SIZE,
	LIMIT_STORED_SIZE,
	LIMIT_SKILLS,
	LIMIT_SKILLS_SIZE
};
enum connection_cut { CUT_HEADERS, CUT_BODY, CUT_ANSWER, CUT_ROOM };
enum transfer_kind { TRANSFER_MEMORY, TRANSFER_FILES };
enum creation_mode { CREATED_SYNC, CREATED_ASYNC };
enum key_lookup { LOOKUP_SECRET, LOOKUP_CACHE, LOOKUP_DATABASE, LOOKUP_UNKNOWN };
enum sweep_end { SWEEP_DONE, SWEEP_BROKEN_OFF };
enum storage_operation { STORAGE_GET, STORAGE_PUT, STORAGE_DELETE };

/* An HTTP request that has ended. */
struct measured_request {
	const char *route; /* its pattern; NULL: none */
	struct str method;
	int status; /* 0: the client hung up before its answer */
	int64_t us; /* it took */
	int64_t body_bytes;
};
void measure_request(struct metrics *metrics, const struct measured_request *request);
void measure_refusal(struct metrics *metrics, enum refusal why);
void measure_key_lookup(struct metrics *metrics, enum key_lookup how);
void measure_storage(struct metrics *metrics, enum storage_operation operation, const struct error *error);

#endif
