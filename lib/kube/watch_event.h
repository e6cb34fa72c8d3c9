/* The texts of list and watch, without the socket: one watch message, one page of a list. */
#ifndef SKILLBOX_KUBE_WATCH_EVENT_H
#define SKILLBOX_KUBE_WATCH_EVENT_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/kube/watch.h"

#include <stdbool.h>

/* A message is gathered from the pieces that the socket gives. */
struct watch_message {
	struct buffer text; /* max: of one event */
	bool complete;      /* text is a whole message; the next piece starts another */
};

/* -1: the message is longer than the maximum. */
int watch_message_add(struct watch_message *message, struct str piece, bool last, struct error *err);

enum watch_message_kind {
	WATCH_MESSAGE_OBJECT,   /* added, modified or deleted */
	WATCH_MESSAGE_BOOKMARK, /* only the resourceVersion is news */
	WATCH_MESSAGE_ERROR,    /* the server ends the watch: problem says why, ERR_GONE: list again */
};

struct watch_parsed {
	enum watch_message_kind kind;
	enum watch_event_type type;      /* of an object */
	struct str object;               /* of an object: its raw text as it stands, not checked */
	struct str raw_resource_version; /* of object and bookmark: between the quotes */
	struct error problem;            /* of an error */
};

/* -1: not a watch message. */
int watch_message_parse(struct str text, struct watch_parsed *ret, struct error *err);

struct watch_page {
	struct str raw_resource_version; /* of the list, between the quotes */
	struct str raw_continue;         /* empty: the last page */
	/* The raw text of the array, for jsontext_split_element: each object as it stands, not checked; empty
	 * if there is none. */
	struct str items;
};

int watch_page_parse(struct str text, struct watch_page *ret, struct error *err);

#endif
