/* Who did what: a row in PostgreSQL for each change that was made through REST. Without a database there is
 * none. */
#ifndef SKILLBOX_APISERVER_AUDIT_H
#define SKILLBOX_APISERVER_AUDIT_H

#include "apiserver/caller.h"
#include "lib/base/clock.h"
#include "lib/db/db.h"

#include <uv.h>

struct audit;

struct audit *audit_new(uv_loop_t *loop, const struct clock *clock, struct db *db, struct error *err);
/* What is not stored yet goes to the log. Before db_free. NULL-safe; returns NULL. */
struct audit *audit_free(struct audit *audit);

/* Is nothing on its way? */
bool audit_is_idle(const struct audit *audit);
size_t audit_backlog(const struct audit *audit); /* rows that are kept */

/* The caller's key has done `action` (a literal: "execution.create") to `object`. Nobody waits for it; while
 * the database is away it is kept in memory. audit NULL: there is no database. */
void audit_note(struct audit *audit, const struct caller *caller, const char *action, const char *object);

#endif
