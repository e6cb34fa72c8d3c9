/* Executions that ended, on their way into PostgreSQL. Nothing is deleted before it is archived. What is
 * archived is remembered in memory only: after a restart everything finished is archived again, which changes
 * nothing. */
#ifndef SKILLBOX_CONTROLLER_HISTORY_H
#define SKILLBOX_CONTROLLER_HISTORY_H

#include "lib/api/execution.h"
#include "lib/base/clock.h"
#include "lib/db/db.h"
#include "lib/kube/reader.h"

struct history;

enum history_state {
	HISTORY_MISSING, /* history_put is due */
	HISTORY_PENDING, /* on its way, or waiting for another try: `look` will be called */
	HISTORY_DONE,
};

struct history_options {
	struct db *db;
	const struct clock *clock;
	/* Look at the Execution again, that long from now: its state has changed or will have. */
	void (*look)(void *context, struct str key, int64_t delay_ms);
	void *context;
	/* It is in the database: its data is needed no more. May be NULL. */
	void (*archived)(void *context, struct str key);
	/* Of what comes as an outline, the object is read first. */
	struct reader *reader;
};

struct history *history_new(const struct history_options *options, struct error *err);
/* Before db_free. NULL-safe; returns NULL. */
struct history *history_free(struct history *history);

/* key: "namespace/name". history NULL: no database is configured, and everything counts as archived.
 * *ret_retry_ms: while it waits for another try, in how many ms that is due; otherwise 0. Whoever looks
 * earlier has to look again by then: `look` is called once for each try. */
enum history_state history_state(const struct history *history, struct str key, const char *uid,
				 int64_t *ret_retry_ms);
/* Start to archive it; the bytes are copied, and read first if it is an outline. tenant: NULL if its
 * namespace has none. */
void history_put(struct history *history, struct str key, const struct execution *execution,
		 const char *tenant);
/* Executions that ended and are not archived yet. history NULL: 0. */
size_t history_backlog(const struct history *history);
/* The Execution is gone. */
void history_forget(struct history *history, struct str key);

#endif
