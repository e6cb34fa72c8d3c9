/* The pool and the statements. */
#include "tests/unit/lib/db/database.h"

#include "lib/base/id.h"

#include <unistd.h>

/* Without a database */

static void test_parameters(void **state)
{
	(void)state;
	struct db_parameters *p = db_parameters_new();
	db_put_text(p, "a");
	db_put_text(p, NULL);
	db_put_int(p, INT64_MIN);
	db_put_bool(p, true);
	db_put_bool(p, false);
	db_put_time(p, 1800000000123);
	db_put_time(p, 0);
	assert_int_equal(p->count, 7);
	assert_string_equal(p->values[0], "a");
	assert_null(p->values[1]);
	assert_string_equal(p->values[2], "-9223372036854775808");
	assert_string_equal(p->values[3], "t");
	assert_string_equal(p->values[4], "f");
	assert_string_equal(p->values[5], "2027-01-15T08:00:00.123Z");
	assert_null(p->values[6]);
	assert_false(p->failed);
	for (int i = 7; i < DB_MAX_PARAMETERS; i++)
		db_put_int(p, i);
	assert_false(p->failed);
	db_put_int(p, 1);
	assert_true(p->failed);
	assert_int_equal(p->count, DB_MAX_PARAMETERS);
	assert_null(db_parameters_free(p));
	assert_null(db_parameters_free(NULL));
	db_put_text(NULL, "without memory"); /* shows in db_run */
}

static void test_bad_dsn_is_refused_without_its_text(void **state)
{
	(void)state;
	uv_loop_t loop;
	struct error err;
	uv_loop_init(&loop);
	static const char *const bad[] = {"postgres://u:hush@h/d?sslmod=x", "hush", "host=h passwort=hush",
					  "postgresql://u:hush%zz@h/d", "postgresql://[::1/hush"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(db_new(&loop, &(struct db_options){.dsn = bad[i]}, &err));
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(err.message, "SKILLBOX_DB_DSN can't be read"));
		assert_null(strstr(err.message, "hush"));
	}
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_null(db_free(NULL));
}

struct changes {
	unsigned up, down;
	char problem[2048];
};

static void on_changed(void *context, const struct error *problem)
{
	struct changes *changes = context;
	if (problem)
		snprintf(changes->problem, sizeof(changes->problem), "%s", problem->message);
	*(problem ? &changes->down : &changes->up) += 1;
}

