/* The routes of the API, and of probes. */
#ifndef SKILLBOX_APISERVER_REST_ROUTES_H
#define SKILLBOX_APISERVER_REST_ROUTES_H

#include "apiserver/http/route.h"

extern const struct route route_table[];
extern const size_t route_count;
extern const struct route probe_route_table[];
extern const size_t probe_route_count;

#endif
