/* AWS Signature Version 4 as S3 wants it: the path is encoded once and never normalised. Two forms: a header
 * for requests of our own, and a URL that carries its signature for others. (libcurl's signer neither sorts
 * the query nor encodes the path, and doesn't presign.) */
#ifndef SKILLBOX_BLOB_SIGV4_H
#define SKILLBOX_BLOB_SIGV4_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stdint.h>

struct sigv4_key {
	struct str access_key, secret_key;
	struct str region;  /* "us-east-1" */
	struct str service; /* "s3" */
};

struct sigv4_pair {
	struct str name, value;
};

#define SIGV4_MAX_PAIRS 32
#define SIGV4_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

struct sigv4_request {
	const char *method;
	struct str path;                /* not encoded, begins with a slash */
	const struct sigv4_pair *query; /* not encoded, in any order */
	size_t query_count;
	const struct sigv4_pair *headers; /* those to sign: Host and every x-amz-… at least; in any order */
	size_t header_count;
	const char *payload_hash; /* SHA-256 of the body in hex, or SIGV4_UNSIGNED_PAYLOAD */
	int64_t time_ms;          /* wall clock */
};

#define SIGV4_DATE_SIZE 17
/* "20261124T105824Z": the value of x-amz-date, which belongs among the headers to sign. */
void sigv4_date(int64_t time_ms, char ret[SIGV4_DATE_SIZE]);

/* Append what the header Authorization gets. */
int sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *request, struct buffer *ret,
	       struct error *err);
/* Append the encoded query of a URL that is valid for `seconds`: the request's own pairs and the X-Amz-…
 * ones. Only Host belongs among the headers to sign, as nobody sends more. */
int sigv4_presign(const struct sigv4_key *key, const struct sigv4_request *request, int64_t seconds,
		  struct buffer *ret, struct error *err);

/* As they are signed, so as they must be sent. A failure shows in ret->failed. */
void sigv4_append_path(struct buffer *ret, struct str path);
int sigv4_append_query(struct buffer *ret, const struct sigv4_pair *query, size_t count, struct error *err);
/* Percent-encode all but A-Z a-z 0-9 - . _ ~ and, when keep_slash is set, slashes. */
void sigv4_append_encoded(struct buffer *ret, struct str text, bool keep_slash);

#endif
