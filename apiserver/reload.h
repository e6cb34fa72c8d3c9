/* Files that the server was started with and that others change while it runs. */
#ifndef SKILLBOX_APISERVER_RELOAD_H
#define SKILLBOX_APISERVER_RELOAD_H

#include "apiserver/apiserver.h"

#define RELOAD_PEM_MAX ((size_t)1 << 20)

struct reload;

/* Watch them, from before they are read; the signing key from now on. */
struct reload *reload_new(struct apiserver *server, struct error *err);
struct reload *reload_free(struct reload *reload); /* NULL-safe; returns NULL */

/* A new certificate is served from the next connection on. A new signing key, which much is made of, ends the
 * process by `stop`, for it to be started again. What can't be used changes nothing, and is told in the log.
 */
void reload_start(struct reload *reload, void (*stop)(void *context, const char *why), void *context);

#endif
