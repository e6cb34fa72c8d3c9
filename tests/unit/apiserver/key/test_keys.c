/* Keys are made, listed and revoked, as Secrets or as rows; a change is told when this server sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/key/db_keys.h"
#include "apiserver/key/keys.h"
#include "lib/base/id.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>
#include <stdlib.h>

#define SECRETS "/api/v1/namespaces/skillbox-system/secrets"
#define HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
/* The same in base64. */
#define HASH_DATA "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ=="
#define NOT_STORED "the key could not be stored"
#define NOT_REVOKED "the key could not be revoked"

struct told {
	unsigned calls;
	enum error_code code;
	char message[256], id[64], text[64], ids[256];
};

static void keep(struct told *told, const struct error *failure)
{
	told->calls++;
	told->code = failure ? failure->code : ERR_NONE;
	snprintf(told->message, sizeof(told->message), "%s", failure ? failure->message : "");
}

static void on_created(void *context, const struct api_key *key, const char *text,
		       const struct error *failure)
{
	struct told *told = context;
	keep(told, failure);
	assert_int_equal(key == NULL, failure != NULL);
	if (key) {
		snprintf(told->id, sizeof(told->id), "%s", key->id);
		snprintf(told->text, sizeof(told->text), "%s", text);
		assert_string_equal(key->tenant, "acme");
		assert_string_equal(key->name, "ci");
		assert_int_equal(key->scopes, SCOPE_RUN);
	}
}

static void on_listed(void *context, const struct api_key *const *keys, size_t count,
		      const struct error *failure)
{
	struct told *told = context;
	keep(told, failure);
	for (size_t i = 0; i < count; i++)
		snprintf(told->ids + strlen(told->ids), sizeof(told->ids) - strlen(told->ids), "%s ",
			 keys[i]->id);
}

static void on_revoked(void *context, const struct error *failure)
{
	keep(context, failure);
}

static void told_is(const struct told *told, enum error_code code, const char *words)
{
	assert_int_equal(told->calls, 1);
	assert_int_equal(told->code, code);
	if (!strstr(told->message, words))
		fail_msg("\"%s\" lacks \"%s\"", told->message, words);
}

static void create(struct stage *stage, struct told *ret)
{
	const struct key_wish wish = {STR("acme"), STR("ci"), SCOPE_RUN};
	*ret = (struct told){0};
	key_create(&stage->server, stage->caller, &wish, on_created, ret);
}

static void ask_to_revoke(struct stage *stage, struct str id, struct told *ret)
{
	*ret = (struct told){0};
	key_revoke(&stage->server, stage->caller, id, on_revoked, ret);
}

#define ACME "YWNtZQ=="
#define OTHER "b3RoZXI="
#define RUN "cnVu"
#define OPERATOR "b3BlcmF0b3I="
/* A key's Secret as the watch brings it. */
static const char *secret_of(const char *name, const char *tenant, const char *scopes)
{
	static char json[1024];
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"skillbox-system\"},\"data\":{\"hash\":"
		 "\"" HASH_DATA "\",\"tenant\":\"%s\",\"name\":\"\",\"scopes\":\"%s\"}}",
		 name, tenant, scopes);
	return json;
}

static const char *secret_json(const char *name)
{
	return secret_of(name, ACME, RUN);
}

static int setup(void **state)
{
	stage_setup(state);
	stage_object(*state, CLUSTER_NAMESPACES,
		     "{\"metadata\":{\"name\":\"ns\",\"labels\":{\"skillbox.dev/tenant\":\"acme\"}}}");
	return 0;
}

static int setup_with_db(void **state)
{
	stage_setup_with_db(state);
	struct stage *stage = *state;
	stage_object(stage, CLUSTER_NAMESPACES,
		     "{\"metadata\":{\"name\":\"ns\",\"labels\":{\"skillbox.dev/tenant\":\"acme\"}}}");
	stage->server.db_keys = db_keys_new(stage->server.db, &stage->clock, NULL);
	return stage->server.db_keys ? 0 : -1;
}

