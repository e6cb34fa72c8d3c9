/* apiserver/http/rate_limit.c and the table behind it, bucket_cache.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/bucket_cache.h"
#include "apiserver/http/rate_limit.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_A STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
#define HASH_B STR("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")

struct test {
	struct apiserver_config config;
	struct clock clock;
	int64_t now_us;
	struct rate_limiter *limiter;
};

static int64_t now(void *context)
{
	return ((struct test *)context)->now_us;
}

static struct test *start(int64_t rate_limit, int64_t wrong_key_limit)
{
	struct test *test = calloc(1, sizeof(*test));
	struct error err;
	test->now_us = 1000000;
	test->config.rate_limit = rate_limit;
	test->config.wrong_key_limit = wrong_key_limit;
	test->clock = (struct clock){now, now, test};
	test->limiter = rate_limiter_new(&test->config, &test->clock, &err);
	assert_non_null(test->limiter);
	return test;
}

static void end(struct test *test)
{
	assert_null(rate_limiter_free(test->limiter));
	free(test);
}

static struct rate_limiter_address address(const char *text)
{
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
		return rate_limiter_address((const struct sockaddr *)&four);
	assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
	return rate_limiter_address((const struct sockaddr *)&six);
}

static bool same(const char *a, const char *b)
{
	struct rate_limiter_address left = address(a), right = address(b);
	return left.n == right.n && memcmp(left.bytes, right.bytes, left.n) == 0;
}

/* How many requests of a tenant pass in this moment. */
static int passing(struct test *test, struct str tenant)
{
	struct error err = {0};
	int count = 0;
	while (count < 1000 && rate_limiter_tenant(test->limiter, tenant, &err) == 0)
		count++;
	if (count < 1000)
		assert_int_equal(err.code, ERR_RATE_LIMITED);
	return count;
}

static void a_tenant_has_its_rate_and_twice_that_at_once(void **state)
{
	(void)state;
	struct test *test = start(10, 0);
	struct error err;
	assert_int_equal(passing(test, STR("a")), 20);
	assert_int_equal(passing(test, STR("b")), 20); /* of its own */
	test->now_us += 100000;
	assert_int_equal(passing(test, STR("a")), 1);
	test->now_us += 1000000;
	assert_int_equal(passing(test, STR("a")), 10);
	test->now_us += 3600 * INT64_C(1000000);
	assert_int_equal(passing(test, STR("a")), 20);
	assert_int_equal(rate_limiter_tenant(test->limiter, STR("a"), &err), -1);
	assert_non_null(strstr(err.message, "tenant \"a\" sends more than 10 requests a second"));
	assert_non_null(strstr(err.message, "SKILLBOX_RATE_LIMIT"));
	test->now_us -= 5000000; /* a clock that jumps back gives nothing and takes nothing */
	assert_int_equal(passing(test, STR("a")), 0);
	end(test);
}

