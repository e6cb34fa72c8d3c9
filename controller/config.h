/* The controller's configuration, from the environment. */
#ifndef SKILLBOX_CONTROLLER_CONFIG_H
#define SKILLBOX_CONTROLLER_CONFIG_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/blob/s3.h"
#include "lib/policy/policy.h"
#include "lib/run/layers.h"

#include <stdbool.h>
#include <stdint.h>

enum runner_delivery { RUNNER_IMAGE_VOLUME, RUNNER_INIT_CONTAINER, RUNNER_IN_IMAGE };

struct controller_config {
	char *namespace; /* where the controller itself runs */
	char *pod_name;
	char *blob_url;     /* the API server, for the embedded store */
	char *blob_ca_file; /* "": public CAs */
	char *signing_key_file;
	struct s3_options s3; /* endpoint "": blobs are at blob_url */
	char *runner_image;
	char *runner_delivery_name;
	enum runner_delivery runner_delivery;
	char *runtime_class; /* "" : the cluster's default */
	bool user_namespaces;
	char *seccomp_profile; /* of the node's files, for every sandbox; "": the runtime's own */
	char *required_layers_list;
	struct layer_set required_layers; /* of isolation, that a sandbox must report before it gets a job */
	struct policy policy;             /* what the API server reads, too */
	/* What fetches packages, if the policy lets it (controller/build/); "": not set. */
	struct {
		char *index_url, *image, *namespace;
		char *program; /* ConfigMap with build.py */
		char *secret;  /* with pip.conf and netrc; "": none */
		int64_t timeout_ms;
		int64_t memory, disk, cpu; /* bytes, bytes, millicores */
	} build;
	int64_t max_logs, max_files_count;
	int64_t max_starting;     /* sandboxes that start at once, all tenants together */
	int64_t start_timeout_ms; /* Pod created → stream open */
	int64_t skill_wait_ms;    /* an Execution may be seen before its Skill */
	int64_t ttl_seconds;      /* of finished Executions that don't say */
	int64_t health_port;
	char *db_dsn; /* "": no database */
	char *log_level;
};

int controller_config_load(struct controller_config *ret, struct error *err);
void controller_config_free(struct controller_config *config);
void controller_config_help(struct buffer *out);

#endif
