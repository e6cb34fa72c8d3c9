/* Executions as REST clients see them. */
#ifndef SKILLBOX_APISERVER_EXECUTION_RENDER_H
#define SKILLBOX_APISERVER_EXECUTION_RENDER_H

#include "apiserver/object/shared_execution.h"

enum render_form {
	RENDER_RESULT,  /* the answer to POST */
	RENDER_RECORD,  /* GET by id: everything */
	RENDER_SUMMARY, /* in lists and on cancel: without input, output, logs and files */
};

/* What may be in the blob store; p NULL: none. */
struct render_texts {
	struct str input, output; /* JSON */
	struct str logs;
	const char *files_url; /* NULL: none */
};

/* Append the JSON object; look at out->failed. stalled: why nobody works on it (pending.h), NULL: somebody
 * does.
 */
void render_execution(const struct shared_execution *shared, enum render_form form, const char *tenant,
		      const char *stalled, const struct render_texts *texts, struct buffer *out);

#endif