static int teardown_with_db(void **state)
{
	struct stage *stage = *state;
	db_keys_free(stage->server.db_keys);
	return stage_teardown(state);
}

/* The name of the Secret that is being posted. */
static void posted(char ret[64])
{
	const char *at = strstr(stage_kube("POST", SECRETS)->body, "\"name\":\"");
	assert_non_null(at);
	at += strlen("\"name\":\"");
	snprintf(ret, 64, "%.*s", (int)(strchr(at, '"') - at), at);
}

/* Secrets */

static void test_created_when_it_is_seen(void **state)
{
	struct stage *stage = *state;
	struct told told;
	char secret[64], hash[DIGEST_HEX_SIZE];
	create(stage, &told);
	posted(secret);
	char *body = str_dup(str_of(stage_kube("POST", SECRETS)->body));
	stage_answer(201, "{}");
	assert_int_equal(told.calls, 0); /* the next request would not know it yet */
	stage_object(stage, CLUSTER_KEYS, secret_json("another"));
	assert_int_equal(told.calls, 0);
	stage_object(stage, CLUSTER_KEYS, secret_json(secret));
	told_is(&told, ERR_NONE, "");
	assert_string_equal(told.id, secret + strlen(API_KEY_SECRET_PREFIX));
	assert_int_equal(digest_sha256_hex(str_of(told.text), hash, NULL), 0);
	assert_non_null(strstr(body, hash));
	assert_null(strstr(body, told.text)); /* only its hash is stored */
	free(body);
}

/* The watch may be late or first: a new key's text is nowhere else. */
static void test_created_whatever_the_watch_does(void **state)
{
	struct stage *stage = *state;
	struct told told;
	char secret[64];
	create(stage, &told);
	posted(secret);
	stage_object(stage, CLUSTER_KEYS, secret_json(secret));
	stage_answer(201, "{}");
	told_is(&told, ERR_NONE, "");
	create(stage, &told);
	stage_answer(409, "a repeated create met its own success");
	stage_later(stage, 5000);
	told_is(&told, ERR_NONE, "");
	assert_int_equal(strlen(told.text), API_KEY_SIZE - 1);
}

static void test_create_is_refused(void **state)
{
	static const struct {
		const char *tenant, *name, *words;
	} rows[] = {{"acme", "", "the key's name must have 1 to 128 bytes"},
		    {"Acme", "ci", "the tenant must be 1 to 63 lower-case letters"},
		    {"other", "ci", "tenant \"other\" has no namespace: label one"}};
	struct stage *stage = *state;
	stage->caller->scopes = SCOPE_OPERATOR;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct key_wish wish = {str_of(rows[i].tenant), str_of(rows[i].name), SCOPE_RUN};
		struct told told = {0};
		key_create(&stage->server, stage->caller, &wish, on_created, &told);
		told_is(&told, ERR_BAD_REQUEST, rows[i].words);
		assert_int_equal(stage_waiting(), 0);
	}
}

/* An administrator made keys of any tenant, and with them read whatever the others had. */
static void test_keys_of_another_tenant_are_not_made(void **state)
{
	static const struct {
		const char *tenant;
		unsigned scopes, callers;
		const char *words;
	} rows[] = {{"other", SCOPE_RUN, SCOPE_ADMIN, "of its own tenant \"acme\", not of \"other\""},
		    {"nobody", SCOPE_RUN, SCOPE_ADMIN, "of its own tenant \"acme\", not of \"nobody\""},
		    {"acme", SCOPE_OPERATOR, SCOPE_ADMIN, "is given from a shell only"},
		    {"acme", SCOPE_RUN | SCOPE_OPERATOR, SCOPE_OPERATOR, "is given from a shell only"}};
	struct stage *stage = *state;
	stage_object(stage, CLUSTER_NAMESPACES,
		     "{\"metadata\":{\"name\":\"ns2\",\"labels\":{\"skillbox.dev/tenant\":\"other\"}}}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct key_wish wish = {str_of(rows[i].tenant), STR("ci"), rows[i].scopes};
		struct told told = {0};
		stage->caller->scopes = rows[i].callers;
		key_create(&stage->server, stage->caller, &wish, on_created, &told);
		told_is(&told, ERR_FORBIDDEN, rows[i].words);
		assert_int_equal(stage_waiting(), 0);
	}
	struct told told = {0};
	const struct key_wish wish = {STR("other"), STR("ci"), SCOPE_RUN};
	stage->caller->scopes = SCOPE_OPERATOR;
	key_create(&stage->server, stage->caller, &wish, on_created, &told);
	assert_non_null(stage_kube("POST", SECRETS));
	stage_answer(403, "forbidden");
	told_is(&told, ERR_INTERNAL, NOT_STORED);
}

