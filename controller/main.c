/* skillbox-controller: runs Executions as sandbox Pods. */
#include "controller/compose.h"
#include "controller/health.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/files/file_watch.h"
#include "lib/policy/signing_key.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define HELP_MAX (64 << 10)

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

/* Much is made of the signing key, so another one begins with another process, which is started again. */
struct key_file {
	uv_loop_t *loop;
	char *path;
	struct file_watch *watch;
};

static void on_signing_key(void *context)
{
	const struct key_file *file = context;
	struct error err;
	cleanup_secret_buffer struct buffer key = BUFFER(SIGNING_KEY_MAX);
	if (signing_key_read(file->path, &key, &err) != 0) {
		log_error("the new signing key can't be used: the one from before stays", "reason",
			  err.message, NULL);
		return;
	}
	log_info("stopping", "signal", "the signing key has changed", NULL);
	uv_stop(file->loop);
}

static int watch_signing_key(struct key_file *file, uv_loop_t *loop, const char *path, struct error *err)
{
	*file = (struct key_file){.loop = loop, .path = str_dup(str_of(path))};
	if (!file->path)
		return error_no_memory(err);
	const char *const paths[] = {file->path};
	if (!path[0])
		return 0;
	file->watch = file_watch_new(loop, paths, 1, on_signing_key, file, err);
	return file->watch ? 0 : -1;
}

/* Sandboxes keep their jobs and results; the next controller goes on from there. */
static int serve(uv_loop_t *loop, struct controller_config *config)
{
	struct error err;
	struct key_file key_file;
	uv_signal_t signals[2];
	bool is_watched = watch_signing_key(&key_file, loop, config->signing_key_file, &err) == 0;
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
	file_watch_free(key_file.watch);
	http_server_free(health);
	controller_free(controller);
	uv_run(loop, UV_RUN_DEFAULT); /* close callbacks */
	free(key_file.path);
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
