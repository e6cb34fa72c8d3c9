#include "apiserver/failure.h"

#include "apiserver/metrics.h"
#include "lib/base/log.h"

#include <string.h>

void failure_of_error(const struct caller *caller, const struct error *err, struct error *ret)
{
	if (error_code_http_status(err->code) == 500)
		failure_of_fault(caller, "the request failed", err, ret);
	else if (ret != err)
		*ret = *err;
}

void failure_of_fault(const struct caller *caller, const char *what, const struct error *err,
		      struct error *ret)
{
	log_error(what, "request_id", caller->request_id, "tenant", caller->tenant, "reason", err->message,
		  NULL);
	switch (err->code) {
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
	case ERR_RATE_LIMITED:
	case ERR_NO_CAPACITY:
	case ERR_NO_MEMORY:
		error_set(ret, ERR_UNAVAILABLE, "%s; try again in a moment", what);
		break;
	default:
		error_set(ret, ERR_INTERNAL, "%s; the server's log has the reason under this request_id",
			  what);
	}
}

static void refused(const struct caller *caller, const char *what, const struct error *err)
{
	log_warn(what, "request_id", caller->request_id, "tenant", caller->tenant, "reason", err->message,
		 NULL);
}

void failure_of_kube(const struct caller *caller, struct metrics *metrics, const char *what,
		     const struct kube_response *response, struct error *ret)
{
	const struct error *err = response->error;
	if (response->status == 403 && strstr(err->message, "exceeded quota")) {
		refused(caller, what, err);
		measure_refusal(metrics, REFUSED_QUOTA);
		error_set(ret, ERR_NO_CAPACITY,
			  "%s: the tenant's quota in the cluster is used up; try again later", what);
	} else if (response->status == 403 && strstr(err->message, "status unknown for quota")) {
		/* A new quota: Kubernetes has yet to count what is there. */
		refused(caller, what, err);
		error_set(ret, ERR_UNAVAILABLE,
			  "%s: the tenant's quota in the cluster has just been made; try again in a moment",
			  what);
	} else if (response->status == 422 || response->status == 413) {
		refused(caller, what, err);
		error_set(ret, ERR_BAD_REQUEST, "%s: the cluster's rules refuse it as too large or malformed",
			  what);
	} else if (response->status == 409) {
		refused(caller, what, err);
		error_set(ret, ERR_UNAVAILABLE,
			  "%s: the cluster was asked for too much of the same at once; try again in a moment",
			  what);
	} else {
		failure_of_fault(caller, what, err, ret);
	}
}

void failure_of_storage(const struct caller *caller, struct metrics *metrics, const char *what,
			const struct error *err, struct error *ret)
{
	struct error copy = *err; /* ret may be err */
	if (err->code != ERR_NO_CAPACITY && err->code != ERR_STORAGE_FULL) {
		failure_of_fault(caller, what, err, ret);
		return;
	}
	refused(caller, what, err);
	measure_refusal(metrics, err->code == ERR_NO_CAPACITY ? REFUSED_STORED_SIZE : REFUSED_STORAGE_FULL);
	error_set(ret, copy.code, "%s: %s", what, copy.message);
}

void failure_of_stop(struct error *ret)
{
	error_set(ret, ERR_UNAVAILABLE, "the server is shutting down; try again");
}
