/* A stand-in for lib/kube/client.c: requests are answered by the test, from the loop. Linked before sb_kube,
 * so that the real one is left out. */
#ifndef SKILLBOX_TESTS_KUBE_FAKE_CLIENT_H
#define SKILLBOX_TESTS_KUBE_FAKE_CLIENT_H

#include "lib/base/buffer.h"
#include "lib/kube/client.h"

/* Put the answer to a GET of path into body and return its status; 0: never answer. */
typedef int (*fake_answer_cb)(void *context, const char *path, struct buffer *body);

struct kube_client {
	uv_loop_t *loop;
	struct kube_config config;
	char server[128];
	const char *token;
	fake_answer_cb answer;
	void *context;
	unsigned calls, cancelled, waiting;
	size_t largest; /* body that was handed out */
};

void fake_client_init(struct kube_client *client, uv_loop_t *loop, unsigned port, fake_answer_cb answer,
		      void *context);

#endif
