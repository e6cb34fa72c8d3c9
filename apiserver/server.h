/* Puts the API server's parts together, on one loop, and runs them. */
#ifndef SKILLBOX_APISERVER_SERVER_H
#define SKILLBOX_APISERVER_SERVER_H

#include "apiserver/config.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

struct kube_config;

/* From SIGTERM to the end, whatever still waits. */
#define SERVER_GRACE_MS 30000

/* Serve until SIGTERM or SIGINT. namespace: of the key Secrets. */
int server_run(const struct apiserver_config *config, const struct kube_config *kube, const char *namespace,
	       struct str signing_key, struct error *err);

#endif
