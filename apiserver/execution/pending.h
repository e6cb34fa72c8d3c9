/* Executions that wait because nobody works on them: that no controller runs can't be told by one. */
#ifndef SKILLBOX_APISERVER_EXECUTION_PENDING_H
#define SKILLBOX_APISERVER_EXECUTION_PENDING_H

#include "apiserver/apiserver.h"
#include "apiserver/object/shared_execution.h"

#define PENDING_MESSAGE_SIZE 512
/* The reason that goes with the message. */
#define PENDING_NO_CONTROLLER "NoController"
/* Younger ones are taken up soon. */
#define PENDING_PATIENCE_MS 2000

/* Why nobody works on it, in words for people, written to ret; NULL: it does not wait, or is young, or a
 * controller runs as far as this server knows. */
const char *pending_stalled(const struct apiserver *server, const struct shared_execution *shared,
			    char ret[PENDING_MESSAGE_SIZE]);
/* What it waits for, by whoever knows: the controller's own words, or that there is none; NULL: not known. */
const char *pending_message(const struct apiserver *server, const struct shared_execution *shared,
			    char ret[PENDING_MESSAGE_SIZE]);

#endif
