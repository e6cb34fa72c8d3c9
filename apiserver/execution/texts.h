/* What is in the blob store of an execution: its large texts, fetched, and a link to its files. */
#ifndef SKILLBOX_APISERVER_EXECUTION_TEXTS_H
#define SKILLBOX_APISERVER_EXECUTION_TEXTS_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"
#include "apiserver/execution/render.h"

#define TEXTS_FILES_NAME "files.tar.gz"
#define TEXTS_FILES_SECONDS 3600
/* Bytes of an input, output or log in the blob store: the largest that is ever put there. */
#define TEXTS_MAX ((size_t)80 << 20)

/* What is wanted, together. */
enum { TEXTS_INPUT = 1, TEXTS_OUTPUT = 2, TEXTS_LOGS = 4, TEXTS_FILES_URL = 8 };
/* What that form of an answer needs. */
unsigned texts_of_form(enum render_form form);

/* The execution and its texts, also those that were small enough to be in it (valid during the call); or the
 * failure, as clients may see it. */
typedef void (*texts_cb)(void *context, const struct shared_execution *execution,
			 const struct render_texts *texts, const struct error *failure);

/* The execution is one of the caller's tenant. done is called once, at once or later. */
void texts_fetch(struct apiserver *server, struct caller *caller, const struct shared_execution *execution,
		 unsigned wanted, texts_cb done, void *context);

#endif
