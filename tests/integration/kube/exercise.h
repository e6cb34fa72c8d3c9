/* kube-exercise: lib/kube against a real API server, driven line by line by the pytest beside it. */
#ifndef SKILLBOX_TESTS_KUBE_EXERCISE_H
#define SKILLBOX_TESTS_KUBE_EXERCISE_H

#include "lib/kube/ws.h"

#include <uv.h>

struct exercise {
	uv_loop_t loop;
	struct kube_client *client;
	struct kube_ws *ws;
	int exit_code;
};

/* Each starts its work and returns; it is over when the loop has nothing more to do but what exercise_stop
 * closes. */
int watch_command(struct exercise *exercise, int count, char **arguments);
int exec_command(struct exercise *exercise, int count, char **arguments);
int latency_command(struct exercise *exercise, int count, char **arguments);

void exercise_stop(struct exercise *exercise, int exit_code); /* close client and WebSockets: the loop ends */

#endif
