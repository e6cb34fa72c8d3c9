/* What clients are told when something fails. The real reason may name what is inside, so it goes to the log,
 * with the request's id; the client is told which part of their wish failed, and whether a repeat may help.
 *
 * A use case makes such a failure once; whoever answers passes it on as it is. */
#ifndef SKILLBOX_APISERVER_FAILURE_H
#define SKILLBOX_APISERVER_FAILURE_H

#include "apiserver/caller.h"
#include "lib/base/error.h"
#include "lib/base/metrics.h"
#include "lib/kube/client.h"

/* err itself, unless it is internal: then "the request failed". ret may be err. */
void failure_of_error(const struct caller *caller, const struct error *err, struct error *ret);

/* `what` ("the skill could not be stored") failed: ERR_UNAVAILABLE if a repeat may help, else ERR_INTERNAL.
 */
void failure_of_fault(const struct caller *caller, const char *what, const struct error *err,
		      struct error *ret);

/* The same for a call to the Kubernetes API that was answered with an error; also ERR_NO_CAPACITY for a quota
 * and ERR_BAD_REQUEST for an object that the cluster refuses. A 409 that gets here (kube_response) is
 * ERR_UNAVAILABLE: nothing was done. */
void failure_of_kube(const struct caller *caller, struct metrics *metrics, const char *what,
		     const struct kube_response *response, struct error *ret);

/* The same for a blob that was not stored; also ERR_NO_CAPACITY and ERR_STORAGE_FULL, with the limit. */
void failure_of_storage(const struct caller *caller, struct metrics *metrics, const char *what,
			const struct error *err, struct error *ret);

/* What is under way when the server ends. */
void failure_of_stop(struct error *ret);

#endif
