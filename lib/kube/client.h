/* Requests to the Kubernetes API: JSON in, JSON out, over lib/http. */
#ifndef SKILLBOX_KUBE_CLIENT_H
#define SKILLBOX_KUBE_CLIENT_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/http/client/client.h"
#include "lib/kube/kube_config.h"
#include "lib/kube/measure.h"

#include <uv.h>

struct kube_client;

/* The config is copied. */
struct kube_client *kube_client_new(uv_loop_t *loop, const struct kube_config *config, struct error *err);
struct kube_client *kube_client_free(struct kube_client *client);
/* Count every call from now on; measure is copied, its metrics must outlive the client. */
void kube_client_measure(struct kube_client *client, const struct kube_measure *measure);
uv_loop_t *kube_client_loop(const struct kube_client *client);
const struct kube_config *kube_client_config(const struct kube_client *client);

/* The current bearer token ("" if none): re-read from token_file at most once a minute. Valid until the next
 * call. */
struct str kube_client_token(struct kube_client *client);

struct kube_response {
	int status;      /* HTTP status; 0: no answer */
	struct str body; /* valid during the callback; NUL-terminated */
	/* NULL for 2xx. Otherwise the code that fits (404 ERR_NOT_FOUND, 409 ERR_CONFLICT, 410 ERR_GONE,
	 * transport ERR_UNAVAILABLE …) and the message of the server's Status object. */
	const struct error *error;
	/* A create met an object of its name: 409 with the reason AlreadyExists. The other 409s (a
	 * ResourceQuota that is written by others too answers a create with `Conflict`) mean that nothing was
	 * done. */
	bool already_exists;
	/* It may have been carried out all the same: an attempt had no answer, or one that says nothing of
	 * what was done (5xx). */
	bool is_uncertain;
};
typedef void (*kube_done_cb)(void *context, const struct kube_response *response);

struct kube_call {
	const char *method; /* GET POST PUT PATCH DELETE */
	const char *
	    path; /* "/apis/skillbox.dev/v1alpha1/namespaces/x/executions?limit=5"; names must be path-safe */
	const char *content_type; /* of the body; NULL: application/json. Patches: KUBE_MERGE_PATCH … */
	struct str body;          /* copied */
	unsigned timeout_ms;      /* 0: 30,000 */
	/* Bytes of the answer; more is ERR_TOO_LARGE, and no more is in memory. 0: 64 MiB. */
	size_t max_response;
	/* Default: GET, PUT, PATCH and DELETE retry (429, 502, 503, 504, connection loss); POST too, since
	 * our children have names of their own and a repeated create is a harmless 409 (already_exists). POST
	 * also retries the other 409s: they pass. */
	bool no_retry;
	kube_done_cb done;
	void *context;
};
#define KUBE_MERGE_PATCH "application/merge-patch+json"

/* NULL with err if the call can't be made. done is called once, from the loop, never from inside. */
struct http_request *kube_client_call(struct kube_client *client, const struct kube_call *call,
				      struct error *err);
/* Cancel with http_request_cancel. */

/* Is s safe as one path segment (DNS-1123 subdomain: lower case, digits, '-', '.', ≤ 253)? */
bool kube_name_is_valid(struct str s);

#endif
