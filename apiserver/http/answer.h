/* Answers to a request: JSON, text, files, streams, and errors in one shape. The first one counts; later ones
 * are ignored, and those to a client that hung up go nowhere. */
#ifndef SKILLBOX_APISERVER_HTTP_ANSWER_H
#define SKILLBOX_APISERVER_HTTP_ANSWER_H

#include "apiserver/spill.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stdint.h>

struct http_exchange;
struct request;

#define ANSWER_MAX ((size_t)64 << 20) /* bytes of a JSON answer */
#define ANSWER_JSON_TYPE "application/json; charset=utf-8"

/* An answer that may be large: appended to ret's text, then given. What went wrong with it becomes a 503. */
void answer_begin(const struct request *request, struct spill *ret);
void answer_spill(struct request *request, int status, const char *content_type, struct spill *spill);
/* A body that failed (too large, no memory) becomes a 503. */
void answer_json(struct request *request, int status, const struct buffer *body);
void answer_text(struct request *request, int status, const char *content_type, struct str text);
/* Takes fd. */
void answer_file(struct request *request, int status, const char *content_type, int fd, int64_t size);
/* 200 with a body that comes in pieces: then http_exchange_stream_write and …_finish. -1: it can't be. */
int answer_stream_start(struct request *request, const char *content_type,
			void (*drained)(void *context, struct http_exchange *exchange), void *context);

/* What a use case says, as it is. */
void answer_failure(struct request *request, const struct error *failure);
/* The end of a use case that gives nothing: 204, or its failure. context: the request, whose reference goes.
 */
void answer_done(void *context, const struct error *failure);
/* An error of ours, as failure_of_error and failure_of_fault tell of it. */
void answer_error(struct request *request, const struct error *err);
void answer_fault(struct request *request, const char *what, const struct error *err);
/* error_set and answer_error in one. */
void answer_refuse(struct request *request, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* With a code that is not in the table of errors. */
void answer_error_as(struct request *request, int status, const char *code, const char *message);

/* Header of the answer, before it; failure is logged. */
void answer_header(struct request *request, const char *name, const char *value);
bool answer_is_given(const struct request *request);

#endif
