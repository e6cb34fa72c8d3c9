/* /health and /ready of the controller, for the kubelet, and /metrics. */
#ifndef SKILLBOX_CONTROLLER_HEALTH_H
#define SKILLBOX_CONTROLLER_HEALTH_H

#include "controller/controller.h"
#include "lib/http/server/server.h"

struct http_server *health_start(struct controller *controller, struct error *err);

#endif
