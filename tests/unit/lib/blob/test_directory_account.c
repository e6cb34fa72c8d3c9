/* What a tenant has, what is set aside, and a count while both change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/blob/directory_account.h"

static struct directory_account account;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(account_init(&account, NULL), 0);
	account.max = 100;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	account_free(&account);
	return 0;
}

static void count(const struct account_sum *sums, size_t n)
{
	account_count_begin(&account, 1000);
	account_count_end(&account, sums, n);
}

static void refused(const char *tenant, int64_t size)
{
	struct error err;
	assert_int_equal(account_reserve(&account, tenant, size, &err), -1);
	assert_int_equal(err.code, ERR_NO_CAPACITY);
	assert_non_null(strstr(err.message, "the limit (SKILLBOX_MAX_STORED_SIZE)"));
}

static void test_limit(void **state)
{
	(void)state;
	const struct account_sum sums[] = {{"a", 50}, {"b", 99}};
	assert_int_equal(account_reserve(&account, "a", 1000, NULL), 0); /* nothing is known yet */
	account_release(&account, "a", 1000);
	count(sums, 2);
	refused("a", 51);
	refused("a", INT64_MAX);
	assert_int_equal(account_reserve(&account, "a", 30, NULL), 0);
	refused("a", 21); /* what is under way counts */
	assert_int_equal(account_reserve(&account, "a", 20, NULL), 0);
	assert_int_equal(account_reserve(&account, "b", 1, NULL), 0); /* another's is another */
	assert_int_equal(account_reserve(&account, "new", 100, NULL), 0);
	assert_int_equal(account.reserved, 151);
	account_add(&account, "a", 30, 1000);
	account_release(&account, "a", 30);
	refused("a", 1);
	account_release(&account, "a", 20); /* it was there already */
	assert_int_equal(account_reserve(&account, "a", 20, NULL), 0);
	account_release(&account, "a", 20);
	account_add(&account, "a", -80, ACCOUNT_GONE);
	assert_int_equal(account_size(&account, "a"), 0);
	assert_int_equal(account_reserve(&account, "a", 100, NULL), 0);
	account_release(&account, "a", 100);
	account_release(&account, "b", 1);
	account_release(&account, "new", 100);
	assert_int_equal(account.reserved, 0);
	assert_int_equal(account.tenants.count, 1); /* b, who has something */
}

static void test_count(void **state)
{
	(void)state;
	int64_t size, highest;
	const struct account_sum sums[] = {{"a", 50}, {"b", 20}};
	account_count_begin(&account, 1000);
	account_add(&account, "a", 7, 1000);
	account_add(&account, "c", 5, 1000);
	account_add(&account, "b", 4, 999); /* made before: the walk finds it */
	account_add(&account, "b", -3, ACCOUNT_GONE);
	account_count_end(&account, sums, 2);
	assert_true(account.is_counted);
	assert_int_equal(account_size(&account, "a"), 57);
	assert_int_equal(account_size(&account, "b"), 17);
	assert_int_equal(account_size(&account, "c"), 5);
	account_totals(&account, &size, &highest);
	assert_int_equal(size, 79);
	assert_int_equal(highest, 57);
	/* Again: what it doesn't find is gone, and changes from before are in it. */
	account_add(&account, "c", 1, 1000);
	count(sums, 1);
	assert_int_equal(account_size(&account, "a"), 50);
	assert_int_equal(account_size(&account, "b"), 0);
	assert_int_equal(account_size(&account, "c"), 0);
	/* One that fails changes nothing. */
	account_count_begin(&account, 1000);
	account_add(&account, "a", 1, 1000);
	account_count_end(&account, NULL, 0);
	assert_int_equal(account_size(&account, "a"), 51);
	count(sums, 0);
	assert_int_equal(account.tenants.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_count, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
