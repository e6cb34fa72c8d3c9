/* /blobs/…: the embedded store by signed URLs, for clients (GET) and the controller. */
#ifndef SKILLBOX_APISERVER_REST_BLOBS_H
#define SKILLBOX_APISERVER_REST_BLOBS_H

#include "lib/base/str.h"

#include <stdbool.h>

struct request;

/* Checks the signature: request->state becomes what it is for. */
bool blob_request_begin(struct request *request);
void blob_request_piece(struct request *request, struct str piece);
void blob_read(struct request *request);
void blob_write(struct request *request);
void blob_remove(struct request *request);

#endif
