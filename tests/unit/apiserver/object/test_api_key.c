#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/route.h"
#include "apiserver/object/api_key.h"
#include "lib/base/id.h"

static void test_generated_keys(void **state)
{
	(void)state;
	char one[API_KEY_SIZE], two[API_KEY_SIZE];
	api_key_generate(one);
	api_key_generate(two);
	assert_int_equal(strlen(one), 51);
	assert_memory_equal(one, "sk-", 3);
	assert_true(id_is_hex(str_of(one + 3), 48));
	assert_string_not_equal(one, two);
}

static void test_hash_and_name(void **state)
{
	(void)state;
	char hash[DIGEST_HEX_SIZE], secret[API_KEY_SECRET_SIZE];
	struct error err;
	assert_int_equal(api_key_hash(STR("abc"), hash, secret, &err), 0);
	assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(secret, "skillbox-key-ba7816bf8f01cfea");
}

static void test_scopes(void **state)
{
	(void)state;
	unsigned scopes = 99;
	struct error err;
	char text[API_KEY_SCOPES_SIZE];
	assert_int_equal(api_key_scopes_parse(STR(" push ,run,push"), &scopes, &err), 0);
	assert_int_equal(scopes, SCOPE_RUN | SCOPE_PUSH);
	api_key_scopes_format(SCOPE_RUN | SCOPE_PUSH | SCOPE_ADMIN | SCOPE_OPERATOR, text);
	assert_string_equal(text, "run,push,admin,operator");
	assert_int_equal(api_key_scopes_parse(str_of(text), &scopes, NULL), 0);
	assert_int_equal(scopes, SCOPE_RUN | SCOPE_PUSH | SCOPE_ADMIN | SCOPE_OPERATOR);
	api_key_scopes_format(0, text);
	assert_string_equal(text, "");
	static const char *const bad[] = {"", ",", "run,", "Run", "run push", "run;push"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(api_key_scopes_parse(str_of(bad[i]), &scopes, &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

static void test_names(void **state)
{
	(void)state;
	struct error err;
	assert_int_equal(api_key_check_names(STR("team-1"), STR("my key"), &err), 0);
	static const char *const tenants[] = {
	    "",    "A",  "a_b", "a.b",
	    "a b", "-a", "a/b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < sizeof(tenants) / sizeof(tenants[0]); i++)
		assert_int_equal(api_key_check_names(str_of(tenants[i]), STR("x"), &err), -1);
	assert_int_equal(api_key_check_names(STR("t"), STR(""), &err), -1);
	assert_int_equal(api_key_check_names(STR("t"), STR("\xff"), &err), -1);
}

static void test_to_a_secret(void **state)
{
	(void)state;
	struct api_key key = {0};
	struct buffer out = BUFFER(4096), small = BUFFER(50);
	struct error err;
	assert_int_equal(
	    api_key_make(STR("abc"), STR("t"), STR("n\"1"), SCOPE_RUN, 1764000000123, &key, &err), 0);
	assert_int_equal(api_key_to_secret(&key, "ns", &out, &err), 0);
	assert_string_equal(
	    out.data, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"type\":\"skillbox.dev/"
		      "api-key\",\"immutable\":true,\"metadata\":{"
		      "\"name\":\"skillbox-key-ba7816bf8f01cfea\",\"namespace\":\"ns\",\"labels\":{"
		      "\"skillbox.dev/component\":\"api-key\"}},"
		      "\"stringData\":{\"hash\":"
		      "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\",\"tenant\":\"t\","
		      "\"name\":\"n\\\"1\",\"scopes\":\"run\",\"created_at\":\"2025-11-24T16:00:00.123Z\"}}");
	assert_string_equal(key.id, "ba7816bf8f01cfea");
	assert_int_equal(api_key_to_secret(&key, "ns", &small, &err), -1);
	buffer_free(&small);
	buffer_free(&out);
	api_key_clear(&key);
}

#define HASH64 "YmE3ODE2YmY4ZjAxY2ZlYTQxNDE0MGRlNWRhZTIyMjNiMDAzNjFhMzk2MTc3YTljYjQxMGZmNjFmMjAwMTVhZA=="

static void test_from_a_secret(void **state)
{
	(void)state;
	struct error err;
	struct api_key *key = api_key_from_secret(
	    STR("{\"metadata\":{\"name\":\"skillbox-key-x\",\"creationTimestamp\":\"2026-11-24T10:00:00Z\","
		"\"annotations\":{\"" API_KEY_USED_ANNOTATION
		"\":\"2026-11-24T11:00:00Z\"}},\"data\":{\"hash\":\"" HASH64
		"\",\"tenant\":\"dA==\",\"name\":\"bm0=\",\"scopes\":\"cnVu\",\"created_at\":\"bm8=\"}}"),
	    &err);
	assert_non_null(key);
	assert_string_equal(key->hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(key->tenant, "t");
	assert_string_equal(key->name, "nm");
	assert_int_equal(key->scopes, SCOPE_RUN);
	assert_int_equal(key->last_used_ms - key->created_ms,
			 3600000); /* "no" is no time: creationTimestamp counts */
	api_key_free(key);
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{}",
	    "{\"metadata\":{\"name\":\"x\"}}",
	    "{\"metadata\":{\"name\":\"x\"},\"data\":{\"hash\":\"YQ==\",\"tenant\":\"dA==\",\"scopes\":"
	    "\"cnVu\"}}",
	    "{\"metadata\":{\"name\":\"x\"},\"data\":{\"hash\":\"" HASH64 "\",\"scopes\":\"cnVu\"}}",
	    "{\"metadata\":{\"name\":\"x\"},\"data\":{\"hash\":\"" HASH64 "\",\"tenant\":\"dA==\"}}",
	    "{\"metadata\":{\"name\":\"x\"},\"data\":{\"hash\":\"" HASH64
	    "\",\"tenant\":\"dA=\",\"scopes\":\"cnVu\"}}",
	    "{\"metadata\":{\"name\":\"x\"},\"data\":{\"hash\":\"" HASH64
	    "\",\"tenant\":\"!!!!\",\"scopes\":\"cnVu\"}}",
	    "{\"metadata\":{\"name\":\"x\"},\"data\":{\"hash\":5}}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(api_key_from_secret(str_of(bad[i]), &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_generated_keys), cmocka_unit_test(test_hash_and_name),
	    cmocka_unit_test(test_scopes),         cmocka_unit_test(test_names),
	    cmocka_unit_test(test_to_a_secret),    cmocka_unit_test(test_from_a_secret),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