/* Nor listed, nor revoked. */
static void test_keys_of_another_tenant_are_hidden(void **state)
{
	struct stage *stage = *state;
	struct told told = {0};
	stage_object(stage, CLUSTER_KEYS, secret_of(API_KEY_SECRET_PREFIX "0123", OTHER, RUN));
	stage_object(stage, CLUSTER_KEYS, secret_of(API_KEY_SECRET_PREFIX "4567", ACME, OPERATOR));
	stage->caller->scopes = SCOPE_ADMIN;
	key_list(&stage->server, stage->caller, on_listed, &told);
	assert_string_equal(told.ids, "4567 ");
	ask_to_revoke(stage, STR("0123"), &told);
	told_is(&told, ERR_NOT_FOUND, "key not found: 0123");
	ask_to_revoke(stage, STR("4567"), &told);
	told_is(&told, ERR_FORBIDDEN, "key 4567 has the scope operator");
	assert_int_equal(stage_waiting(), 0);
	stage->caller->scopes = SCOPE_OPERATOR;
	told = (struct told){0};
	key_list(&stage->server, stage->caller, on_listed, &told);
	assert_int_equal(strlen(told.ids), strlen("0123 4567 "));
	ask_to_revoke(stage, STR("0123"), &told);
	stage_kube("DELETE", SECRETS "/" API_KEY_SECRET_PREFIX "0123");
	stage_answer(200, "{}");
	stage_object_gone(stage, CLUSTER_KEYS, secret_of(API_KEY_SECRET_PREFIX "0123", OTHER, RUN));
	told_is(&told, ERR_NONE, "");
}