static void zero_is_no_limit(void **state)
{
	(void)state;
	struct test *test = start(0, 0);
	struct rate_limiter_address from = address("10.0.0.1");
	struct error err;
	assert_int_equal(passing(test, STR("a")), 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(rate_limiter_key_was_wrong(test->limiter, &from, &err), 0);
	assert_int_equal(rate_limiter_key(test->limiter, &from, HASH_A, &err), 0);
	end(test);
	assert_int_equal(rate_limiter_tenant(NULL, STR("a"), &err), 0);
	assert_int_equal(rate_limiter_key(NULL, &from, HASH_A, &err), 0);
	assert_int_equal(rate_limiter_key_was_wrong(NULL, &from, &err), 0);
	rate_limiter_key_was_right(NULL, &from, HASH_A);
}

/* How many wrong keys can be tried in this moment. */
static int guesses(struct test *test, const struct rate_limiter_address *from)
{
	struct error err;
	int count = 0;
	while (count < 1000 && rate_limiter_key_was_wrong(test->limiter, from, &err) == 0)
		count++;
	if (count < 1000)
		assert_int_equal(err.code, ERR_RATE_LIMITED);
	return count;
}

static void guessing_is_slow(void **state)
{
	(void)state;
	struct test *test = start(0, 5);
	struct rate_limiter_address from = address("10.0.0.1"), other = address("10.0.0.2");
	struct error err;
	assert_int_equal(guesses(test, &from), 10);
	assert_int_equal(rate_limiter_key(test->limiter, &from, HASH_A, &err), -1);
	assert_int_equal(err.code, ERR_RATE_LIMITED);
	assert_non_null(strstr(err.message, "SKILLBOX_WRONG_KEY_LIMIT"));
	assert_int_equal(rate_limiter_key(test->limiter, &other, HASH_A, &err), 0);
	test->now_us += 1000000;
	assert_int_equal(guesses(test, &from), 5);
	end(test);
}

/* One client of a proxy with an old key must not lock out everybody behind it. */
static void a_key_that_was_right_from_there_passes(void **state)
{
	(void)state;
	struct test *test = start(0, 5);
	struct rate_limiter_address proxy = address("10.0.0.1"), other = address("10.0.0.2");
	struct error err;
	assert_int_equal(rate_limiter_key(test->limiter, &proxy, HASH_A, &err), 0);
	rate_limiter_key_was_right(test->limiter, &proxy, HASH_A);
	assert_int_equal(guesses(test, &proxy), 10);
	assert_int_equal(guesses(test, &other), 10);
	assert_int_equal(rate_limiter_key(test->limiter, &proxy, HASH_A, &err), 0);
	assert_int_equal(rate_limiter_key(test->limiter, &proxy, HASH_B, &err), -1);
	assert_int_equal(rate_limiter_key(test->limiter, &other, HASH_A, &err), -1);
	end(test);
}

static void addresses(void **state)
{
	(void)state;
	assert_true(same("10.0.0.1", "::ffff:10.0.0.1"));
	assert_false(same("10.0.0.1", "10.0.0.2"));
	assert_true(same("2001:db8::1", "2001:db8::ffff:1"));
	assert_false(same("2001:db8:0:1::1", "2001:db8:0:2::1"));
	assert_int_equal(rate_limiter_address(NULL).n, 0);
	/* One that is not known is as good as any other. */
	struct test *test = start(0, 1);
	struct rate_limiter_address unknown = rate_limiter_address(NULL);
	assert_int_equal(guesses(test, &unknown), 2);
	end(test);
}

/* Names by the million take no more memory, and those in use stay. */
static void the_table_keeps_what_is_in_use(void **state)
{
	(void)state;
	struct error err;
	struct bucket_cache *cache = bucket_cache_new(3, &err);
	assert_non_null(cache);
	bucket_cache_get(cache, STR("kept"))->tokens = 42;
	for (int i = 0; i < 1000; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%d", i);
		assert_null(bucket_cache_find(cache, str_of(name)));
		assert_true(bucket_cache_get(cache, str_of(name))->tokens == 0); /* not what stood there */
		bucket_cache_get(cache, str_of(name))->tokens = 1;
		assert_non_null(bucket_cache_find(cache, STR("kept")));
	}
	assert_true(bucket_cache_find(cache, STR("kept"))->tokens == 42);
	assert_non_null(bucket_cache_find(cache, STR("999")));
	assert_non_null(bucket_cache_find(cache, STR("998")));
	assert_null(bucket_cache_find(cache, STR("997")));
	bucket_cache_get(cache, STR("")); /* the oldest is now "kept" */
	assert_null(bucket_cache_find(cache, STR("kept")));
	char long_name[BUCKET_CACHE_NAME_MAX + 2];
	memset(long_name, 'x', sizeof(long_name));
	bucket_cache_get(cache, (struct str){long_name, sizeof(long_name)});
	assert_non_null(bucket_cache_find(cache, (struct str){long_name, BUCKET_CACHE_NAME_MAX}));
	assert_null(bucket_cache_find(cache, (struct str){long_name, BUCKET_CACHE_NAME_MAX - 1}));
	assert_null(bucket_cache_free(cache));
	assert_null(bucket_cache_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tenant_has_its_rate_and_twice_that_at_once),
	    cmocka_unit_test(zero_is_no_limit),
	    cmocka_unit_test(guessing_is_slow),
	    cmocka_unit_test(a_key_that_was_right_from_there_passes),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(the_table_keeps_what_is_in_use),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
