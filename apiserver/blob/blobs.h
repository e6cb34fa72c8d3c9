/* /blobs/…: the embedded store by signed URLs, for clients (GET) and the controller. */
#ifndef SKILLBOX_APISERVER_BLOB_BLOBS_H
#define SKILLBOX_APISERVER_BLOB_BLOBS_H

#include "apiserver/http/request.h"

bool blob_request_begin(
    struct request *request); /* checks the signature: request->state becomes its content */
void blob_request_piece(struct request *request, struct str piece);
void blob_read(struct request *request);
void blob_write(struct request *request);
void blob_remove(struct request *request);

#endif
