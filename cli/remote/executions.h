/* Executions on the server. Functions return 0, -1 with err set, or HTTP_INTERRUPTED. */
#ifndef SKILLBOX_CLI_REMOTE_EXECUTIONS_H
#define SKILLBOX_CLI_REMOTE_EXECUTIONS_H

#include "cli/remote/http.h"
#include "cli/variable.h"
#include "lib/base/id.h"

/* What is to be run. */
struct run_request {
	const char *skill, *version; /* version NULL or "": the latest */
	struct str input;            /* JSON text; n 0: none */
	const struct call *call;     /* whose --env are sent; NULL: these */
	const struct variable *env;
	size_t env_count;
	const char *timeout; /* NULL: the skill's */
	const char *key;     /* Idempotency-Key; NULL: one is made */
};

/* A request as it was sent: with it and its key the same execution is asked about again. */
struct submission {
	struct buffer body;
	char key[160];
};
#define SUBMISSION ((struct submission){.body = BUFFER((size_t)64 << 20)})
void submission_free(struct submission *submission);
#define cleanup_submission __attribute__((cleanup(submission_free)))

/* is_async: in the body, as one who doesn't wait asks. */
int submission_make(const struct run_request *run, bool is_async, struct submission *ret, struct error *err);
/* Send it; ret->body is a result. */
int submission_send(struct http *http, const struct submission *submission, const char *progress,
		    struct http_answer *ret, struct error *err);
/* The id of the execution that it made, or makes now: for one whose answer didn't come. */
int submission_find(struct http *http, const struct submission *submission, char ret_id[ID_UUID_SIZE],
		    struct error *err);

/* GET /v1/executions/ID, with what follows ("/logs"); ret->body is the answer. */
int execution_read(struct http *http, const char *id, const char *rest, struct http_answer *ret,
		   struct error *err);
/* Until it has ended; ret->body is its record. */
int execution_wait(struct http *http, const char *id, const char *progress, struct http_answer *ret,
		   struct error *err);
int execution_cancel(struct http *http, const char *id, struct http_answer *ret, struct error *err);

/* What an answer's body says: it must be an object with an execution_id and a status. */
struct execution_facts {
	char id[128], status[32];
	bool has_ended, has_succeeded;
};
int execution_facts(const struct http_answer *answer, struct execution_facts *ret, struct error *err);

/* A member of the body as text, at most out->max bytes; nothing if it isn't there. */
void execution_text(const struct http_answer *answer, const char *key, struct buffer *out);

/* Fetch its files into a folder, made if it isn't there; all or none. The record is read again if the body
 * has no link, or an old one. *ret_count: 0, and nothing is made, if there are none. */
int execution_download(struct http *http, const struct http_answer *record, const char *folder,
		       size_t *ret_count, struct error *err);

#endif
