/* The API as OpenAPI 3.1: apiserver/http/openapi.json, put into the program when it is built. */
#ifndef SKILLBOX_APISERVER_HTTP_OPENAPI_H
#define SKILLBOX_APISERVER_HTTP_OPENAPI_H

#include "lib/base/str.h"

struct request;

/* Compact JSON text; lives as long as the program. */
struct str openapi_document(void);

void openapi_get(struct request *request);

#endif
