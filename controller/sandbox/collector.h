/* Takes what a sandbox sends of a run's end (lib/run/arrival.h), stores what is large as blobs and leaves a
 * struct run_result. One collector a
 * run and connection. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_COLLECTOR_H
#define SKILLBOX_CONTROLLER_SANDBOX_COLLECTOR_H

#include "lib/base/error.h"
#include "lib/blob/blob.h"
#include "lib/frame/frame.h"
#include "lib/run/arrival.h"
#include "lib/run/run_result.h"

#include <stdint.h>
#include <uv.h>

struct collector;

struct collector *collector_new(uv_loop_t *loop, struct blob_store *store, const char *tenant,
				const struct arrival_limits *limits, struct error *err);
/* Safe while it stores: it goes when that work is over, and done isn't called. NULL-safe; returns NULL. */
struct collector *collector_free(struct collector *collector);

/* One frame after another: EXIT, OBJECT, DATA, END. ERR_PROTOCOL if one doesn't fit. */
int collector_frame(struct collector *collector, const struct frame *frame, struct error *err);
/* END was there and its counts are right. */
bool collector_is_complete(const struct collector *collector);

/* After END: make the result and store its blobs. done is called from the loop, or from inside for small
 * results. error: the store didn't take a blob; call collector_store again later. */
typedef void (*collector_done_cb)(void *context, const struct error *error);
void collector_store(struct collector *collector, collector_done_cb done, void *context);

/* The collector's; filled when done came without an error. */
struct run_result *collector_result(struct collector *collector);

#endif
