#include "controller/config.h"

#include "lib/base/options.h"
#include "lib/base/str.h"
#include "lib/frame/frame.h"
#include "lib/wheel/images.h"

#define FIELD(name) offsetof(struct controller_config, name)
#define MIB (1024 * 1024)
#define TTL_MAX_SECONDS (365 * 86400) /* as an Execution itself may say: crds/executions.yaml */

/* Those that a sandbox of ours has on every kernel and with every runtime. */
#define REQUIRED_LAYERS                                                                                      \
	"non_root,no_capabilities,no_new_privs,not_dumpable,seccomp_filter,rlimits,descriptors,session"

static const struct option option_table[] = {
    {"SKILLBOX_NAMESPACE", OPTION_STRING, FIELD(namespace), "skillbox", 0, 0, false,
     "namespace of the controller itself"},
    {"SKILLBOX_POD_NAME", OPTION_STRING, FIELD(pod_name), "skillbox-controller", 0, 0, false,
     "name of the controller's Pod, for Events"},
    {"SKILLBOX_BLOB_URL", OPTION_STRING, FIELD(blob_url), "http://localhost:8080", 0, 0, false,
     "where the API server's embedded storage answers inside the cluster"},
    {"SKILLBOX_BLOB_CA_FILE", OPTION_STRING, FIELD(blob_ca_file), "", 0, 0, false,
     "PEM file with the CA of its certificate, if that is https; empty: the system's CAs"},
    {"SKILLBOX_SIGNING_KEY_FILE", OPTION_STRING, FIELD(signing_key_file), "", 0, 0, false,
     "file with the release's signing key: URLs of the embedded storage are signed with it, and by it the "
     "controller knows its Pods; always needed"},
    S3_OPTIONS(struct controller_config, s3),
    {"SKILLBOX_RUNNER_IMAGE", OPTION_STRING, FIELD(runner_image), "skillbox/runner:dev", 0, 0, false,
     "image that carries /runner"},
    {"SKILLBOX_RUNNER_DELIVERY", OPTION_STRING, FIELD(runner_delivery_name), "image-volume", 0, 0, false,
     "how the runner gets into a sandbox: image-volume, init-container or in-image"},
    {"SKILLBOX_RUNTIME_CLASS", OPTION_STRING, FIELD(runtime_class), "", 0, 0, false,
     "RuntimeClass of every sandbox, e.g. gvisor"},
    {"SKILLBOX_USER_NAMESPACES", OPTION_BOOL, FIELD(user_namespaces), "false", 0, 0, false,
     "sandboxes get a user namespace (hostUsers: false)"},
    {"SKILLBOX_SECCOMP_PROFILE", OPTION_STRING, FIELD(seccomp_profile), "", 0, 0, false,
     "seccomp profile of every sandbox, a file below the kubelet's seccomp directory on each node, e.g. "
     "skillbox/sandbox.json (charts/skillbox/seccomp); empty: the container runtime's default"},
    {"SKILLBOX_REQUIRED_LAYERS", OPTION_STRING, FIELD(required_layers_list), REQUIRED_LAYERS, 0, 0, false,
     "layers of isolation without which no sandbox gets a job, separated by commas; see docs/security.md"},
    POLICY_OPTIONS(struct controller_config, policy),
    {"SKILLBOX_BUILD_INDEX_URL", OPTION_STRING, FIELD(build.index_url), "", 0, 0, false,
     "index that packages are fetched from, such as https://pypi.org/simple; no credentials in it"},
    {"SKILLBOX_BUILD_IMAGE", OPTION_STRING, FIELD(build.image), "python:3.12-slim", 0, 0, false,
     "image with a python3 that has pip, for the Pods that fetch packages"},
    {"SKILLBOX_BUILD_NAMESPACE", OPTION_STRING, FIELD(build.namespace), "skillbox-build", 0, 0, false,
     "namespace of these Pods"},
    {"SKILLBOX_BUILD_PROGRAM", OPTION_STRING, FIELD(build.program), "skillbox-build", 0, 0, false,
     "ConfigMap there with the program that they run, build.py"},
    {"SKILLBOX_BUILD_SECRET", OPTION_STRING, FIELD(build.secret), "", 0, 0, false,
     "Secret there with a pip.conf or a netrc for the index; empty: none"},
    {"SKILLBOX_BUILD_TIMEOUT", OPTION_DURATION, FIELD(build.timeout_ms), "10m", 0, 0, false,
     "time that the packages of one skill may take"},
    {"SKILLBOX_BUILD_MEMORY", OPTION_SIZE, FIELD(build.memory), "512Mi", POLICY_MEMORY_MIN, POLICY_MEMORY_MAX,
     false, "memory of such a Pod"},
    {"SKILLBOX_BUILD_DISK", OPTION_SIZE, FIELD(build.disk), "1Gi", 16 * MIB, POLICY_MEMORY_MAX, false,
     "its disk, which holds the wheels twice"},
    {"SKILLBOX_BUILD_CPU", OPTION_CPU, FIELD(build.cpu), "1", 0, 0, false, "its CPU limit"},
    {"SKILLBOX_MAX_LOGS_SIZE", OPTION_SIZE, FIELD(max_logs), "1Mi", 4096, 16 * MIB, false,
     "log kept of a run: its first and its last half"},
    {"SKILLBOX_MAX_FILES_COUNT", OPTION_INT, FIELD(max_files_count), "1000", 1, 10000, false,
     "number of a run's files"},
    {"SKILLBOX_MAX_STARTING_SANDBOXES", OPTION_INT, FIELD(max_starting), "8", 1, 10000, false,
     "sandboxes that start at once, of one tenant half, a quarter while others run something; with none "
     "starting it may always start one, "
     "and so may its pools"},
    {"SKILLBOX_START_TIMEOUT", OPTION_DURATION, FIELD(start_timeout_ms), "5m", 0, 0, false,
     "time a sandbox may take to get ready"},
    {"SKILLBOX_SKILL_WAIT", OPTION_DURATION, FIELD(skill_wait_ms), "10s", 0, 0, false,
     "time an Execution waits for a Skill, or its namespace's label, that isn't there yet"},
    {"SKILLBOX_EXECUTION_TTL_SECONDS", OPTION_INT, FIELD(ttl_seconds), "86400", 0, TTL_MAX_SECONDS, false,
     "seconds a finished Execution is kept when it doesn't say"},
    {"SKILLBOX_DB_DSN", OPTION_STRING, FIELD(db_dsn), "", 0, 0, true,
     "PostgreSQL, where Executions are kept for good; empty: they are gone when their time is over"},
    {"SKILLBOX_HEALTH_PORT", OPTION_INT, FIELD(health_port), "8081", 0, 65535, false,
     "port of /health, /ready and /metrics; 0: a free one"},
    {"SKILLBOX_LOG_LEVEL", OPTION_STRING, FIELD(log_level), "info", 0, 0, false,
     "debug, info, warn or error"},
};
static const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);

