/* The controller as a whole: its parts are put together here, and nowhere else. */
#ifndef SKILLBOX_CONTROLLER_COMPOSE_H
#define SKILLBOX_CONTROLLER_COMPOSE_H

#include "controller/config.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <uv.h>

struct controller;

/* Connect and watch, and work as soon as a generation is taken (heartbeat.h). config is taken over (moved) on
 * success. */
struct controller *controller_new(uv_loop_t *loop, struct controller_config *config, struct error *err);
/* Run the loop afterwards until its handles are closed. NULL-safe; returns NULL. */
struct controller *controller_free(struct controller *controller);

/* It ended the loop since it can't work; the reason is in the log. */
bool controller_has_failed(const struct controller *controller);
uint16_t controller_health_port(const struct controller *controller);
/* For health.h; context is the controller. */
bool controller_is_ready(void *context, const char **ret_problem);
void controller_append_metrics(void *context, struct buffer *out);

#endif
