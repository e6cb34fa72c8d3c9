/* Answer a request with an execution: fetch what stands in the blob store, then render. */
#ifndef SKILLBOX_APISERVER_EXECUTION_RESULT_H
#define SKILLBOX_APISERVER_EXECUTION_RESULT_H

#include "apiserver/execution/render.h"
#include "apiserver/http/request.h"

#define RESULT_FILES_NAME "files.tar.gz"
#define RESULT_FILES_SECONDS 3600

/* Answers with `status` and the execution in that form. Replaces request->state. */
void result_send(struct request *request, const struct record *record, enum render_form form, int status);

/* Answers with the execution's log as text. Replaces request->state. */
void result_send_logs(struct request *request, const struct record *record);

/* Append a whole file (a blob that was fetched); closes fd. */
int result_read_fd(int fd, int64_t size, struct buffer *out, struct error *err);

#endif
