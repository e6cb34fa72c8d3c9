/* A log that is followed: server-sent events, each line once, also over several connections. */
#ifndef SKILLBOX_CLI_REMOTE_EVENTS_H
#define SKILLBOX_CLI_REMOTE_EVENTS_H

#include "cli/remote/http.h"

/* Takes a stream of server-sent events apart (HTML standard, 9.2.6): LF, CR LF or CR; `found` gets each event
 * with its name ("message" by default) and its data. */
struct events {
	struct buffer line, data, name; /* what is not whole yet */
	bool has_data, after_cr;
	int (*found)(void *context, struct str name, struct str data, struct error *err);
	void *context;
};
void events_init(struct events *events,
		 int (*found)(void *context, struct str name, struct str data, struct error *err),
		 void *context);
/* Forget what is not whole: another stream begins. */
void events_reset(struct events *events);
int events_feed(struct events *events, struct str bytes, struct error *err);
void events_free(struct events *events);

/* The log of an execution as it comes, one call a line, to its end. */
int events_follow(struct http *http, const char *execution_id,
		  int (*line)(void *context, struct str text, struct error *err), void *context,
		  struct error *err);

#endif
