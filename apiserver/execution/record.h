/* Objects as the API server keeps them: an Execution that answers in the making can hold on to, and an API
 * key. */
#ifndef SKILLBOX_APISERVER_EXECUTION_RECORD_H
#define SKILLBOX_APISERVER_EXECUTION_RECORD_H

#include "lib/api/execution.h"

/* On an Execution made by REST. */
#define REQUEST_DIGEST_ANNOTATION                                                                            \
	"skillbox.dev/request-digest" /* of the body, when an Idempotency-Key came with it */

/* An informer frees its objects when they change; a record lives as long as somebody holds it. */
struct record {
	struct execution *execution;
	int64_t requested_ms; /* the annotation's, else creationTimestamp */
	char *request_digest; /* "" if none */
	unsigned references;
	bool is_outline; /* record_keep_outline was here */
};

struct record *record_from_json(struct str json, struct error *err); /* one reference, the caller's */
struct record *record_from_execution(struct execution *execution,
				     struct error *err); /* the same; takes execution, in every case */
struct record *record_ref(const struct record *record);
void record_unref(struct record *record); /* NULL-safe */

/* Of a finished one that nobody else holds: its data is dropped (execution_drop_data). */
void record_keep_outline(struct record *record);

/* The object to POST: execution_to_json with the annotations. */
int record_to_json(const struct execution *execution, int64_t requested_ms, const char *request_digest,
		   struct buffer *out, struct error *err);

#endif
