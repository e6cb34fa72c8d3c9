#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/mapping.h"
#include "lib/base/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void test_files_are_mapped_whole(void **state)
{
	(void)state;
	static const struct {
		int64_t size;
		enum error_code code;
	} rows[] = {{7, ERR_NONE}, {8, ERR_IO}, {3, ERR_NONE}, {0, ERR_NONE}, {-1, ERR_IO}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		struct mapping mapping = {0};
		int fd = temporary_file(&err);
		assert_int_equal(pwrite(fd, "content", 7, 0), 7);
		int result = mapping_take(&mapping, fd, rows[i].size, &err);
		assert_int_equal(result, rows[i].code == ERR_NONE ? 0 : -1);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(fcntl(fd, F_GETFD), -1); /* closed */
		assert_int_equal(errno, EBADF);
		if (result == 0) {
			assert_non_null(mapping.text.p);
			assert_int_equal(mapping.text.n, rows[i].size);
			assert_memory_equal(mapping.text.p, "content", (size_t)rows[i].size);
		}
		mapping_clear(&mapping);
		mapping_clear(&mapping);
		assert_null(mapping.text.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_files_are_mapped_whole)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
