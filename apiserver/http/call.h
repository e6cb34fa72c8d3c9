/* What a request waits for: calls to the Kubernetes API, blobs, the database, work in the thread pool. Each
 * holds a reference of the request until its callback has run. */
#ifndef SKILLBOX_APISERVER_HTTP_CALL_H
#define SKILLBOX_APISERVER_HTTP_CALL_H

#include "apiserver/http/request.h"
#include "lib/db/db.h"

/* call->done and call->context are set here. -1: not made, done won't be called. */
typedef void (*call_kube_cb)(struct request *request, const struct kube_response *response);
int call_kube(struct request *request, const struct kube_call *call, call_kube_cb done, struct error *err);

/* As blob_done_cb: fd is the callee's to close. */
typedef void (*call_blob_cb)(struct request *request, const struct error *error, int fd, int64_t size);
int call_blob_get(struct request *request, const struct blob_key *key, int64_t max, call_blob_cb done,
		  struct error *err);
int call_blob_put(struct request *request, const struct blob_key *key, int fd, int64_t size,
		  call_blob_cb done, struct error *err);
int call_blob_delete(struct request *request, const struct blob_key *key, call_blob_cb done,
		     struct error *err);

/* As db_done_cb; parameters are taken. Only with server->db. */
typedef void (*call_db_cb)(struct request *request, const struct db_result *result,
			   const struct error *error);
int call_db(struct request *request, enum db_statement statement, struct db_parameters *parameters,
	    call_db_cb done, struct error *err);

/* work runs in the thread pool and may touch nothing but request->state; done runs on the loop. */
int call_work(struct request *request, void (*work)(void *state), void (*done)(struct request *request),
	      struct error *err);

size_t call_work_queue(const struct apiserver *server); /* such jobs that run or wait */

/* At the end, when the Kubernetes client is gone and the loop has run: forget the calls that never came back.
 */
void call_forget_all(struct apiserver *server);

#endif
