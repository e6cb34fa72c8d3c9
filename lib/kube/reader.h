/* Reading objects that may be large, a few at a time: what is under way is in memory, whole and as text, and
 * there may be hundreds who want one. Who comes later waits in line. */
#ifndef SKILLBOX_KUBE_READER_H
#define SKILLBOX_KUBE_READER_H

#include "lib/kube/client.h"

struct reader;
struct reading;

/* client: it outlives the reader. */
struct reader *reader_new(struct kube_client *client, unsigned at_once, struct error *err);
/* What is under way is forgotten: its callbacks won't be called. NULL-safe; returns NULL. */
struct reader *reader_free(struct reader *reader);

/* GET path (copied). done is called once, from the loop, never from inside. NULL with err. */
struct reading *reader_get(struct reader *reader, const char *path, kube_done_cb done, void *context,
			   struct error *err);
/* done won't be called. NULL-safe; not from inside done for the same one. */
void reading_cancel(struct reading *reading);

/* Those that wait in line. */
size_t reader_waiting(const struct reader *reader);

#endif
