/* skillbox-apiserver: the REST API. */
#include "apiserver/config.h"
#include "apiserver/key/key_command.h"
#include "apiserver/server.h"
#include "apiserver/signing_key.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/kube/kube_config.h"
#include "lib/policy/signing_key.h"

#include <curl/curl.h>
#include <signal.h>

#define HELP_MAX 65536

static int print_help(void)
{
	cleanup_buffer struct buffer options = BUFFER(HELP_MAX);
	apiserver_config_help(&options);
	printf("usage:\n"
	       "  skillbox-apiserver\n"
	       "      serves the REST API; Kubernetes is found by KUBECONFIG, the Pod's service account or "
	       "~/.kube/config\n"
	       "%s"
	       "  skillbox-apiserver version\n\n"
	       "environment:\n%s",
	       key_command_usage, options.data ? options.data : "");
	return 0;
}

static int complain(const struct error *err)
{
	log_error("skillbox-apiserver ends", "reason", err->message, NULL);
	return 1;
}

static int serve(const struct apiserver_config *config, const struct kube_config *kube, const char *namespace)
{
	struct error err;
	cleanup_secret_buffer struct buffer key = BUFFER(SIGNING_KEY_MAX);
	int result = apiserver_signing_key(config, kube, namespace, &key, &err);
	if (result == 0)
		result = server_run(config, kube, namespace, buffer_str(&key), &err);
	return result == 0 ? 0 : complain(&err);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "serve";
	bool is_serve = strcmp(verb, "serve") == 0 && argc <= 2;
	if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0 || strcmp(verb, "help") == 0)
		return print_help();
	if (strcmp(verb, "version") == 0 || strcmp(verb, "--version") == 0)
		return printf("skillbox-apiserver %s\n", SKILLBOX_VERSION) < 0;
	if (!is_serve && strcmp(verb, "key") != 0) {
		fprintf(stderr, "skillbox-apiserver: unknown argument: %s (see --help)\n",
			argv[argc > 2 && strcmp(verb, "serve") == 0 ? 2 : 1]);
		return 64;
	}
	struct apiserver_config config = {0};
	struct kube_config kube = {0};
	struct error err;
	enum log_level level = LOG_INFO;
	log_init("apiserver", level);
	process_return_memory();
	if (process_seal(&err) != 0 || apiserver_config_load(&config, &err) != 0)
		return complain(&err);
	if (!log_level_parse(config.log_level, &level))
		log_warn("SKILLBOX_LOG_LEVEL is none of debug, info, warn, error: taken as info", "value",
			 config.log_level, NULL);
	log_init("apiserver", level);
	signal(SIGPIPE,
	       SIG_IGN); /* clients and servers that hang up are errors of a call, not of the process */
	/* A database that hangs holds four threads (lib/db/db.h): blobs and archives need others. */
	setenv("UV_THREADPOOL_SIZE", "8", 0);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int status = 1;
	if (kube_config_load(NULL, &kube, &err) != 0) {
		complain(&err);
	} else {
		const char *namespace = config.namespace[0] ? config.namespace : kube.namespace;
		status = is_serve ? serve(&config, &kube, namespace)
				  : key_command_run(argc - 2, argv + 2, &kube, namespace, config.db_dsn);
	}
	kube_config_free(&kube);
	apiserver_config_free(&config);
	curl_global_cleanup();
	return status;
}
