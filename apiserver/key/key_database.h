/* skillbox-apiserver key … with a database: one statement at a time, waited for. */
#ifndef SKILLBOX_APISERVER_KEY_KEY_DATABASE_H
#define SKILLBOX_APISERVER_KEY_KEY_DATABASE_H

#include "apiserver/object/api_key.h"

#include <uv.h>

struct db;

/* A key that is there already is fine if it says the same, so that scripts may repeat themselves. */
int key_database_store(uv_loop_t *loop, struct db *db, const struct api_key *key, struct error *err);
int key_database_list(uv_loop_t *loop, struct db *db, void (*print)(const struct api_key *key),
		      struct error *err);
/* ERR_NOT_FOUND if there is no key of that id, a UUID. */
int key_database_revoke(uv_loop_t *loop, struct db *db, const char *id, struct error *err);

#endif
