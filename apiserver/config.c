#include "apiserver/config.h"

#include "lib/base/options.h"
#include "lib/wheel/images.h"

#include <inttypes.h>

#define BLOB_GRACE_MIN_MS 3600000
#define IDLE_TIMEOUT_MIN_MS 1000
#define IDLE_TIMEOUT_MAX_MS 3600000
#define HEADER_TIMEOUT_MIN_MS 1000
#define HEADER_TIMEOUT_MAX_MS 3600000
#define KEY_MAX_AGE_MIN_MS 2000 /* a watch that ended comes back in less */
#define KEY_MAX_AGE_MAX_MS 86400000
#define PROBLEMS_MAX 1024

#define FIELD(name) offsetof(struct apiserver_config, name)
static const struct option option_table[] = {
    {"SKILLBOX_API_PORT", OPTION_INT, FIELD(port), "8080", 0, 65535, false,
     "port of the REST API; 0: a free one"},
    {"SKILLBOX_HEALTH_PORT", OPTION_INT, FIELD(health_port), "8081", 0, 65535, false,
     "port of /health, /ready and /metrics; 0: a free one"},
    {"SKILLBOX_PUBLIC_URL", OPTION_STRING, FIELD(public_url), "http://localhost:8080", 0, 0, false,
     "where clients reach this server: the host of files_url"},
    {"SKILLBOX_NAMESPACE", OPTION_STRING, FIELD(namespace), "", 0, 0, false,
     "namespace of the API keys' Secrets; empty: the Pod's own, or the kubeconfig context's"},
    {"SKILLBOX_DATA_DIR", OPTION_STRING, FIELD(data_dir), "/var/lib/skillbox", 0, 0, false,
     "directory of the embedded blob store, if SKILLBOX_S3_ENDPOINT is empty"},
    {"SKILLBOX_BLOB_SWEEP", OPTION_BOOL, FIELD(blob_sweep), "true", 0, 0, false,
     "remove blobs from the embedded store that nothing refers to any more"},
    {"SKILLBOX_BLOB_SWEEP_INTERVAL", OPTION_DURATION, FIELD(blob_sweep_interval_ms), "1h", 0, 0, false,
     "how often the embedded store is searched for them"},
    {"SKILLBOX_BLOB_GRACE", OPTION_DURATION, FIELD(blob_grace_ms), "24h", 0, 0, false,
     "blobs stored more recently than that stay; at least 1h"},
    {"SKILLBOX_SIGNING_KEY_FILE", OPTION_STRING, FIELD(signing_key_file), "", 0, 0, false,
     "file with the secret that signs URLs of the embedded storage, the controller's too; required with it"},
    {"SKILLBOX_SIGNING_KEY_SECRET", OPTION_STRING, FIELD(signing_key_secret), "", 0, 0, false,
     "Secret of that namespace with the entry key, which is taken while there is no such file; made if it "
     "isn't "
     "there"},
    POLICY_OPTIONS(struct apiserver_config, policy),
    LIMITS_OPTIONS(struct apiserver_config, limits),
    {"SKILLBOX_MAX_SKILL_SIZE", OPTION_SIZE, FIELD(max_skill_size), "50Mi", 1, (int64_t)1 << 31, false,
     "bytes of a skill's zip archive"},
    {"SKILLBOX_RATE_LIMIT", OPTION_INT, FIELD(rate_limit), "500", 0, 1000000, false,
     "requests a second that a tenant may send, to each replica, twice that at once; 0: any number"},
    {"SKILLBOX_WRONG_KEY_LIMIT", OPTION_INT, FIELD(wrong_key_limit), "20", 0, 1000000, false,
     "requests a second with a wrong API key from one address, before more of them are told to wait; 0: any "
     "number"},
    {"SKILLBOX_IDLE_TIMEOUT", OPTION_DURATION, FIELD(idle_timeout_ms), "75s", 0, 0, false,
     "a connection on which nothing moves is closed after it, between requests too; longer than that of a "
     "load "
     "balancer in front"},
    {"SKILLBOX_LOG_LEVEL", OPTION_STRING, FIELD(log_level), "info", 0, 0, false,
     "debug, info, warn or error"},
    {"SKILLBOX_TLS_CERT", OPTION_STRING, FIELD(tls_cert), "", 0, 0, false,
     "PEM file; with SKILLBOX_TLS_KEY: HTTPS"},
    {"SKILLBOX_TLS_KEY", OPTION_STRING, FIELD(tls_key), "", 0, 0, false, "PEM file"},
    {"SKILLBOX_DB_DSN", OPTION_STRING, FIELD(db_dsn), "", 0, 0, true,
     "PostgreSQL for keys, history, idempotency and audit; empty: Secrets and custom resources"},
    S3_OPTIONS(struct apiserver_config, s3),
    {"SKILLBOX_REDIS_URL", OPTION_STRING, FIELD(redis_url), "", 0, 0, true,
     "not needed: nothing here uses Redis"},
};
#define OPTION_COUNT (sizeof(option_table) / sizeof(option_table[0]))

