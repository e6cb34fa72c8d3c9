/* When a key was used last. */
#ifndef SKILLBOX_APISERVER_KEY_TOUCH_H
#define SKILLBOX_APISERVER_KEY_TOUCH_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"

/* The caller's key was used: its last_used_at is brought up to date now and then, without anybody waiting for
 * it. */
void key_touch(struct apiserver *server, struct caller *caller, const struct api_key *key);

#endif
