/* Tokens tell our Pods from those of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/token.h"

static void make(const char *signing_key, const char *namespace, const char *name, const char *owner,
		 char ret[TOKEN_SIZE])
{
	struct token_key key;
	struct error err;
	assert_int_equal(token_key_derive(str_of(signing_key), &key, &err), 0);
	assert_int_equal(token_make(&key, namespace, name, owner, ret, &err), 0);
	assert_int_equal(strspn(ret, "0123456789abcdef"), TOKEN_SIZE - 1);
}

/* By another implementation (Python's hmac), so that a later version knows the Pods of this one. */
static void test_known_answer(void **state)
{
	(void)state;
	char token[TOKEN_SIZE];
	make("0123456789abcdef0123456789abcdef", "ns", "skx-1-0", "1", token);
	assert_string_equal(token, "9cc0873799367ea73a28f51a44db3bb2");
}

static void test_all_that_it_is_made_of_counts(void **state)
{
	(void)state;
	static const char *const rows[][4] = {{"another key, which is as long a", "ns", "skx-1-0", "1"},
					      {"0123456789abcdef0123456789abcdef", "n", "skx-1-0", "1"},
					      {"0123456789abcdef0123456789abcdef", "ns", "skx-1-1", "1"},
					      {"0123456789abcdef0123456789abcdef", "ns", "skx-1-0", "2"}};
	char token[TOKEN_SIZE], other[TOKEN_SIZE];
	make("0123456789abcdef0123456789abcdef", "ns", "skx-1-0", "1", token);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make(rows[i][0], rows[i][1], rows[i][2], rows[i][3], other);
		assert_string_not_equal(token, other);
	}
}

static void test_whose_it_is(void **state)
{
	(void)state;
	struct token_key key = {"key"};
	char token[TOKEN_SIZE], longer[TOKEN_SIZE + 1];
	struct pod pod = {.meta = {.namespace = (char *)"ns", .name = (char *)"a", .owner_uid = (char *)"1"}};
	assert_int_equal(token_make(&key, "ns", "a", "1", token, NULL), 0);
	assert_false(token_is_of(&key, &pod));
	pod.token = token;
	assert_true(token_is_of(&key, &pod));
	snprintf(longer, sizeof(longer), "%s0", token);
	pod.token = longer;
	assert_false(token_is_of(&key, &pod));
	pod.token = (char *)"";
	assert_false(token_is_of(&key, &pod));
	pod.token = token;
	pod.meta.owner_uid = NULL;
	assert_false(token_is_of(&key, &pod));
	pod.meta.owner_uid = (char *)"1";
	pod.meta.namespace = NULL;
	assert_false(token_is_of(&key, &pod));
}

static void test_names_that_do_not_fit(void **state)
{
	(void)state;
	struct token_key key = {"key"};
	char name[2000], token[TOKEN_SIZE];
	struct error err = {0};
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(token_make(&key, "ns", name, "1", token, &err), -1);
	assert_int_not_equal(err.code, ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_answer),
	    cmocka_unit_test(test_all_that_it_is_made_of_counts),
	    cmocka_unit_test(test_whose_it_is),
	    cmocka_unit_test(test_names_that_do_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
