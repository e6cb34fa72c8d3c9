/* apiserver/metrics.c and docs/metrics.md */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/metrics.h"
#include "tests/unit/metrics_document.h"

static void the_document_lists_what_is_there(void **state)
{
	(void)state;
	check_document(apiserver_metric_table, APISERVER_METRIC_COUNT, 'A');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_document_lists_what_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
