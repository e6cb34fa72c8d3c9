/* An Execution as the API server keeps it: answers in the making can hold on to it. */
#ifndef SKILLBOX_APISERVER_EXECUTION_RECORD_H
#define SKILLBOX_APISERVER_EXECUTION_RECORD_H

#include "lib/api/execution.h"
#include "lib/base/ordered.h"

/* On an Execution that was wished for with an idempotency key: the digest of the wish. */
#define REQUEST_DIGEST_ANNOTATION "skillbox.dev/request-digest"

/* An informer frees its objects when they change; a shared one lives as long as somebody holds it. */
struct shared_execution {
	struct execution *execution;
	/* The annotation's, else creationTimestamp. */
	int64_t requested_ms;
	/* "" if none. */
	char *request_digest;
	unsigned references;
	/* shared_execution_keep_outline was here. */
	bool is_outline;
	/* Of execution_index.h. */
	bool is_listed;
	struct ordered_node listed;
	/* Bytes of the JSON that it was read from; 0: none. */
	int64_t size;
};

/* Both: one reference, the caller's. */
struct shared_execution *shared_execution_from_json(struct str json, struct error *err);
/* Takes execution, in every case. */
struct shared_execution *shared_execution_from_execution(struct execution *execution, struct error *err);
struct shared_execution *shared_execution_ref(const struct shared_execution *shared);
void shared_execution_unref(struct shared_execution *shared); /* NULL-safe */

/* Of one that nobody else holds: its data is dropped (execution_drop_data). */
void shared_execution_keep_outline(struct shared_execution *shared);

/* The object to POST: execution_to_json with the annotations. */
int execution_to_post(const struct execution *execution, int64_t requested_ms, const char *request_digest,
		      struct buffer *out, struct error *err);

/* The path of an Execution in the Kubernetes API, or of the collection (name NULL). */
void execution_path(struct buffer *out, const char *namespace, const char *name);

#endif
