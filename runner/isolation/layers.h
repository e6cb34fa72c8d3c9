/* The layers of isolation that hold in this sandbox, for HELLO: looked at from PID 1, and tried by a child
 * that is locked down as the script will be. What is not seen to hold is reported as absent. */
#ifndef SKILLBOX_RUNNER_ISOLATION_LAYERS_H
#define SKILLBOX_RUNNER_ISOLATION_LAYERS_H

#include "lib/frame/layer.h"
#include "runner/isolation/lockdown.h"

#define LAYER_MAX_DETAIL 160

struct layer {
	bool active;
	char detail[LAYER_MAX_DETAIL]; /* active: e.g. "ABI 7"; else why it is not there */
};

struct layers {
	struct layer of[FRAME_LAYER_COUNT];
};

/* All of them. Takes a fork. Finds out, for `lockdown`, whether namespaces are let. */
void layers_find(struct layers *ret, struct lockdown *lockdown);

void layers_set(struct layers *layers, enum frame_layer_kind kind, bool active, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* From the texts of /proc/self/status, /proc/self/net/dev and /proc/self/uid_map. */
void layers_read_status(struct layers *layers, const char *status);
/* A script's: takes the layer back if it has capabilities. */
void layers_read_script_status(struct layers *layers, const char *status);
void layers_read_interfaces(struct layers *layers, const char *text);
void layers_read_uid_map(struct layers *layers, const char *text);

#endif
