/* Blobs in two buckets of any S3: AWS or a server that speaks its protocol. Keys are TENANT/ab/cdef…, as in
 * the directory store. */
#ifndef SKILLBOX_BLOB_S3_H
#define SKILLBOX_BLOB_S3_H

#include "lib/base/clock.h"
#include "lib/blob/blob.h"

/* Texts may be NULL or empty for their default. The programs' configurations hold one, see S3_OPTIONS. */
struct s3_options {
	char *endpoint;        /* "host", "host:port", or such a URL, whose scheme then decides about TLS */
	char *public_endpoint; /* of presigned URLs; default: endpoint */
	char *access_key, *secret_key;
	char *region; /* default us-east-1 */
	char *bucket_skills, *bucket_executions;
	bool use_ssl;
	char *ca_file;             /* PEM: trusted for TLS instead of the system's certificates */
	bool virtual_host;         /* http://BUCKET.host/KEY instead of http://host/BUCKET/KEY */
	const struct clock *clock; /* NULL: the system's */
};

/* A client for it, which trusts ca_file if that is given. ERR_BAD_REQUEST if there is no certificate in it.
 */
struct http_client *blob_s3_client(uv_loop_t *loop, const struct s3_options *options,
				   unsigned max_connections, struct error *err);

/* Checks the options and starts to look for the buckets, making those that are missing: blob_check tells how
 * that went. Everything is copied but loop and client. Free it before the client. */
struct blob_store *blob_store_s3(uv_loop_t *loop, struct http_client *client,
				 const struct s3_options *options, struct error *err);

/* Rows of an option table (lib/base/options.h), for a configuration of type `type` with a struct s3_options
 * `member`. */
#define S3_OPTIONS(type, member)                                                                             \
	{"SKILLBOX_S3_ENDPOINT",                                                                             \
	 OPTION_STRING,                                                                                      \
	 offsetof(type, member.endpoint),                                                                    \
	 "",                                                                                                 \
	 0,                                                                                                  \
	 0,                                                                                                  \
	 false,                                                                                              \
	 "host:port or URL of an S3 server for all blobs; empty: the embedded storage"},                     \
	    {"SKILLBOX_S3_PUBLIC_ENDPOINT",                                                                  \
	     OPTION_STRING,                                                                                  \
	     offsetof(type, member.public_endpoint),                                                         \
	     "",                                                                                             \
	     0,                                                                                              \
	     0,                                                                                              \
	     false,                                                                                          \
	     "the same server as clients reach it, for download links; empty: SKILLBOX_S3_ENDPOINT"},        \
	    {"SKILLBOX_S3_ACCESS_KEY", OPTION_STRING, offsetof(type, member.access_key), "", 0, 0, true,     \
	     "access key of S3"},                                                                            \
	    {"SKILLBOX_S3_SECRET_KEY", OPTION_STRING, offsetof(type, member.secret_key), "", 0, 0, true,     \
	     "secret key of S3"},                                                                            \
	    {"SKILLBOX_S3_REGION",   OPTION_STRING, offsetof(type, member.region), "us-east-1", 0, 0, false, \
	     "region of the buckets"},                                                                       \
	    {"SKILLBOX_S3_BUCKET_SKILLS",                                                                    \
	     OPTION_STRING,                                                                                  \
	     offsetof(type, member.bucket_skills),                                                           \
	     "skills",                                                                                       \
	     0,                                                                                              \
	     0,                                                                                              \
	     false,                                                                                          \
	     "bucket of skills; made if it is missing"},                                                     \
	    {"SKILLBOX_S3_BUCKET_EXECUTIONS",                                                                \
	     OPTION_STRING,                                                                                  \
	     offsetof(type, member.bucket_executions),                                                       \
	     "executions",                                                                                   \
	     0,                                                                                              \
	     0,                                                                                              \
	     false,                                                                                          \
	     "bucket of files and large results; made if it is missing"},                                    \
	    {"SKILLBOX_S3_USE_SSL",                                                                          \
	     OPTION_BOOL,                                                                                    \
	     offsetof(type, member.use_ssl),                                                                 \
	     "false",                                                                                        \
	     0,                                                                                              \
	     0,                                                                                              \
	     false,                                                                                          \
	     "TLS to endpoints that are given without a scheme"},                                            \
	    {"SKILLBOX_S3_CA_FILE",                                                                          \
	     OPTION_STRING,                                                                                  \
	     offsetof(type, member.ca_file),                                                                 \
	     "",                                                                                             \
	     0,                                                                                              \
	     0,                                                                                              \
	     false,                                                                                          \
	     "PEM file of the CA that the S3 server's certificate is from; empty: the system's CAs"},        \
	{                                                                                                    \
		"SKILLBOX_S3_VIRTUAL_HOST", OPTION_BOOL, offsetof(type, member.virtual_host), "false", 0, 0, \
		    false, "bucket names in the host (BUCKET.host) instead of the path"                      \
	}

#endif
