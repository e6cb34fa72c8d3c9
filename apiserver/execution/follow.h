/* An execution's log while it is written, as server-sent events: one a line, and one at the end, with the
 * execution's summary. */
#ifndef SKILLBOX_APISERVER_EXECUTION_FOLLOW_H
#define SKILLBOX_APISERVER_EXECUTION_FOLLOW_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"

#include <stdint.h>

struct follow;

/* Who listens. Any of these may be called from inside execution_follow, too. */
struct follow_listener {
	/* The execution was found: events come from here on. */
	void (*start)(void *context);
	/* Instead: the failure, as clients may see it. */
	void (*fail)(void *context, const struct error *failure);
	/* One event. False: it can't be taken now; follow_go_on tries again. */
	bool (*event)(void *context, struct str event);
	/* That was the last one. */
	void (*finish)(void *context);
	void *context;
	/* After so long without an event a comment is sent, which clients skip: whoever stands between takes
	 * the connection for idle otherwise, and a client that is gone is noticed. 0: never. */
	int64_t beat_ms;
};

/* Of an execution of the caller's tenant. NULL: there is no memory, the listener was told. */
struct follow *execution_follow(struct apiserver *server, struct caller *caller, struct str id,
				const struct follow_listener *listener);
/* The listener takes events again. */
void follow_go_on(struct follow *follow);
/* It doesn't listen any more, and isn't called. NULL-safe; returns NULL. */
struct follow *follow_free(struct follow *follow);

#endif
