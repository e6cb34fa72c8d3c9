#include "apiserver/key/db_keys.h"

#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/map.h"

#include <stdlib.h>

#define MAX_ENTRIES 8192
#define TOUCH_INTERVAL_MS 60000

struct waiting {
	struct waiting *next;
	db_keys_cb done;
	void *context;
};

struct entry {
	struct map_node node; /* key: the hash */
	struct api_key *key;  /* NULL: there is none */
	bool has_answer;
	int64_t asked_us; /* when what we know was asked for: it was true then or later */
	bool asking;      /* a statement is under way, sent at: */
	int64_t sent_us;
	struct waiting *waiting; /* for it */
};

struct db_keys {
	struct db *db;
	const struct clock *clock;
	struct map entries;
};

/* What a statement knows: the entry is found again by its hash. */
struct lookup {
	struct db_keys *keys;
	char hash[DIGEST_HEX_SIZE];
};

static struct entry *entry_find(const struct db_keys *keys, struct str hash)
{
	struct map_node *node = map_get(&keys->entries, hash);
	return node ? MAP_CONTAINER(node, struct entry, node) : NULL;
}

static void entry_drop(struct db_keys *keys, struct entry *entry)
{
	map_remove(&keys->entries, &entry->node);
	free((void *)(uintptr_t)entry->node.key.p);
	api_key_free(entry->key);
	free(entry);
}

static bool is_fresh(const struct db_keys *keys, const struct entry *entry)
{
	int64_t ms = entry->key ? DB_KEYS_KNOWN_MS : DB_KEYS_UNKNOWN_MS;
	return entry->has_answer && clock_monotonic_us(keys->clock) - entry->asked_us < ms * 1000;
}

/* Make room: first what is out of date, then, when somebody tries keys by the thousand, everything. */
static void shrink(struct db_keys *keys)
{
	for (int pass = 0; pass < 2 && keys->entries.count >= MAX_ENTRIES; pass++) {
		struct map_cursor cursor = {0};
		for (struct map_node *node; (node = map_next(&keys->entries, &cursor));) {
			struct entry *entry = MAP_CONTAINER(node, struct entry, node);
			if (!entry->asking && (pass > 0 || !is_fresh(keys, entry)))
				entry_drop(keys, entry);
		}
	}
}

static struct entry *entry_get(struct db_keys *keys, struct str hash)
{
	struct entry *entry = entry_find(keys, hash);
	if (entry)
		return entry;
	shrink(keys);
	entry = keys->entries.count < MAX_ENTRIES ? calloc(1, sizeof(*entry)) : NULL;
	char *copy = entry ? str_dup(hash) : NULL;
	if (!copy) {
		free(entry);
		return NULL;
	}
	entry->node.key = (struct str){copy, hash.n};
	map_insert(&keys->entries, &entry->node);
	return entry;
}

enum db_keys_answer db_keys_find(struct db_keys *keys, struct str hash, const struct api_key **ret)
{
	if (!keys)
		return DB_KEYS_UNKNOWN;
	const struct entry *entry = entry_find(keys, hash);
	if (!entry || !is_fresh(keys, entry))
		return DB_KEYS_ASK;
	*ret = entry->key;
	return entry->key ? DB_KEYS_KNOWN : DB_KEYS_UNKNOWN;
}

/* Asking */

static void answer(struct waiting *waiting, const struct api_key *key, const struct error *error)
{
	for (struct waiting *next; waiting; waiting = next) {
		next = waiting->next;
		waiting->done(waiting->context, key, error);
		free(waiting);
	}
}

static void on_found(void *context, const struct db_result *result, const struct error *error)
{
	const struct lookup *lookup = context;
	struct db_keys *keys = lookup->keys;
	struct entry *entry = entry_find(keys, str_of(lookup->hash));
	struct error err;
	if (!entry)
		return;
	struct waiting *waiting = entry->waiting;
	entry->waiting = NULL;
	entry->asking = false;
	struct api_key *key = result && db_result_rows(result) ? db_keys_row(result, 0, &err) : NULL;
	if (result && db_result_rows(result) && !key)
		error = &err;
	if (error) {
		answer(waiting, NULL, error);
		return;
	}
	api_key_free(entry->key);
	entry->key = key;
	entry->has_answer = true;
	entry->asked_us = entry->sent_us;
	answer(waiting, key, NULL);
}

static int ask(struct db_keys *keys, struct entry *entry, struct error *err)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	struct db_parameters *parameters = db_parameters_new();
	if (!lookup) {
		db_parameters_free(parameters);
		return error_no_memory(err);
	}
	lookup->keys = keys;
	snprintf(lookup->hash, sizeof(lookup->hash), "%s", entry->node.key.p);
	db_put_text(parameters, lookup->hash);
	struct db_call call = {DB_KEY_FIND, parameters, on_found, lookup, free};
	if (db_run(keys->db, &call, err) != 0) {
		free(lookup);
		return -1;
	}
	entry->asking = true;
	entry->sent_us = clock_monotonic_us(keys->clock);
	return 0;
}

int db_keys_ask(struct db_keys *keys, struct str hash, db_keys_cb done, void *context, struct error *err)
{
	struct entry *entry = entry_get(keys, hash);
	struct waiting *waiting = entry ? calloc(1, sizeof(*waiting)) : NULL;
	if (!waiting)
		return error_no_memory(err);
	if (!entry->asking && ask(keys, entry, err) != 0) {
		free(waiting);
		return -1;
	}
	*waiting = (struct waiting){entry->waiting, done, context};
	entry->waiting = waiting;
	return 0;
}

