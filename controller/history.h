/* Executions that ended, on their way into PostgreSQL. Nothing is deleted before it is archived. What is
 * archived is remembered in memory only: after a restart everything finished is archived again, which changes
 * nothing. */
#ifndef SKILLBOX_CONTROLLER_HISTORY_H
#define SKILLBOX_CONTROLLER_HISTORY_H

#include "lib/api/execution.h"
#include "lib/base/clock.h"
#include "lib/db/db.h"

struct archive;

enum archiver_state {
	ARCHIVE_MISSING, /* archiver_put is due */
	ARCHIVE_PENDING, /* on its way, or waiting for another try: `look` will be called */
	ARCHIVE_DONE,
};

struct archive_options {
	struct db *db;
	const struct clock *clock;
	/* Look at the Execution again, that long from now: its state has changed or will have. */
	void (*look)(void *context, struct str key, int64_t delay_ms);
	void *context;
};

struct archive *archiver_new(const struct archive_options *options, struct error *err);
/* Before db_free. NULL-safe; returns NULL. */
struct archive *archiver_free(struct archive *archive);

/* key: "namespace/name". archive NULL: no database is configured, and everything counts as archived. */
enum archiver_state archiver_state(struct archive *archive, struct str key, const char *uid);
/* Start to archive it; the bytes are copied. tenant: NULL if its namespace has none. */
void archiver_put(struct archive *archive, struct str key, const struct execution *execution,
		  const char *tenant);
/* Executions that ended and are not archived yet. archive NULL: 0. */
size_t archiver_backlog(const struct archive *archive);
/* The Execution is gone. */
void archiver_forget(struct archive *archive, struct str key);

#endif
