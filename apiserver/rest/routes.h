/* The API's routes. */
#ifndef SKILLBOX_APISERVER_REST_ROUTES_H
#define SKILLBOX_APISERVER_REST_ROUTES_H

#include "apiserver/http/route.h"

extern const struct route route_table[];
extern const size_t route_count;

#endif
