/* What a result means: the words that callers of a server know, and those of a local run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/run/verdict.h"

#include <string.h>

static void test_words(void **state)
{
	(void)state;
	static const struct {
		struct run_result result;
		const char *code, *message;
	} cases[] = {
	    {{.reason = FRAME_EXITED}, NULL, "the script ended with exit code 0"},
	    {{.reason = FRAME_EXITED, .exit_code = 3, .reason_text = (char *)"no"},
	     "exit_nonzero",
	     "container exited with code 3: no"},
	    {{.reason = FRAME_TIMED_OUT, .exit_code = 137}, "timeout", "execution timed out after 1m30s"},
	    {{.reason = FRAME_OOM, .exit_code = 137},
	     "oom_killed",
	     "container exited with code 137: out of memory (limit 64 MiB)"},
	    {{.failure = (char *)"io: full", .failure_code = (char *)"sandbox_start_failed"},
	     "sandbox_start_failed",
	     "io: full"},
	    {{.reason = FRAME_EXITED, .exit_code = 1, .output_problem = (char *)"byte 1"},
	     "exit_nonzero",
	     "container exited with code 1"},
	    {{.reason = FRAME_EXITED, .exit_code = 1, .not_stored = (char *)"full"},
	     "exit_nonzero",
	     "container exited with code 1; and its result could not be stored: full"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char message[VERDICT_SIZE];
		const char *code = verdict_of(&cases[i].result, 90000, 64 << 20, message);
		assert_string_equal(code ? code : "", cases[i].code ? cases[i].code : "");
		assert_string_equal(message, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_words)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
