#include "apiserver/key/key_database.h"

#include "apiserver/key/db_keys.h"

struct answer {
	bool done;
	int status;
	struct error error;
	/* reads the rows; -1 with err */
	int (*read)(struct answer *answer, const struct db_result *result, struct error *err);
	const struct api_key *key;
	void (*print)(const struct api_key *key);
};

static void on_answer(void *context, const struct db_result *result, const struct error *error)
{
	struct answer *answer = context;
	answer->done = true;
	answer->status = -1;
	if (error)
		answer->error = *error;
	else
		answer->status = answer->read(answer, result, &answer->error);
}

static int run(uv_loop_t *loop, struct db *db, enum db_statement statement, struct db_parameters *parameters,
	       struct answer *answer, struct error *err)
{
	struct db_call call = {
	    .statement = statement, .parameters = parameters, .done = on_answer, .context = answer};
	if (db_run(db, &call, err) != 0)
		return -1;
	while (!answer->done)
		uv_run(loop, UV_RUN_ONCE);
	if (answer->status != 0 && err)
		*err = answer->error;
	return answer->status;
}

static int read_stored(struct answer *answer, const struct db_result *result, struct error *err)
{
	char id[DB_KEYS_ID_SIZE];
	return db_keys_check_put(result, answer->key, id, err);
}

int key_database_store(uv_loop_t *loop, struct db *db, const struct api_key *key, struct error *err)
{
	struct answer answer = {.read = read_stored, .key = key};
	return run(loop, db, DB_KEY_PUT, db_keys_put(key), &answer, err);
}

static int read_list(struct answer *answer, const struct db_result *result, struct error *err)
{
	for (size_t row = 0; row < db_result_rows(result); row++) {
		struct api_key *key = db_keys_row(result, row, err);
		if (!key)
			return -1;
		answer->print(key);
		api_key_free(key);
	}
	return 0;
}

int key_database_list(uv_loop_t *loop, struct db *db, void (*print)(const struct api_key *key),
		      struct error *err)
{
	struct answer answer = {.read = read_list, .print = print};
	return run(loop, db, DB_KEY_LIST, NULL, &answer, err);
}

static int read_revoked(struct answer *answer, const struct db_result *result, struct error *err)
{
	(void)answer;
	return db_result_rows(result) ? 0 : error_set(err, ERR_NOT_FOUND, "there is no such key");
}

int key_database_revoke(uv_loop_t *loop, struct db *db, const char *id, struct error *err)
{
	struct answer answer = {.read = read_revoked};
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, id);
	db_put_time(parameters, clock_wall_ms(&clock_system));
	return run(loop, db, DB_KEY_REVOKE, parameters, &answer, err);
}