static void test_nobody_there(void **state)
{
	(void)state;
	uv_loop_t loop;
	struct error err;
	struct changes changes = {0};
	struct answer first = {0}, waits = {0};
	struct db_options options = {
	    .dsn = "postgresql://u:hush@127.0.0.1:1/d", .changed = on_changed, .context = &changes};
	uv_loop_init(&loop);
	struct db *db = db_new(&loop, &options, &err);
	assert_non_null(db);
	assert_int_equal(db_check(db, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	struct db_call call = {DB_PING, NULL, database_on_answer, &first, database_on_release};
	assert_int_equal(db_run(db, &call, &err), 0);
	call.context = &waits; /* for the outcome of the first: one try at a time */
	assert_int_equal(db_run(db, &call, &err), 0);
	while (!first.releases || !waits.releases)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(first.error.code, ERR_UNAVAILABLE);
	assert_int_equal(waits.error.code, ERR_UNAVAILABLE);
	assert_int_equal(changes.down, 1);
	assert_int_equal(changes.up, 0);
	assert_non_null(strstr(changes.problem, "can't connect"));
	assert_null(strstr(changes.problem, "hush"));
	assert_null(strchr(changes.problem, '\n'));
	/* until the next try is due, the answer is immediate */
	assert_int_equal(db_run(db, &call, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_string_equal(err.message, "the database can't be reached");
	struct db_stats stats;
	db_stats(db, &stats);
	assert_int_equal(stats.done, 3);
	assert_int_equal(stats.failed, 3);
	db_free(db);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(waits.calls, 1);
}

static void test_bounds_of_the_queue(void **state)
{
	(void)state;
	uv_loop_t loop;
	struct error err;
	struct answer answer = {0};
	/* nothing is accepted there before the loop runs: all wait */
	struct db_options options = {
	    .dsn = "postgresql://127.0.0.1:1/d", .connections = 1, .queue_max = 3, .queue_max_bytes = 1000};
	uv_loop_init(&loop);
	struct db *db = db_new(&loop, &options, &err);
	struct db_call call = {DB_PING, NULL, database_on_answer, &answer, database_on_release};
	assert_int_equal(db_run(db, &call, &err), 0); /* it goes to the thread */
	char *text = calloc(1, 999);
	memset(text, 'x', 998);
	call.statement = DB_KEY_FIND;
	call.parameters = db_parameters_new();
	db_put_text(call.parameters, text);
	assert_int_equal(db_run(db, &call, &err), 0);
	call.parameters = db_parameters_new();
	db_put_text(call.parameters, "abc");
	assert_int_equal(db_run(db, &call, &err), -1); /* 998 + 3 bytes */
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.message, "too many"));
	call.statement = DB_PING;
	call.parameters = NULL;
	assert_int_equal(db_run(db, &call, &err), 0);
	assert_int_equal(db_run(db, &call, &err), 0);
	assert_int_equal(db_run(db, &call, &err), -1);
	assert_non_null(strstr(err.message, "too many"));
	/* what is wrong with a call is told at once */
	call.statement = DB_KEY_FIND;
	assert_int_equal(db_run(db, &call, &err), -1);
	assert_int_equal(err.code, ERR_NO_MEMORY);
	call.parameters = db_parameters_new();
	assert_int_equal(db_run(db, &call, &err), -1);
	assert_int_equal(err.code, ERR_INTERNAL);
	struct db_stats stats;
	db_stats(db, &stats);
	assert_int_equal(stats.waiting, 3);
	assert_int_equal(stats.running, 1);
	assert_int_equal(stats.done, 4); /* the refused */
	assert_int_equal(stats.failed, 4);
	db_free(db);
	assert_int_equal(answer.releases, 3); /* those that waited; the one in the thread follows */
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(answer.releases, 4);
	assert_int_equal(answer.calls, 0);
	assert_int_equal(uv_loop_close(&loop), 0);
	free(text);
}

static void test_table_of_statements(void **state)
{
	(void)state;
	for (int i = 0; i < DB_STATEMENT_COUNT; i++) {
		const struct db_statement_text *text = &db_statement_table[i];
		assert_non_null(text->name);
		assert_in_range(text->parameters, 0, DB_MAX_PARAMETERS);
		for (size_t n = 1; n <= text->parameters + 1; n++) {
			char mark[16];
			snprintf(mark, sizeof(mark), "$%zu", n);
			const char *at = strstr(text->sql, mark);
			if (n <= text->parameters && !at)
				fail_msg("%s does not use %s", text->name, mark);
			if (n > text->parameters && at)
				fail_msg("%s uses %s", text->name, mark);
		}
		for (int other = 0; other < i; other++)
			assert_string_not_equal(text->name, db_statement_table[other].name);
	}
}

/* With one */

static void read_one(const struct db_result *result, void *context)
{
	assert_int_equal(db_result_rows(result), 1);
	assert_int_equal(db_result_int(result, 0, 0), 1);
	assert_string_equal(db_result_text(result, 0, 0), "1");
	assert_null(db_result_text(result, 0, 1)); /* what isn't there */
	assert_null(db_result_text(result, 1, 0));
	assert_true(db_result_is_null(result, 0, 1));
	++*(unsigned *)context;
}

static void test_ping(void **state)
{
	DATABASE_OR_SKIP(state);
	struct database *database = *state;
	unsigned reads = 0;
	assert_int_equal(database_run(database, DB_PING, NULL, read_one, &reads), ERR_NONE);
	assert_int_equal(reads, 1);
	assert_int_equal(db_check(database->db, NULL), 0);
}

static void test_many_at_once(void **state)
{
	DATABASE_OR_SKIP(state);
	struct database *database = *state;
	struct answer answer = {0};
	struct error err;
	struct db_call call = {DB_KEY_LIST, NULL, database_on_answer, &answer, database_on_release};
	for (int i = 0; i < 1000; i++)
		assert_int_equal(db_run(database->db, &call, &err), 0);
	while (answer.releases < 1000)
		uv_run(&database->loop, UV_RUN_ONCE);
	assert_int_equal(answer.calls, 1000);
	assert_int_equal(answer.error.code, ERR_NONE);
}

struct key {
	size_t rows;
	char id[64], tenant[64], scopes[64];
	int64_t created_ms, used_ms;
	bool revoked;
};

static void read_key(const struct db_result *result, void *context)
{
	struct key *key = context;
	key->rows = db_result_rows(result);
	if (key->rows == 0)
		return;
	snprintf(key->id, sizeof(key->id), "%s", db_result_text(result, 0, DB_KEY_ID));
	snprintf(key->tenant, sizeof(key->tenant), "%s", db_result_text(result, 0, DB_KEY_TENANT));
	snprintf(key->scopes, sizeof(key->scopes), "%s", db_result_text(result, 0, DB_KEY_SCOPES));
	key->created_ms = db_result_int(result, 0, DB_KEY_CREATED_MS);
	key->used_ms = db_result_int(result, 0, DB_KEY_USED_MS);
	key->revoked = db_result_bool(result, 0, DB_KEY_REVOKED);
}

static struct db_parameters *texts(const char *a, const char *b, const char *c, const char *d, const char *e)
{
	const char *all[] = {a, b, c, d, e};
	struct db_parameters *p = db_parameters_new();
	for (int i = 0; i < 5 && all[i]; i++)
		db_put_text(p, all[i]);
	return p;
}

static void test_keys(void **state)
{
	DATABASE_OR_SKIP(state);
	struct database *database = *state;
	struct key key = {0};
	char hash[ID_UUID_SIZE], id[ID_UUID_SIZE], other[ID_UUID_SIZE];
	id_uuid4(hash);
	id_uuid4(id);
	id_uuid4(other);
	assert_int_equal(
	    database_run(database, DB_KEY_FIND, texts(hash, NULL, NULL, NULL, NULL), read_key, &key),
	    ERR_NONE);
	assert_int_equal(key.rows, 0);
	struct db_parameters *p = texts(id, hash, "tenant", "it's \"mine\" \xc3\xa9", "run,push");
	db_put_time(p, 1800000000123);
	assert_int_equal(database_run(database, DB_KEY_PUT, p, read_key, &key), ERR_NONE);
	assert_string_equal(key.id, id);
	assert_int_equal(key.created_ms, 1800000000123);
	assert_int_equal(key.used_ms, 0);
	p = texts(other, hash, "other", "x", "admin"); /* the first one stands */
	db_put_time(p, 1);
	assert_int_equal(database_run(database, DB_KEY_PUT, p, read_key, &key), ERR_NONE);
	assert_string_equal(key.id, id);
	assert_string_equal(key.tenant, "tenant");
	p = texts(id, NULL, NULL, NULL, NULL);
	db_put_time(p, 1800000001000);
	assert_int_equal(database_run(database, DB_KEY_TOUCH, p, NULL, NULL), ERR_NONE);
	p = texts(id, NULL, NULL, NULL, NULL);
	db_put_time(p, 1800000000500); /* from a replica whose clock is behind */
	assert_int_equal(database_run(database, DB_KEY_TOUCH, p, NULL, NULL), ERR_NONE);
	assert_int_equal(
	    database_run(database, DB_KEY_FIND, texts(hash, NULL, NULL, NULL, NULL), read_key, &key),
	    ERR_NONE);
	assert_int_equal(key.used_ms, 1800000001000);
	assert_string_equal(key.scopes, "run,push");
	assert_false(key.revoked);
	for (int i = 0; i < 3;
	     i++) { /* the same call again finds what it did; a later one finds no such key */
		p = texts(id, NULL, NULL, NULL, NULL);
		db_put_time(p, i < 2 ? 1800000002000 : 1800000002001);
		assert_int_equal(database_run(database, DB_KEY_REVOKE, p, read_key, &key), ERR_NONE);
		assert_int_equal(key.rows, i < 2 ? 1 : 0);
		assert_true(key.revoked);
	}
	p = texts(other, NULL, NULL, NULL, NULL);
	db_put_time(p, 1800000002000);
	assert_int_equal(database_run(database, DB_KEY_REVOKE, p, read_key, &key), ERR_NONE);
	assert_int_equal(key.rows, 0);
	assert_int_equal(
	    database_run(database, DB_KEY_FIND, texts(hash, NULL, NULL, NULL, NULL), read_key, &key),
	    ERR_NONE);
	assert_int_equal(key.rows, 0);
	/* the id is there already, with another hash */
	p = texts(id, other, "tenant", "x", "run");
	db_put_time(p, 1);
	assert_int_equal(database_run(database, DB_KEY_PUT, p, read_key, &key), ERR_CONFLICT);
	p = texts("no uuid", NULL, NULL, NULL, NULL);
	db_put_time(p, 1800000002000);
	assert_int_equal(database_run(database, DB_KEY_REVOKE, p, read_key, &key), ERR_INTERNAL);
	assert_int_equal(db_check(database->db, NULL), 0); /* that says nothing against the database */
}

static int revoke_of(struct database *database, const char *id, const char *tenant, int64_t at_ms,
		     struct key *ret)
{
	struct db_parameters *p = texts(id, NULL, NULL, NULL, NULL);
	db_put_time(p, at_ms);
	db_put_text(p, tenant);
	return database_run(database, DB_KEY_REVOKE_OF, p, read_key, ret);
}

/* Keys of a tenant are found and revoked as such; an operator's is found only. */
static void test_keys_of_a_tenant(void **state)
{
	DATABASE_OR_SKIP(state);
	struct database *database = *state;
	struct key key = {0};
	static const char *const scopes[] = {"run,push,admin", "run,operator", "operators"};
	char ids[3][ID_UUID_SIZE], tenant[ID_UUID_SIZE];
	id_uuid4(tenant);
	for (size_t i = 0; i < 3; i++) {
		char hash[ID_UUID_SIZE];
		id_uuid4(ids[i]);
		id_uuid4(hash);
		struct db_parameters *p = texts(ids[i], hash, tenant, "x", scopes[i]);
		db_put_time(p, 1800000000000 + (int64_t)i);
		assert_int_equal(database_run(database, DB_KEY_PUT, p, read_key, &key), ERR_NONE);
	}
	struct db_parameters *p = texts(tenant, NULL, NULL, NULL, NULL);
	assert_int_equal(database_run(database, DB_KEY_LIST_OF, p, read_key, &key), ERR_NONE);
	assert_int_equal(key.rows, 3);
	assert_string_equal(key.id, ids[0]);
	p = texts("other", NULL, NULL, NULL, NULL);
	assert_int_equal(database_run(database, DB_KEY_LIST_OF, p, read_key, &key), ERR_NONE);
	assert_int_equal(key.rows, 0);
	assert_int_equal(revoke_of(database, ids[0], "other", 1800000002000, &key), ERR_NONE);
	assert_int_equal(key.rows, 0);
	for (int i = 0; i < 3; i++) { /* the same call again, then a later one */
		assert_int_equal(
		    revoke_of(database, ids[0], tenant, i < 2 ? 1800000002000 : 1800000002001, &key),
		    ERR_NONE);
		assert_int_equal(key.rows, i < 2 ? 1 : 0);
		assert_true(key.revoked);
	}
	assert_int_equal(revoke_of(database, ids[1], tenant, 1800000002000, &key), ERR_NONE);
	assert_int_equal(key.rows, 1);
	assert_false(key.revoked);
	assert_int_equal(revoke_of(database, ids[2], tenant, 1800000002000, &key), ERR_NONE);
	assert_true(key.revoked);
	p = texts(ids[1], NULL, NULL, NULL, NULL);
	db_put_time(p, 1800000002000);
	assert_int_equal(database_run(database, DB_KEY_REVOKE, p, read_key, &key), ERR_NONE);
	assert_int_equal(key.rows, 1);
	assert_true(key.revoked);
}

struct claim {
	size_t rows;
	char id[64], digest[64];
};

static void read_claim(const struct db_result *result, void *context)
{
	struct claim *claim = context;
	claim->rows = db_result_rows(result);
	if (claim->rows == 0)
		return;
	snprintf(claim->id, sizeof(claim->id), "%s", db_result_text(result, 0, DB_IDEMPOTENCY_ID));
	snprintf(claim->digest, sizeof(claim->digest), "%s",
		 db_result_text(result, 0, DB_IDEMPOTENCY_DIGEST));
}

static void test_idempotency(void **state)
{
	DATABASE_OR_SKIP(state);
	struct database *database = *state;
	struct claim claim;
	char key[ID_UUID_SIZE], first[ID_UUID_SIZE], second[ID_UUID_SIZE];
	id_uuid4(key);
	id_uuid4(first);
	id_uuid4(second);
	for (int i = 0; i < 2; i++) {
		database_run(database, DB_IDEMPOTENCY_CLAIM, texts("t", key, first, "body", NULL), read_claim,
			     &claim);
		assert_string_equal(claim.id, first);
	}
	database_run(database, DB_IDEMPOTENCY_CLAIM, texts("t", key, second, "other body", NULL), read_claim,
		     &claim);
	assert_int_equal(claim.rows, 1);
	assert_string_equal(claim.id, first);
	assert_string_equal(claim.digest, "body");
	database_run(database, DB_IDEMPOTENCY_CLAIM, texts("another tenant", key, second, "body", NULL),
		     read_claim, &claim);
	assert_string_equal(claim.id, second);
	assert_int_equal(database_run(database, DB_IDEMPOTENCY_PURGE, NULL, NULL, NULL), ERR_NONE);
	database_run(database, DB_IDEMPOTENCY_CLAIM, texts("t", key, second, "x", NULL), read_claim, &claim);
	assert_string_equal(claim.id, first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parameters),
	    cmocka_unit_test(test_bad_dsn_is_refused_without_its_text),
	    cmocka_unit_test(test_nobody_there),
	    cmocka_unit_test(test_bounds_of_the_queue),
	    cmocka_unit_test(test_table_of_statements),
	    cmocka_unit_test_setup_teardown(test_ping, database_open, database_close),
	    cmocka_unit_test_setup_teardown(test_many_at_once, database_open, database_close),
	    cmocka_unit_test_setup_teardown(test_keys, database_open, database_close),
	    cmocka_unit_test_setup_teardown(test_keys_of_a_tenant, database_open, database_close),
	    cmocka_unit_test_setup_teardown(test_idempotency, database_open, database_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
