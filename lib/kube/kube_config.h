/* How to reach a Kubernetes API server: from inside a Pod (service account) or from a kubeconfig file. */
#ifndef SKILLBOX_KUBE_KUBE_CONFIG_H
#define SKILLBOX_KUBE_KUBE_CONFIG_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>

struct kube_config {
	char *server;          /* "https://10.96.0.1:443", no slash at the end */
	char *ca_pem;          /* NULL: the system's certificates */
	char *client_cert_pem; /* NULL: none */
	char *client_key_pem;
	char *token;      /* fixed bearer token, or NULL */
	char *token_file; /* read again when older than a minute (service account tokens rotate), or NULL */
	char *namespace;  /* of the context or the Pod; "default" if none */
	bool insecure_skip_verify;
};

/* In this order: `path` if not NULL; the first file in $KUBECONFIG; the service account if
 * $KUBERNETES_SERVICE_HOST is set; ~/.kube/config. Inline *-data and file references both work; exec plugins
 * and auth providers are refused with a word saying so. */
int kube_config_load(const char *path, struct kube_config *ret, struct error *err);
/* The two sources, for tests: a kubeconfig's text (file references are relative to `directory`), and the
 * directory of a service account with the API server's host and port. *ret is the caller's to free only on
 * success. */
int kube_config_parse(struct str text, const char *directory, struct kube_config *ret, struct error *err);
int kube_config_service_account(const char *directory, const char *host, const char *port,
				struct kube_config *ret, struct error *err);
void kube_config_free(struct kube_config *config); /* wipes secrets */

#endif
