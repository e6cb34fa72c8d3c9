/* What clients are told of what. Nothing that is inside may come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/failure.h"
#include "apiserver/metrics.h"
#include "tests/unit/apiserver/stage.h"

#define INSIDE "/var/lib/secret"
#define WHAT "the thing could not be done"

static const char again[] = WHAT "; try again in a moment";
static const char busy[] =
    WHAT ": the cluster was asked for too much of the same at once; try again in a moment";
static const char see_log[] = WHAT "; the server's log has the reason under this request_id";

static void test_faults(void **state)
{
	struct stage *stage = *state;
	for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++) {
		struct error err, told;
		bool may_pass = code == ERR_UNAVAILABLE || code == ERR_TIMEOUT || code == ERR_RATE_LIMITED ||
				code == ERR_NO_CAPACITY || code == ERR_NO_MEMORY;
		error_set(&err, (enum error_code)code, INSIDE);
		failure_of_fault(stage->caller, WHAT, &err, &told);
		assert_int_equal(told.code, may_pass ? ERR_UNAVAILABLE : ERR_INTERNAL);
		assert_string_equal(told.message, may_pass ? again : see_log);
		failure_of_fault(stage->caller, WHAT, &err, &err); /* in place */
		assert_int_equal(err.code, told.code);
		assert_string_equal(err.message, told.message);
	}
}

static void test_errors(void **state)
{
	struct stage *stage = *state;
	for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++) {
		struct error err, told;
		error_set(&err, (enum error_code)code, "your field is wrong");
		failure_of_error(stage->caller, &err, &told);
		if (error_code_http_status(err.code) == 500) {
			assert_int_equal(told.code, ERR_INTERNAL);
			assert_string_equal(
			    told.message,
			    "the request failed; the server's log has the reason under this request_id");
		} else {
			assert_int_equal(told.code, code);
			assert_string_equal(told.message, "your field is wrong");
		}
	}
}

static void test_kube(void **state)
{
	static const struct {
		int status;
		enum error_code code;
		const char *says;
		enum error_code expected;
		const char *message;
	} rows[] = {
	    {403, ERR_FORBIDDEN, "exceeded quota: " INSIDE, ERR_NO_CAPACITY,
	     WHAT ": the tenant's quota in the cluster is used up; try again later"},
	    {403, ERR_FORBIDDEN, "status unknown for quota: " INSIDE, ERR_UNAVAILABLE,
	     WHAT ": the tenant's quota in the cluster has just been made; try again in a moment"},
	    {403, ERR_FORBIDDEN, INSIDE, ERR_INTERNAL, see_log},
	    {422, ERR_BAD_REQUEST, INSIDE, ERR_BAD_REQUEST,
	     WHAT ": the cluster's rules refuse it as too large or malformed"},
	    {413, ERR_TOO_LARGE, INSIDE, ERR_BAD_REQUEST,
	     WHAT ": the cluster's rules refuse it as too large or malformed"},
	    {401, ERR_UNAUTHORIZED, INSIDE, ERR_INTERNAL, see_log},
	    {404, ERR_NOT_FOUND, INSIDE, ERR_INTERNAL, see_log},
	    {409, ERR_CONFLICT, INSIDE, ERR_UNAVAILABLE, busy},
	    {429, ERR_RATE_LIMITED, INSIDE, ERR_UNAVAILABLE, again},
	    {503, ERR_UNAVAILABLE, INSIDE, ERR_UNAVAILABLE, again},
	    {0, ERR_UNAVAILABLE, INSIDE, ERR_UNAVAILABLE, again},
	};
	struct stage *stage = *state;
	struct metrics *metrics = stage->server.metrics;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err, told;
		error_set(&err, rows[i].code, "%s", rows[i].says);
		const struct kube_response response = {.status = rows[i].status, .error = &err};
		failure_of_kube(stage->caller, metrics, WHAT, &response, &told);
		assert_int_equal(told.code, rows[i].expected);
		assert_string_equal(told.message, rows[i].message);
	}
	assert_true(metrics_get(metrics, APISERVER_REFUSED, METRIC_AT(REFUSED_QUOTA)) == 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_faults), TEST(test_errors), TEST(test_kube)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
