/* A sealed process leaves no core and can't be looked into, and what it starts inherits the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/process.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNSEALED = 10, CORE_LIMIT = 11, DUMPABLE = 12 };

static void child(void)
{
	struct rlimit core = {1, 1};
	struct error err;
	const struct rlimit much = {1 << 20, 1 << 20};
	setrlimit(RLIMIT_CORE, &much);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (process_seal(&err) != 0)
		_exit(UNSEALED);
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		_exit(CORE_LIMIT);
	_exit(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : DUMPABLE);
}

static void sealed(void **state)
{
	(void)state;
	int status = 0;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void no_core_is_dumped(void **state)
{
	(void)state;
	int status = 0;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		process_seal(&(struct error){0});
		raise(SIGABRT);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_false(WCOREDUMP(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sealed),
	    cmocka_unit_test(no_core_is_dumped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
