/* Where the relay meets PID 1: a unix socket in the abstract namespace, which needs no place in any file
 * system. */
#ifndef SKILLBOX_RUNNER_CHANNEL_RENDEZVOUS_H
#define SKILLBOX_RUNNER_CHANNEL_RENDEZVOUS_H

#include "lib/base/error.h"

#include <stdbool.h>

/* A non-blocking listener, or -1. */
int rendezvous_listen(struct error *err);
/* Waits some seconds for PID 1 to listen. A blocking socket, or -1. */
int rendezvous_connect(struct error *err);

/* Take one connection: a descriptor (non-blocking), -1 with errno EAGAIN if none waits, or -1 with EACCES if
 * the peer was sent away: it must have our uid and a parent outside of this pid namespace (0), which nothing
 * that the script starts can have. */
int rendezvous_accept(int listener);

#endif
