/* GET /metrics: what is counted where things happen, and what is only looked at when somebody asks. */
#ifndef SKILLBOX_APISERVER_REST_METRICS_PAGE_H
#define SKILLBOX_APISERVER_REST_METRICS_PAGE_H

struct request;

void metrics_page_get(struct request *request);

#endif
