/* Removes blobs from the embedded store that nothing refers to any more: a Skill was deleted or overwritten,
 * an Execution's time to live is over, a request ended between the blob and the record.
 *
 * Each sweep looks at everything anew: what is older than the grace time, page by page; of that, what no
 * Skill, no Execution (the caches) and, with a database, no row of the history refers to. It does so only
 * while the caches are complete and live and the database answers; else it comes back later, with nothing
 * removed.
 *
 * No race with new records: who makes a record that refers to a blob has put the blob before, and a put, also
 * one of what is there already, makes the blob young. */
#ifndef SKILLBOX_APISERVER_BLOB_SWEEP_H
#define SKILLBOX_APISERVER_BLOB_SWEEP_H

#include "apiserver/apiserver.h"

struct blob_sweep;

/* The server's blobs are in a directory. The first sweep begins as soon as the loop runs. */
struct blob_sweep *blob_sweep_new(struct apiserver *server, struct error *err);
/* When blob store and database are gone. NULL-safe; returns NULL. */
struct blob_sweep *blob_sweep_free(struct blob_sweep *sweep);

#endif
