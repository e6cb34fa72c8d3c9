#include "tests/integration/kube/exercise.h"

#include <signal.h>
#include <stdio.h>

void exercise_stop(struct exercise *exercise, int exit_code)
{
	exercise->exit_code = exit_code;
	exercise->ws = kube_ws_free(exercise->ws);
	exercise->client = kube_client_free(exercise->client);
}

static int usage(void)
{
	fprintf(stderr, "usage: kube-exercise watch PATH PAGE-SIZE\n"
			"       kube-exercise exec NAMESPACE POD CONTAINER COMMAND...\n"
			"       kube-exercise latency NAMESPACE POD CONTAINER COUNT STREAMS\n");
	return 64;
}

int main(int count, char **arguments)
{
	static const struct {
		const char *name;
		int (*start)(struct exercise *exercise, int count, char **arguments);
	} commands[] = {{"watch", watch_command}, {"exec", exec_command}, {"latency", latency_command}};
	struct exercise exercise = {0};
	struct kube_config config;
	struct error err = {0};
	int result = -1;

	if (count < 2)
		return usage();
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&exercise.loop);
	if (kube_config_load(NULL, &config, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 125;
	}
	exercise.client = kube_client_new(&exercise.loop, &config, &err);
	kube_config_free(&config);
	if (exercise.client)
		exercise.ws = kube_ws_new(exercise.client, &err);
	if (!exercise.ws) {
		fprintf(stderr, "%s\n", err.message);
		return 125;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (str_eq(str_of(commands[i].name), str_of(arguments[1])))
			result = commands[i].start(&exercise, count - 2, arguments + 2);
	if (result < 0) {
		usage();
		exercise_stop(&exercise, 64);
	}
	uv_run(&exercise.loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&exercise.loop) != 0) {
		fprintf(stderr, "something was left on the loop\n");
		return 126;
	}
	return exercise.exit_code;
}
