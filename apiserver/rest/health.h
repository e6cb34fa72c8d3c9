/* GET /health, GET /ready, and what isn't built yet. */
#ifndef SKILLBOX_APISERVER_REST_HEALTH_H
#define SKILLBOX_APISERVER_REST_HEALTH_H

struct request;

void health_get(struct request *request);
void ready_get(struct request *request);
void not_implemented(struct request *request); /* 501 */

#endif
