/* The libwebsockets context of a process on its libuv loop (foreign loop, libwebsockets-evlib-uv). Watches
 * and exec streams connect through it. One a process. */
#ifndef SKILLBOX_KUBE_WS_H
#define SKILLBOX_KUBE_WS_H

#include "lib/base/error.h"
#include "lib/kube/client.h"

struct kube_ws;

/* The client gives server, certificates, token; it must outlive the context.
 *
 * Sets the process's soft limit of open files to 65,536, or the hard limit if that is lower: every stream is
 * a descriptor, and libwebsockets sizes its tables by the limit at this moment, so don't raise it afterwards.
 * SIGPIPE is ignored from here on (libwebsockets does that). */
struct kube_ws *kube_ws_new(struct kube_client *client, struct error *err);
/* Stop every watch and close every stream first. Run the loop afterwards until its handles are closed.
 * NULL-safe; returns NULL. */
struct kube_ws *kube_ws_free(struct kube_ws *ws);
struct kube_client *kube_ws_client(const struct kube_ws *ws);

#endif
