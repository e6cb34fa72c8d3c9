/* List and watch of one resource: list in pages of some MiB, whatever the size of the objects, then a watch
 * over WebSocket from its resourceVersion with bookmarks; relist on 410 or a gap; jittered backoff (100 ms …
 * 30 s) on loss. Each watch has a connection of its own. */
#ifndef SKILLBOX_KUBE_WATCH_H
#define SKILLBOX_KUBE_WATCH_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/kube/ws.h"

#include <stdbool.h>
#include <stdint.h>

struct watch;

enum watch_event_type {
	WATCH_ADDED,
	WATCH_MODIFIED,
	WATCH_DELETED,
	WATCH_LIST_BEGIN, /* a (re)list starts; object is empty */
	WATCH_LISTED,     /* one object of a list */
	/* The list is complete: what was known and not LISTED since LIST_BEGIN is gone; then events follow.
	 */
	WATCH_LIST_END,
};

/* object: the raw JSON text of the object, valid during the call. */
typedef void (*watch_event_cb)(void *context, enum watch_event_type type, struct str object);
/* The connection was lost or refused; it comes back by itself. For a log line and /ready. */
typedef void (*watch_problem_cb)(void *context, const struct error *problem);

struct watch_options {
	const char *path;           /* "/api/v1/pods", "/apis/skillbox.dev/v1alpha1/executions"; copied */
	const char *label_selector; /* NULL: all; copied */
	const char *field_selector; /* NULL: all; copied */
	unsigned page_size;         /* objects a page of the list, at most; 0 means 500 */
	/* Bytes of one event; 0 means 8 MiB. More ends our trust in the stream: relist, problem reported. */
	size_t max_object;
	/* Neither event nor bookmark nor pong for so long: connect anew; 0 means 90,000. */
	unsigned max_silence_ms;
	watch_event_cb event;
	watch_problem_cb problem; /* may be NULL */
	void *context;
};

struct watch *watch_start(struct kube_ws *ws, const struct watch_options *options, struct error *err);
/* No callback afterwards; safe from inside a callback; NULL-safe; returns NULL. */
struct watch *watch_stop(struct watch *watch);
/* A list is complete and the stream is (or was within the last minute) up. */
bool watch_is_synced(const struct watch *watch);
/* How long ago what was told was all there is; 0: it is, as far as a stream can say. UINT64_MAX: there never
 * was a list. */
uint64_t watch_age_ms(const struct watch *watch);

#endif
