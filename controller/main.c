/* skillbox-controller: runs Executions as sandbox Pods. */
#include "controller/compose.h"
#include "controller/health.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/files/file_watch.h"
#include "lib/files/read_file.h"
#include "lib/policy/signing_key.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define HELP_MAX (64 << 10)
#define CA_MAX ((size_t)1 << 20)

static int print_help(void)
{
	cleanup_buffer struct buffer help = BUFFER(HELP_MAX);
	buffer_append_c(
	    &help, "skillbox-controller: runs Executions (skillbox.dev/v1alpha1) as hardened sandbox Pods\n\n"
		   "usage: skillbox-controller [--help | --version]\n\n"
		   "It finds the cluster by $KUBECONFIG or its service account, and takes its configuration "
		   "from the environment:\n\n");
	controller_config_help(&help);
	if (help.failed)
		return 1;
	fputs(help.data, stdout);
	return 0;
}

static void on_signal(uv_signal_t *signal, int number)
{
	log_info("stopping", "signal", number == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
	uv_stop(signal->loop);
}

static void watch_signals(uv_loop_t *loop, uv_signal_t signals[2])
{
	uv_signal_init(loop, &signals[0]);
	uv_signal_init(loop, &signals[1]);
	uv_signal_start(&signals[0], on_signal, SIGTERM);
	uv_signal_start(&signals[1], on_signal, SIGINT);
}

/* Files that much is made of at the start. When one has changed another process begins with it: this one
 * ends, and is started again. What can't be used changes nothing. */
struct key_files {
	uv_loop_t *loop;
	char *signing_key, *blob_ca; /* "": none */
	struct file_watch *watch;
};

static int check_ca(const char *path, struct error *err)
{
	cleanup_buffer struct buffer pem = BUFFER(CA_MAX);
	if (!path[0])
		return 0;
	if (read_file(path, &pem, err) != 0)
		return error_wrap(err, "SKILLBOX_BLOB_CA_FILE");
	return strstr(pem.data, "-----BEGIN CERTIFICATE-----")
		   ? 0
		   : error_set(err, ERR_BAD_REQUEST,
			       "SKILLBOX_BLOB_CA_FILE: there is no PEM certificate in %s", path);
}

static int check_signing_key(const char *path, struct error *err)
{
	cleanup_secret_buffer struct buffer key = BUFFER(SIGNING_KEY_MAX);
	return path[0] ? signing_key_read(path, &key, err) : 0;
}

static void on_changed(void *context)
{
	const struct key_files *files = context;
	struct error err;
	if (check_signing_key(files->signing_key, &err) != 0) {
		log_error("the new signing key can't be used: the one from before stays", "reason",
			  err.message, NULL);
	} else if (check_ca(files->blob_ca, &err) != 0) {
		log_error("the new CA can't be used: the one from before stays", "reason", err.message, NULL);
	} else {
		log_info("stopping", "signal", "the signing key or the API server's CA has changed", NULL);
		uv_stop(files->loop);
	}
}

static int watch_files(struct key_files *files, uv_loop_t *loop, const struct controller_config *config,
		       struct error *err)
{
	*files = (struct key_files){.loop = loop,
				    .signing_key = str_dup(str_of(config->signing_key_file)),
				    .blob_ca = str_dup(str_of(config->blob_ca_file))};
	const char *const paths[] = {files->signing_key, files->blob_ca};
	if (!files->signing_key || !files->blob_ca)
		return error_no_memory(err);
	files->watch = file_watch_new(loop, paths, 2, on_changed, files, err);
	return files->watch && check_ca(files->blob_ca, err) == 0 ? 0 : -1;
}

/* Sandboxes keep their jobs and results; the next controller goes on from there. */
static int serve(uv_loop_t *loop, struct controller_config *config)
{
	struct error err;
	struct key_files files;
	uv_signal_t signals[2];
	bool is_watched = watch_files(&files, loop, config, &err) == 0;
	struct controller *controller = is_watched ? controller_new(loop, config, &err) : NULL;
	const struct health_source source = {controller, controller_is_ready, controller_append_metrics};
	struct http_server *health =
	    controller ? health_start(loop, controller_health_port(controller), &source, &err) : NULL;
	watch_signals(loop, signals);
	int status = 0;
	if (health) {
		log_info("started", "version", SKILLBOX_VERSION, NULL);
		uv_run(loop, UV_RUN_DEFAULT);
		status = controller_has_failed(controller);
	} else {
		log_error("can't start", "error", err.message, NULL);
		status = 1;
	}
	uv_close((uv_handle_t *)&signals[0], NULL);
	uv_close((uv_handle_t *)&signals[1], NULL);
	file_watch_free(files.watch);
	http_server_free(health);
	controller_free(controller);
	uv_run(loop, UV_RUN_DEFAULT); /* close callbacks */
	free(files.signing_key);
	free(files.blob_ca);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_help();
	if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0))
		return printf("skillbox-controller %s\n", SKILLBOX_VERSION) < 0;
	if (argc != 1) {
		fprintf(stderr, "skillbox-controller: unknown argument '%s': see --help\n", argv[1]);
		return 64;
	}
	struct controller_config config = {0};
	struct error err;
	enum log_level level = LOG_INFO;
	log_init("controller", level);
	process_return_memory();
	if (process_seal(&err) != 0) {
		log_error("can't start", "error", err.message, NULL);
		return 1;
	}
	if (controller_config_load(&config, &err) != 0) {
		log_error("bad configuration", "error", err.message, NULL);
		return 1;
	}
	if (!log_level_parse(config.log_level, &level))
		log_warn("SKILLBOX_LOG_LEVEL is none of debug, info, warn, error: taken as info", "value",
			 config.log_level, NULL);
	log_init("controller", level);
	signal(SIGPIPE, SIG_IGN);
	/* A database that hangs holds four threads (lib/db/db.h): the archives and digests need others. */
	setenv("UV_THREADPOOL_SIZE", "8", 0);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	int status = serve(uv_default_loop(), &config);
	controller_config_free(&config);
	curl_global_cleanup();
	return status;
}
