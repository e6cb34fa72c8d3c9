/* Reading one's writes: a change of a key's Secret is told when this server's own cache has it, so that the
 * next request meets it. If the watch is late the change is made all the same, and told: a new key's text is
 * nowhere else. */
#ifndef SKILLBOX_APISERVER_KEY_CHANGE_H
#define SKILLBOX_APISERVER_KEY_CHANGE_H

#include "apiserver/operation.h"

/* The Secret will be there, or gone: call `seen` then, with a reference held until it has run; at once or
 * later. */
void key_change_await(struct operation *operation, const char *secret, bool present,
		      void (*seen)(struct operation *operation));

#endif