static void test_create_fails(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_refuse(STAGE_KUBE, 1);
	create(stage, &told);
	told_is(&told, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment");
	create(stage, &told);
	stage_answer(403, "forbidden");
	told_is(&told, ERR_INTERNAL, NOT_STORED "; the server's log");
	create(stage, &told);
	stage_forget(stage);
	told_is(&told, ERR_UNAVAILABLE, "shutting down");
}

/* A quota of Secrets that others write, too, answers 409: a key was told that had never been stored. */
static void test_a_conflict_stores_nothing(void **state)
{
	struct stage *stage = *state;
	struct told told;
	create(stage, &told);
	stage_answer_conflict();
	told_is(&told, ERR_UNAVAILABLE,
		NOT_STORED ": the cluster was asked for too much of the same at once");
}

/* No answer: the watch knows. */
static void test_a_create_without_an_answer(void **state)
{
	struct stage *stage = *state;
	struct told told;
	char secret[64];
	for (int is_there = 0; is_there < 2; is_there++) {
		create(stage, &told);
		posted(secret);
		stage_answer(0, "timeout");
		assert_int_equal(told.calls, 0);
		if (is_there)
			stage_object(stage, CLUSTER_KEYS, secret_json(secret));
		else
			stage_later(stage, 5000);
		told_is(&told, is_there ? ERR_NONE : ERR_UNAVAILABLE,
			is_there ? "" : "it is not known whether key ");
	}
}

static void test_listed(void **state)
{
	struct stage *stage = *state;
	struct told told = {0};
	key_list(&stage->server, stage->caller, on_listed, &told);
	told_is(&told, ERR_NONE, "");
	assert_string_equal(told.ids, "");
	stage_object(stage, CLUSTER_KEYS, secret_json(API_KEY_SECRET_PREFIX "0123"));
	told = (struct told){0};
	key_list(&stage->server, stage->caller, on_listed, &told);
	assert_string_equal(told.ids, "0123 ");
}

static void test_revoked_when_it_is_gone(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_object(stage, CLUSTER_KEYS, secret_json(API_KEY_SECRET_PREFIX "0123"));
	for (int status = 200; status <= 404; status += 204) { /* 404: somebody else was faster */
		ask_to_revoke(stage, STR("0123"), &told);
		stage_kube("DELETE", SECRETS "/" API_KEY_SECRET_PREFIX "0123");
		stage_answer(status, "{}");
		assert_int_equal(told.calls, 0);
		stage_object_gone(stage, CLUSTER_KEYS, secret_json(API_KEY_SECRET_PREFIX "0123"));
		told_is(&told, ERR_NONE, "");
		stage_object(stage, CLUSTER_KEYS, secret_json(API_KEY_SECRET_PREFIX "0123"));
	}
}

static void test_revoke_fails(void **state)
{
	struct stage *stage = *state;
	struct told told;
	ask_to_revoke(stage, STR("0123"), &told);
	told_is(&told, ERR_NOT_FOUND, "key not found: 0123");
	stage_object(stage, CLUSTER_KEYS, secret_json(API_KEY_SECRET_PREFIX "0123"));
	ask_to_revoke(stage, STR("0123\0x"), &told); /* not cut at the NUL */
	told_is(&told, ERR_NOT_FOUND, "key not found: 0123");
	stage_refuse(STAGE_KUBE, 1);
	ask_to_revoke(stage, STR("0123"), &told);
	told_is(&told, ERR_UNAVAILABLE, NOT_REVOKED "; try again in a moment");
	ask_to_revoke(stage, STR("0123"), &told);
	stage_answer(403, "no");
	told_is(&told, ERR_INTERNAL, NOT_REVOKED "; the server's log");
	ask_to_revoke(stage, STR("0123"), &told);
	stage_forget(stage);
	told_is(&told, ERR_UNAVAILABLE, "shutting down");
}

/* Rows */

#define ROW(scopes, revoked)                                                                                 \
	{                                                                                                    \
		STAGE_ID, HASH, "acme", "ci", scopes, "1764000000000", NULL, revoked                         \
	}

static void test_created_as_a_row(void **state)
{
	static const struct {
		const char *row[8];
		enum error_code code;
	} rows[] = {{ROW("run", "f"), ERR_NONE},
		    {ROW("run", "t"), ERR_INTERNAL}, /* revoked: of another process, by chance */
		    {ROW("admin", "f"), ERR_INTERNAL}};
	struct stage *stage = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct told told;
		create(stage, &told);
		const struct stage_call *put = stage_db(DB_KEY_PUT);
		assert_true(id_is_uuid(str_of(put->parameters[0])));
		assert_string_equal(put->parameters[2], "acme");
		stage_answer_db(ERR_NONE, rows[i].row, 1, 8);
		told_is(&told, rows[i].code, rows[i].code == ERR_NONE ? "" : NOT_STORED);
		assert_string_equal(told.id, rows[i].code == ERR_NONE ? STAGE_ID : "");
	}
}