static const struct {
	const char *name;
	enum runner_delivery delivery;
} delivery_table[] = {
    {"image-volume", RUNNER_IMAGE_VOLUME},
    {"init-container", RUNNER_INIT_CONTAINER},
    {"in-image", RUNNER_IN_IMAGE},
};

static int check_build(const struct controller_config *config, struct error *err)
{
	struct str url = str_of(config->build.index_url);
	bool is_url = str_starts_with(url, STR("https://")) || str_starts_with(url, STR("http://"));
	if (!config->policy.build_enabled)
		return 0;
	if (!is_url)
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "SKILLBOX_BUILD_INDEX_URL is '%s': SKILLBOX_BUILD_ENABLED needs an index, such as "
		    "https://pypi.org/simple",
		    config->build.index_url);
	if (memchr(url.p, '@', url.n))
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "SKILLBOX_BUILD_INDEX_URL must not have credentials in it: put them into a netrc of "
		    "SKILLBOX_BUILD_SECRET");
	return 0;
}

static int check(struct controller_config *config, struct error *err)
{
	struct str profile = str_of(config->seccomp_profile);
	if (profile.n > 0 && !frame_path_is_valid(profile))
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "SKILLBOX_SECCOMP_PROFILE is '%s': use a relative path without . and .., as the "
		    "kubelet does",
		    config->seccomp_profile);
	cleanup_buffer struct buffer problems = BUFFER(sizeof(err->message));
	policy_find_problems(&config->policy, &problems);
	if (problems.len > 0)
		return error_set(err, ERR_BAD_REQUEST, "%s", problems.data + strlen("; "));
	if (wheel_images_check(str_of(config->policy.python_images), err) != 0)
		return error_wrap(err, "SKILLBOX_PYTHON_IMAGES");
	if (check_build(config, err) != 0)
		return -1;
	if (config->s3.access_key[0] && !config->s3.endpoint[0])
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "SKILLBOX_S3_ACCESS_KEY is set, but SKILLBOX_S3_ENDPOINT is not: set both or neither");
	if (layers_parse(str_of(config->required_layers_list), &config->required_layers, err) != 0)
		return error_wrap(err, "SKILLBOX_REQUIRED_LAYERS");
	for (size_t i = 0; i < sizeof(delivery_table) / sizeof(delivery_table[0]); i++)
		if (strcmp(config->runner_delivery_name, delivery_table[i].name) == 0) {
			config->runner_delivery = delivery_table[i].delivery;
			return 0;
		}
	return error_set(err, ERR_BAD_REQUEST,
			 "SKILLBOX_RUNNER_DELIVERY is '%s': use image-volume, init-container or in-image",
			 config->runner_delivery_name);
}

int controller_config_load(struct controller_config *ret, struct error *err)
{
	struct controller_config config = {0};
	if (options_load(option_table, option_count, &config, err) != 0 || check(&config, err) != 0) {
		controller_config_free(&config);
		return -1;
	}
	*ret = config;
	return 0;
}

void controller_config_free(struct controller_config *config)
{
	options_free(option_table, option_count, config);
}

void controller_config_help(struct buffer *out)
{
	options_help(option_table, option_count, out);
}
