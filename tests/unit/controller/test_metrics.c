/* controller/metrics.c and docs/metrics.md */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/metrics.h"
#include "tests/unit/metrics_document.h"

static void the_document_lists_what_is_there(void **state)
{
	(void)state;
	check_document(controller_metric_table, CONTROLLER_METRIC_COUNT, 'C');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_document_lists_what_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