static void test_rows_fail(void **state)
{
	struct stage *stage = *state;
	struct told told;
	stage_refuse(STAGE_DB, 1);
	create(stage, &told);
	told_is(&told, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment");
	create(stage, &told);
	stage_answer_db(ERR_TIMEOUT, NULL, 0, 0);
	told_is(&told, ERR_UNAVAILABLE, NOT_STORED "; try again in a moment");
	told = (struct told){0};
	key_list(&stage->server, stage->caller, on_listed, &told);
	stage_answer_db(ERR_TIMEOUT, NULL, 0, 0);
	told_is(&told, ERR_UNAVAILABLE, "the keys could not be read; try again in a moment");
	static const char *const broken[8] = ROW("fly", "f");
	told = (struct told){0};
	key_list(&stage->server, stage->caller, on_listed, &told);
	stage_answer_db(ERR_NONE, broken, 1, 8);
	told_is(&told, ERR_INTERNAL, "the keys could not be read; the server's log");
}

static void test_both_are_listed(void **state)
{
	static const char *const row[8] = ROW("run", "f");
	struct stage *stage = *state;
	struct told told = {0};
	stage_object(stage, CLUSTER_KEYS, secret_json(API_KEY_SECRET_PREFIX "0123"));
	key_list(&stage->server, stage->caller, on_listed, &told);
	assert_string_equal(stage_db(DB_KEY_LIST_OF)->parameters[0], "acme");
	stage_answer_db(ERR_NONE, row, 1, 8);
	told_is(&told, ERR_NONE, "");
	assert_string_equal(told.ids, "0123 " STAGE_ID " ");
}

static void test_a_row_is_revoked(void **state)
{
	static const char *const row[8] = ROW("run", "t");
	struct stage *stage = *state;
	struct told told;
	ask_to_revoke(stage, STR(STAGE_ID), &told);
	assert_string_equal(stage_db(DB_KEY_REVOKE_OF)->parameters[0], STAGE_ID);
	assert_string_equal(stage_db(DB_KEY_REVOKE_OF)->parameters[2], "acme");
	stage_answer_db(ERR_NONE, row, 1, 8);
	told_is(&told, ERR_NONE, "");
	ask_to_revoke(stage, STR(STAGE_ID), &told);
	stage_answer_db(ERR_NONE, NULL, 0, 0);
	told_is(&told, ERR_NOT_FOUND, "key not found: " STAGE_ID);
	ask_to_revoke(stage, STR("no id"), &told); /* the database isn't asked */
	told_is(&told, ERR_NOT_FOUND, "key not found: no id");
	/* A Secret goes first, whatever its id looks like. */
	stage_object(stage, CLUSTER_KEYS, secret_json(STAGE_ID));
	ask_to_revoke(stage, STR(STAGE_ID), &told);
	stage_kube("DELETE", SECRETS "/" STAGE_ID);
	stage_answer(200, "{}");
	stage_object_gone(stage, CLUSTER_KEYS, secret_json(STAGE_ID));
	told_is(&told, ERR_NONE, "");
}

static void test_rows_of_operators(void **state)
{
	static const char *const row[8] = ROW("operator", "f"), *const revoked[8] = ROW("operator", "t");
	struct stage *stage = *state;
	struct told told;
	ask_to_revoke(stage, STR(STAGE_ID), &told);
	stage_answer_db(ERR_NONE, row, 1, 8);
	told_is(&told, ERR_FORBIDDEN, "key " STAGE_ID " has the scope operator");
	stage->caller->scopes = SCOPE_OPERATOR;
	ask_to_revoke(stage, STR(STAGE_ID), &told);
	stage_db(DB_KEY_REVOKE);
	stage_answer_db(ERR_NONE, revoked, 1, 8);
	told_is(&told, ERR_NONE, "");
	told = (struct told){0};
	key_list(&stage->server, stage->caller, on_listed, &told);
	stage_db(DB_KEY_LIST);
	stage_answer_db(ERR_NONE, row, 1, 8);
	assert_string_equal(told.ids, STAGE_ID " ");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, stage_teardown)
#define TEST_WITH_DB(test) cmocka_unit_test_setup_teardown(test, setup_with_db, teardown_with_db)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_created_when_it_is_seen),
	    TEST(test_created_whatever_the_watch_does),
	    TEST(test_create_is_refused),
	    TEST(test_keys_of_another_tenant_are_not_made),
	    TEST(test_keys_of_another_tenant_are_hidden),
	    TEST(test_create_fails),
	    TEST(test_a_conflict_stores_nothing),
	    TEST(test_a_create_without_an_answer),
	    TEST(test_listed),
	    TEST(test_revoked_when_it_is_gone),
	    TEST(test_revoke_fails),
	    TEST_WITH_DB(test_created_as_a_row),
	    TEST_WITH_DB(test_rows_fail),
	    TEST_WITH_DB(test_both_are_listed),
	    TEST_WITH_DB(test_a_row_is_revoked),
	    TEST_WITH_DB(test_rows_of_operators),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
