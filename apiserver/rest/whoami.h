/* The handler of /v1/whoami. */
#ifndef SKILLBOX_APISERVER_REST_WHOAMI_H
#define SKILLBOX_APISERVER_REST_WHOAMI_H

struct request;

void rest_whoami(struct request *request);

#endif
