/* API keys in PostgreSQL: looked up by hash, and remembered for a few seconds, so that a revoked key stops
 * working within five, on every replica. */
#ifndef SKILLBOX_APISERVER_KEY_DB_KEYS_H
#define SKILLBOX_APISERVER_KEY_DB_KEYS_H

#include "apiserver/object/api_key.h"
#include "lib/base/clock.h"
#include "lib/db/db.h"

/* A key is believed for so long since it was asked for, */
#define DB_KEYS_KNOWN_MS 3000
/* and that there is none. */
#define DB_KEYS_UNKNOWN_MS 1000
#define DB_KEYS_ID_SIZE 64

struct db_keys;

struct db_keys *db_keys_new(struct db *db, const struct clock *clock, struct error *err);
/* Who waits is told that the server ends. NULL-safe; returns NULL. */
struct db_keys *db_keys_free(struct db_keys *keys);

enum db_keys_answer { DB_KEYS_KNOWN, DB_KEYS_UNKNOWN, DB_KEYS_ASK };
/* What is remembered of a hash; keys NULL: nothing is known. *ret is valid until the loop turns. */
enum db_keys_answer db_keys_find(struct db_keys *keys, struct str hash, const struct api_key **ret);

/* key NULL and error NULL: there is no such key. Called once, from the loop, never from inside. */
typedef void (*db_keys_cb)(void *context, const struct api_key *key, const struct error *error);
int db_keys_ask(struct db_keys *keys, struct str hash, db_keys_cb done, void *context, struct error *err);

/* The key was used: noted in the database at most once a minute, without anybody waiting for it. */
void db_keys_touch(struct db_keys *keys, const struct api_key *key);
/* It was revoked or made here: what is remembered of it no longer counts. */
void db_keys_forget(struct db_keys *keys, struct str hash);

size_t db_keys_count(const struct db_keys *keys); /* hashes that are remembered */

/* A row of DB_KEY_FIND, DB_KEY_LIST or DB_KEY_PUT. */
struct api_key *db_keys_row(const struct db_result *result, size_t row, struct error *err);
/* Parameters of DB_KEY_PUT; the id is a new one. NULL without memory. */
struct db_parameters *db_keys_put(const struct api_key *key);
/* What DB_KEY_PUT answered: 0 if the key in the database says what `key` says; *ret_id: its id. */
int db_keys_check_put(const struct db_result *result, const struct api_key *key, char ret_id[DB_KEYS_ID_SIZE],
		      struct error *err);

#endif