/* Silently ignoring a store that somebody asked for would lose data that they believe is safe. */
static void find_problems(const struct apiserver_config *config, struct buffer *problems)
{
	struct error why;
	policy_find_problems(&config->policy, problems);
	if (wheel_images_check(str_of(config->policy.python_images), &why) != 0)
		buffer_appendf(problems, "; SKILLBOX_PYTHON_IMAGES: %s", why.message);
	if (!config->tls_cert[0] != !config->tls_key[0])
		buffer_append_c(problems, "; SKILLBOX_TLS_CERT and SKILLBOX_TLS_KEY must be set together");
	if (config->idle_timeout_ms < IDLE_TIMEOUT_MIN_MS || config->idle_timeout_ms > IDLE_TIMEOUT_MAX_MS)
		buffer_append_c(problems, "; SKILLBOX_IDLE_TIMEOUT must be from 1s to 1h");
	if (config->limits.header_timeout_ms < HEADER_TIMEOUT_MIN_MS ||
	    config->limits.header_timeout_ms > HEADER_TIMEOUT_MAX_MS)
		buffer_append_c(problems, "; SKILLBOX_HEADER_TIMEOUT must be from 1s to 1h");
	if (config->limits.max_connections_per_address > config->limits.max_connections)
		buffer_append_c(problems, "; SKILLBOX_MAX_CONNECTIONS_PER_ADDRESS is more than "
					  "SKILLBOX_MAX_CONNECTIONS: lower the first or raise the second");
	if (config->limits.key_max_age_ms < KEY_MAX_AGE_MIN_MS ||
	    config->limits.key_max_age_ms > KEY_MAX_AGE_MAX_MS)
		buffer_append_c(problems, "; SKILLBOX_KEY_MAX_AGE must be from 2s to 24h");
	if (config->limits.transfer_size < apiserver_config_largest_body(config))
		buffer_appendf(
		    problems,
		    "; SKILLBOX_TRANSFER_SIZE is less than the largest single body, %" PRId64
		    " bytes (SKILLBOX_MAX_FILES_SIZE, SKILLBOX_MAX_SKILL_SIZE): raise it, or lower "
		    "these",
		    apiserver_config_largest_body(config));
	if (config->blob_grace_ms < BLOB_GRACE_MIN_MS)
		buffer_append_c(problems, "; SKILLBOX_BLOB_GRACE is shorter than 1h: a blob is stored before "
					  "there is a record that refers to it");
	if (config->s3.access_key[0] && !config->s3.endpoint[0])
		buffer_append_c(problems, "; SKILLBOX_S3_ACCESS_KEY is set, but SKILLBOX_S3_ENDPOINT is not");
}

int64_t apiserver_config_largest_body(const struct apiserver_config *config)
{
	int64_t files = config->policy.max_files_size + CONFIG_FILES_OVERHEAD;
	int64_t skill = config->max_skill_size + CONFIG_MULTIPART_OVERHEAD;
	return files > skill ? files : skill;
}

int apiserver_config_load(struct apiserver_config *config, struct error *err)
{
	if (options_load(option_table, OPTION_COUNT, config, err) != 0)
		return -1;
	cleanup_buffer struct buffer problems = BUFFER(PROBLEMS_MAX);
	find_problems(config, &problems);
	if (problems.len == 0)
		return 0;
	apiserver_config_free(config);
	return error_set(err, ERR_BAD_REQUEST, "%s", problems.data + strlen("; "));
}

void apiserver_config_free(struct apiserver_config *config)
{
	options_free(option_table, OPTION_COUNT, config);
}

void apiserver_config_help(struct buffer *out)
{
	options_help(option_table, OPTION_COUNT, out);
}
