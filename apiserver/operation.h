/* One thing that somebody asked for, across all that it waits for: calls to the Kubernetes API, blobs, the
 * database, work in the thread pool. It knows nothing of how it was asked for or is answered.
 *
 * A use case has it as the first member of its own struct. Each call that is under way holds a reference
 * until its callback has run; who waits for something else takes one of their own. With the last reference
 * `free` is called, also when the server ends before a call came back: a use case that promised to tell
 * somebody does so then. */
#ifndef SKILLBOX_APISERVER_OPERATION_H
#define SKILLBOX_APISERVER_OPERATION_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"
#include "lib/blob/blob.h"
#include "lib/db/db.h"
#include "lib/kube/client.h"

#define OPERATION_PATH_MAX 1024 /* bytes of a path in the Kubernetes API */

struct operation {
	struct apiserver *server;
	struct caller *caller; /* a reference */
	void (*free)(struct operation *operation);
	unsigned references;
};

/* With one reference. `free` releases the struct around it. */
void operation_init(struct operation *operation, struct apiserver *server, struct caller *caller,
		    void (*free)(struct operation *operation));
struct operation *operation_ref(struct operation *operation);
void operation_unref(struct operation *operation);

/* call->done and call->context are set here. -1: not made, done won't be called; so below. */
typedef void (*operation_kube_cb)(struct operation *operation, const struct kube_response *response);
int operation_kube(struct operation *operation, const struct kube_call *call, operation_kube_cb done,
		   struct error *err);

/* GET of an object that may be large: a few at a time, the others in line. */
int operation_read(struct operation *operation, const char *path, operation_kube_cb done, struct error *err);

/* As blob_done_cb: fd is the callee's to close. */
typedef void (*operation_blob_cb)(struct operation *operation, const struct error *error, int fd,
				  int64_t size);
int operation_blob_get(struct operation *operation, const struct blob_key *key, int64_t max,
		       operation_blob_cb done, struct error *err);
int operation_blob_put(struct operation *operation, const struct blob_key *key, int fd, int64_t size,
		       operation_blob_cb done, struct error *err);
int operation_blob_renew(struct operation *operation, const struct blob_key *key, int64_t size,
			 operation_blob_cb done, struct error *err);
int operation_blob_delete(struct operation *operation, const struct blob_key *key, operation_blob_cb done,
			  struct error *err);

/* As db_done_cb; parameters are taken. Only with server->db. */
typedef void (*operation_db_cb)(struct operation *operation, const struct db_result *result,
				const struct error *error);
int operation_db(struct operation *operation, enum db_statement statement, struct db_parameters *parameters,
		 operation_db_cb done, struct error *err);

/* work runs in the thread pool, and may touch nothing that the loop touches meanwhile; done runs on the loop.
 * One runs at a time, and tenants take turns. ERR_NO_CAPACITY: the caller's tenant has as much waiting as it
 * may (SKILLBOX_MAX_WAITING_CALLS). */
typedef void (*operation_work_cb)(struct operation *operation);
int operation_work(struct operation *operation, operation_work_cb work, operation_work_cb done,
		   struct error *err);
/* Would it be taken now? For who would rather refuse before there is much to look at. */
int operation_work_check(struct apiserver *server, const struct caller *caller, struct error *err);
/* Such work that runs or waits. */
size_t operation_work_queue(const struct apiserver *server);

/* What would hold the loop up is done in pieces: in each turn of the loop one piece of one caller, and
 * tenants take turns. false: that was the last. */
typedef bool (*operation_piece_cb)(struct operation *operation);
int operation_pieces(struct operation *operation, operation_piece_cb piece, struct error *err);

/* What the two above wait in; NULL-safe, returns NULL; its memory goes when the loop has run. */
struct operation_lanes *operation_lanes_new(uv_loop_t *loop, struct error *err);
struct operation_lanes *operation_lanes_free(struct operation_lanes *lanes);

/* The loop has run out and what remains won't come back: its references go. */
void operation_forget_all(struct apiserver *server);

#endif
