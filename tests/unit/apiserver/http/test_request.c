#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/request.h"
#include "lib/base/id.h"
#include "tests/unit/apiserver/http/fake_exchange.h"
#include "tests/unit/apiserver/stage.h"

#define PRINTABLE_128                                                                                        \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"   \
	"0123456789abcdef0123456789abcdef"

/* One that is fit to be repeated in logs and answers, or one of our own. */
static void test_ids(void **state)
{
	static const struct {
		const char *given; /* NULL: none */
		bool is_taken;
	} rows[] = {{NULL, false},
		    {"", false},
		    {"a b-1~", true},
		    {PRINTABLE_128, true},
		    {PRINTABLE_128 "x", false},
		    {"a\tb", false},
		    {"caf\xc3\xa9", false}};
	struct stage *stage = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_exchange exchange = {
		    .headers = {{rows[i].given ? "X-Request-ID" : NULL, rows[i].given}}};
		struct request *request = request_new(&stage->server, &exchange);
		const char *id = request->operation.caller->request_id;
		assert_ptr_equal(http_exchange_data(&exchange), request);
		if (rows[i].is_taken)
			assert_string_equal(id, rows[i].given);
		else
			assert_true(id_is_uuid(str_of(id)));
		assert_int_equal(request->started_us, stage->now_us);
		assert_null(request->operation.caller->tenant);
		request_unref(request);
	}
}

static unsigned freed[2];

static void free_first(void *state)
{
	assert_ptr_equal(state, &freed[0]);
	freed[0]++;
}

static void free_second(void *state)
{
	assert_ptr_equal(state, &freed[1]);
	freed[1]++;
}

/* What a handler left goes when it is replaced, and with the request; not before. */
static void test_state(void **state)
{
	struct stage *stage = *state;
	struct http_exchange exchange = {0};
	struct request *request = request_new(&stage->server, &exchange);
	freed[0] = freed[1] = 0;
	request_set_state(request, &freed[0], free_first);
	request_set_state(request, &freed[1], free_second);
	assert_int_equal(freed[0], 1);
	assert_int_equal(freed[1], 0);
	assert_ptr_equal(request_ref(request), request);
	request_unref(request);
	assert_int_equal(freed[1], 0);
	assert_ptr_equal(request_of(&request->operation), request);
	request_unref(request);
	assert_int_equal(freed[0], 1);
	assert_int_equal(freed[1], 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_ids), TEST(test_state)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
