/* A tenant's Executions in the order of lists, and how many there are: kept up to date by the watch, so that
 * nobody counts or sorts them for an answer. */
#ifndef SKILLBOX_APISERVER_OBJECT_EXECUTION_INDEX_H
#define SKILLBOX_APISERVER_OBJECT_EXECUTION_INDEX_H

#include "apiserver/object/shared_execution.h"

struct execution_index;

struct execution_index *execution_index_new(struct error *err);
struct execution_index *execution_index_free(struct execution_index *index); /* NULL-safe; returns NULL */

/* Old is no longer there, fresh is; either may be NULL. Fresh must stay until it is old. -1: without memory
 * fresh is left out, and is not missed when it goes. */
int execution_index_change(struct execution_index *index, const struct shared_execution *old,
			   const struct shared_execution *fresh, struct error *err);

struct execution_counts {
	size_t stored, unfinished;
	int64_t size; /* bytes of their JSON, which is about what they take in etcd */
};
struct execution_counts execution_index_counts(const struct execution_index *index, const char *namespace);
/* The most of each that any namespace has. */
struct execution_counts execution_index_highest(const struct execution_index *index);

/* A place in the list: newer ones come before, and of the same time those with the higher id. */
struct execution_position {
	int64_t requested_ms;
	const char *id;
};

/* Of a namespace, newest first, those behind `after` (NULL: all): visit returns false to stop. */
void execution_index_each(const struct execution_index *index, const char *namespace,
			  const struct execution_position *after,
			  bool (*visit)(void *context, const struct shared_execution *shared), void *context);

#endif
