/* The schema, as steps that are applied once each, in order. Steps only ever add, so that a program one
 * version older still runs on the newer schema while an upgrade is under way. */
#ifndef SKILLBOX_DB_MIGRATIONS_H
#define SKILLBOX_DB_MIGRATIONS_H

#include <stddef.h>

struct db_migration {
	int version; /* 1, 2, … without gaps */
	const char *sql;
};
extern const struct db_migration db_migration_table[];
extern const size_t db_migration_count;

#endif
