/* Configuration of the API server: one table gives parsing, defaults and --help. */
#ifndef SKILLBOX_APISERVER_CONFIG_H
#define SKILLBOX_APISERVER_CONFIG_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/blob/s3.h"
#include "lib/policy/limits.h"
#include "lib/policy/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct apiserver_config {
	char *namespace; /* where the key Secrets stand; "" until the Kubernetes configuration gives it */
	int64_t port, health_port;
	char *public_url;
	char *data_dir;
	char *signing_key_file, *signing_key_secret;
	struct policy policy; /* what the controller reads, too */
	struct limits limits;
	int64_t max_skill_size;
	struct s3_options s3;    /* endpoint "": blobs lie in data_dir */
	int64_t rate_limit;      /* requests a second, of a tenant; 0: none */
	int64_t idle_timeout_ms; /* of a connection; at least a second */
	int64_t wrong_key_limit; /* requests a second with a wrong key, from one address; 0: none */
	bool blob_sweep;         /* of data_dir */
	int64_t blob_sweep_interval_ms, blob_grace_ms;
	char *log_level;
	char *tls_cert, *tls_key; /* files */
	char *db_dsn, *redis_url;
};

#define CONFIG_MULTIPART_OVERHEAD ((int64_t)256 << 10) /* boundaries and other fields of a form */
#define CONFIG_FILES_OVERHEAD ((int64_t)16 << 20)      /* tar and gzip around files of the largest size */

/* Bytes of the largest body that is taken. */
int64_t apiserver_config_largest_body(const struct apiserver_config *config);

/* Fill config (zeroed) from the environment; what contradicts itself or isn't built yet is an error, all in
 * one message. */
int apiserver_config_load(struct apiserver_config *config, struct error *err);
void apiserver_config_free(struct apiserver_config *config);
void apiserver_config_help(struct buffer *out);

#endif