void db_keys_forget(struct db_keys *keys, struct str hash)
{
	struct entry *entry = entry_find(keys, hash);
	if (entry)
		entry->has_answer = false;
}

size_t db_keys_count(const struct db_keys *keys)
{
	return keys->entries.count;
}

/* Last_used_at */

static void on_touched(void *context, const struct db_result *result, const struct error *error)
{
	(void)context;
	(void)result;
	if (error)
		log_warn("last_used_at of a key could not be noted", "reason", error->message, NULL);
}

void db_keys_touch(struct db_keys *keys, const struct api_key *key)
{
	struct error err;
	int64_t now_ms = clock_wall_ms(keys->clock);
	if (now_ms - key->last_used_ms < TOUCH_INTERVAL_MS)
		return;
	((struct api_key *)(uintptr_t)key)->last_used_ms =
	    now_ms; /* until it is read again, and if the call fails */
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, key->id);
	db_put_time(parameters, now_ms);
	struct db_call call = {.statement = DB_KEY_TOUCH, .parameters = parameters, .done = on_touched};
	if (db_run(keys->db, &call, &err) != 0)
		on_touched(NULL, NULL, &err);
}

/* Rows */

struct api_key *db_keys_row(const struct db_result *result, size_t row, struct error *err)
{
	struct api_key *key = calloc(1, sizeof(*key));
	if (!key) {
		error_no_memory(err);
		return NULL;
	}
	key->id = str_dup(str_of(db_result_text(result, row, DB_KEY_ID)));
	key->hash = str_dup(str_of(db_result_text(result, row, DB_KEY_HASH)));
	key->tenant = str_dup(str_of(db_result_text(result, row, DB_KEY_TENANT)));
	key->name = str_dup(str_of(db_result_text(result, row, DB_KEY_NAME)));
	key->created_ms = db_result_int(result, row, DB_KEY_CREATED_MS);
	key->last_used_ms = db_result_int(result, row, DB_KEY_USED_MS);
	if (!key->id || !key->hash || !key->tenant || !key->name) {
		error_no_memory(err);
		return api_key_free(key);
	}
	if (api_key_scopes_parse(str_of(db_result_text(result, row, DB_KEY_SCOPES)), &key->scopes, err) == 0)
		return key;
	if (err)
		err->code = ERR_INTERNAL; /* it is not the client's fault */
	error_wrap(err, "key %s", key->id);
	return api_key_free(key);
}

struct db_parameters *db_keys_put(const struct api_key *key)
{
	char id[ID_UUID_SIZE], scopes[API_KEY_SCOPES_SIZE];
	struct db_parameters *parameters = db_parameters_new();
	id_uuid4(id);
	api_key_scopes_format(key->scopes, scopes);
	db_put_text(parameters, id);
	db_put_text(parameters, key->hash);
	db_put_text(parameters, key->tenant);
	db_put_text(parameters, key->name);
	db_put_text(parameters, scopes);
	db_put_time(parameters, key->created_ms);
	return parameters;
}

int db_keys_check_put(const struct db_result *result, const struct api_key *key, char ret_id[DB_KEYS_ID_SIZE],
		      struct error *err)
{
	char scopes[API_KEY_SCOPES_SIZE];
	if (db_result_rows(result) == 0) /* another process stored the same key in the same moment */
		return error_set(err, ERR_UNAVAILABLE, "the key is being stored by somebody else; try again");
	struct api_key *there = db_keys_row(result, 0, err);
	if (!there)
		return -1;
	int status = 0;
	if (db_result_bool(result, 0, DB_KEY_REVOKED)) {
		status = error_set(err, ERR_CONFLICT, "this key was revoked: make another one");
	} else if (strcmp(there->tenant, key->tenant) != 0 || there->scopes != key->scopes) {
		api_key_scopes_format(there->scopes, scopes);
		status =
		    error_set(err, ERR_CONFLICT,
			      "this key exists already, for tenant \"%s\" with scopes %s; revoke it first: "
			      "skillbox-apiserver key revoke %s",
			      there->tenant, scopes, there->id);
	}
	snprintf(ret_id, DB_KEYS_ID_SIZE, "%s", there->id);
	api_key_free(there);
	return status;
}

/* Life */

struct db_keys *db_keys_new(struct db *db, const struct clock *clock, struct error *err)
{
	struct db_keys *keys = calloc(1, sizeof(*keys));
	if (!keys) {
		error_no_memory(err);
		return NULL;
	}
	keys->db = db;
	keys->clock = clock;
	if (map_init(&keys->entries, err) == 0)
		return keys;
	free(keys);
	return NULL;
}

struct db_keys *db_keys_free(struct db_keys *keys)
{
	if (!keys)
		return NULL;
	struct error ends;
	struct map_cursor cursor = {0};
	error_set(&ends, ERR_UNAVAILABLE, "the server is shutting down");
	for (struct map_node *node; (node = map_next(&keys->entries, &cursor));) {
		struct entry *entry = MAP_CONTAINER(node, struct entry, node);
		answer(entry->waiting, NULL, &ends);
		entry_drop(keys, entry);
	}
	map_free(&keys->entries);
	free(keys);
	return NULL;
}
