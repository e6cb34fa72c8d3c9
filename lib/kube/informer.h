/* A cache of one resource's objects, kept by a watch, with indexes. Objects are parsed once by the owner's
 * `parse`. */
#ifndef SKILLBOX_KUBE_INFORMER_H
#define SKILLBOX_KUBE_INFORMER_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/kube/watch.h"

#include <stdbool.h>

struct informer;

#define INFORMER_MAX_INDEXES 8
#define INFORMER_MAX_UNREADABLE 10000 /* objects left out that are told apart */

/* Who an object is whose text its owner can't use: what could be read of its metadata, else "". */
struct informer_name {
	const char *namespace, *name, *uid, *version;
};

struct informer_options {
	/* Path, selectors, sizes; event and context are the informer's own; problem is called with `context`
	 * below. */
	struct watch_options watch;
	/* Make the owner's object from JSON text, which nobody has checked. NULL with err if it can't be
	 * read: the object is left out, and the others go on. */
	void *(*parse)(struct str json, struct error *err);
	/* An object was left out. Told once for each of its versions, however often they are listed; not at
	 * all when there are more than INFORMER_MAX_UNREADABLE. May be NULL. */
	void (*unreadable)(void *context, const struct informer_name *object, const struct error *why);
	void (*free_object)(void *object);
	/* "namespace/name" of an object (name alone if not namespaced) appended to out. */
	void (*key)(const void *object, struct buffer *out);
	/* Secondary keys: append to out; appending nothing leaves the object out of that index. */
	void (*indexes[INFORMER_MAX_INDEXES])(const void *object, struct buffer *out);
	/* old NULL: new; fresh NULL: deleted. Old is freed after the call. May be NULL. */
	void (*changed)(void *context, const void *old, const void *fresh);
	void (*synced)(void *context); /* the first list is complete; may be NULL */
	void *context;
};

struct informer *informer_start(struct kube_ws *ws, const struct informer_options *options,
				struct error *err);
struct informer *informer_stop(struct informer *informer); /* NULL-safe; returns NULL */
bool informer_has_synced(const struct informer *informer); /* the first list was complete once */
bool informer_is_live(const struct informer *informer);    /* watch_is_synced */
/* watch_age_ms; 0 without a watch. */
uint64_t informer_age_ms(const struct informer *informer);
size_t informer_count(const struct informer *informer);
size_t informer_unreadable_count(const struct informer *informer); /* objects that are there and left out */

/* Valid until the loop turns (the next event may replace it). NULL if absent. */
const void *informer_get(const struct informer *informer, struct str key);
/* All objects whose secondary key equals `key`: visit returns false to stop. */
void informer_index_each(const struct informer *informer, unsigned index, struct str key,
			 bool (*visit)(void *context, const void *object), void *context);
void informer_each(const struct informer *informer, bool (*visit)(void *context, const void *object),
		   void *context);

/* The pieces that a test drives without a server. */
struct informer *informer_new(const struct informer_options *options, struct error *err); /* no watch */
void informer_handle(struct informer *informer, enum watch_event_type type, struct str object);

#endif
