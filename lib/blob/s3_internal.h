/* What the files of the S3 store share. */
#ifndef SKILLBOX_BLOB_S3_INTERNAL_H
#define SKILLBOX_BLOB_S3_INTERNAL_H

#include "lib/blob/remote.h"
#include "lib/blob/s3.h"
#include "lib/blob/sigv4.h"

#define S3_BUCKETS 2 /* enum blob_bucket */
#define S3_PART_SIZE ((int64_t)16 << 20)
#define S3_MAX_PARTS 10000
#define S3_URL_MAX 4096
#define S3_OBJECT_SIZE 160
#define S3_ANSWER_MAX 65536

struct s3_endpoint {
	bool tls;
	char *host; /* with the port, where it isn't the scheme's */
};

enum s3_probe_state { S3_PROBE_NONE, S3_PROBE_GOOD, S3_PROBE_BAD };

/* What is known of a bucket. */
struct s3_probe {
	struct s3_store *store;
	enum blob_bucket bucket;
	struct http_request *request; /* while one runs */
	enum s3_probe_state state;
	struct error trouble; /* of state BAD */
	bool seen;            /* it was there at some time: not made again when it vanishes */
	int64_t asked_us;
};

struct s3_store {
	struct remote_store remote;
	const struct clock *clock;
	struct s3_endpoint endpoint, public_endpoint;
	char *access_key, *secret_key, *region;
	char *buckets[S3_BUCKETS];
	bool virtual_host;
	struct s3_probe probes[S3_BUCKETS];
};

/* One blob's way. */
struct s3_transfer {
	struct remote_transfer remote;
	enum blob_bucket bucket;
	char object[S3_OBJECT_SIZE]; /* TENANT/ab/cdef… */
	struct s3_parts *parts;      /* of a put in parts; else NULL */
};

static inline struct s3_store *s3_store_of(const struct s3_transfer *transfer)
{
	return (struct s3_store *)(void *)transfer->remote.store;
}

static inline bool s3_is_success(const struct http_response *response)
{
	return !response->error && response->status >= 200 && response->status <= 299;
}

/* S3_request.c: one signed request */

struct s3_call {
	const char *method;
	enum blob_bucket bucket;
	const char *object; /* NULL: the bucket itself */
	const struct sigv4_pair *query;
	size_t query_count;
	const char *payload_hash; /* NULL: that of options.body */
};

/* Sends it with what options say beside method, URL and headers; without a number of retries, for as long as
 * a server takes to start anew. */
struct http_request *s3_send(struct s3_store *store, const struct s3_call *call,
			     struct http_request_options options, struct error *err);
/* Append the URL of a GET that anybody can send. filename: may be NULL or empty. */
int s3_presign(struct s3_store *store, enum blob_bucket bucket, const char *object, const char *filename,
	       int64_t seconds, struct buffer *ret, struct error *err);

/* S3_answer.c: what servers say */

/* The decoded text of the first element of that name, appended; false if there is none. */
bool s3_xml_text(struct str xml, const char *element, struct buffer *ret);
/* Is the answer an error of that code, as in "NoSuchBucket"? */
bool s3_answer_is(const struct http_response *response, const char *code);
/* Why an answer isn't what was hoped for, in plain words and without secrets; returns -1. */
int s3_refusal(struct s3_store *store, enum blob_bucket bucket, const struct http_response *response,
	       struct error *err);
/* The same as the error of a transfer. */
void s3_transfer_refuse(struct s3_transfer *transfer, const struct http_response *response);

/* S3_put.c, s3_probe.c */

void s3_put_start(struct s3_transfer *transfer);
struct s3_parts *s3_parts_free(struct s3_parts *parts); /* NULL-safe, returns NULL */

int s3_probe_start(struct s3_probe *probe, struct error *err);
int s3_probe_check(struct s3_probe *probe, struct error *err);

#endif
