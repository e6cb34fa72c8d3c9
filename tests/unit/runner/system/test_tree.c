#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/system/tree.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_stat(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool valid;
		pid_t parent;
		char letter;
	} rows[] = {
	    {"7 (bash) S 1 7 7 0 -1", true, 1, 'S'},
	    {"8 (runner) R 0 8 8", true, 0, 'R'},
	    {"9 (a b) T 12 1", true, 12, 'T'},
	    /* names that pretend */
	    {"9 (x) R 0 (y) Z 44 1", true, 44, 'Z'},
	    {"9 (\nPPid:\t0\n) S 45 1", true, 45, 'S'},
	    {"9 (() S 46 1", true, 46, 'S'},
	    {"9 ()) S 47 1", true, 47, 'S'},
	    {"9 (x) S 4", true, 4, 'S'},
	    {"", false, 0, 0},
	    {"9 (x", false, 0, 0},
	    {"9 (x)", false, 0, 0},
	    {"9 (x) ", false, 0, 0},
	    {"9 (x) S", false, 0, 0},
	    {"9 (x) S ", false, 0, 0},
	    {"9 (x) S x", false, 0, 0},
	    {"9 (x) S -1 3", false, 0, 0},
	    {"9 (x) S 99999999999 3", false, 0, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		pid_t parent = -7;
		char letter = 0;
		bool valid = tree_parse_stat(rows[i].text, &parent, &letter);
		if (valid != rows[i].valid ||
		    (valid && (parent != rows[i].parent || letter != rows[i].letter)))
			fail_msg("row %zu: %s", i, rows[i].text);
	}
}

static void test_reap(void **state)
{
	(void)state;
	int status = 0;
	bool ended = false;
	assert_false(tree_reap(1, &status, &ended)); /* no child at all */
	int hold[2];
	assert_int_equal(pipe(hold), 0);
	pid_t other = fork();
	if (other == 0) {
		char byte;
		close(hold[1]);
		_exit(read(hold[0], &byte, 1) == 0 ? 1 : 2);
	}
	pid_t watched = fork();
	if (watched == 0)
		_exit(9);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)watched, &info, WEXITED | WNOWAIT), 0);
	assert_true(tree_reap(watched, &status, &ended)); /* the other lives */
	assert_true(ended);
	assert_int_equal(WEXITSTATUS(status), 9);
	close(hold[0]);
	close(hold[1]);
	assert_int_equal(waitid(P_PID, (id_t)other, &info, WEXITED | WNOWAIT), 0);
	status = 0;
	ended = false;
	assert_false(tree_reap(watched, &status, &ended));
	assert_false(ended); /* somebody else's end */
}

/* A child that was made with another exit signal than SIGCHLD (clone with CLONE_PARENT puts one at PID 1) is
 * none that waitpid finds by itself: tree_end took the tree for dead while it lived. */
static void test_children_of_clone_count(void **state)
{
	(void)state;
	int hold[2];
	assert_int_equal(pipe(hold), 0);
	long child = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (child == 0) {
		char byte;
		close(hold[1]);
		_exit(read(hold[0], &byte, 1) == 0 ? 1 : 2);
	}
	assert_true(child > 0);
	int status;
	bool ended = false;
	assert_true(tree_reap((pid_t)child, &status, &ended));
	assert_false(ended);
	close(hold[0]);
	close(hold[1]);
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | __WALL), 0);
	assert_false(tree_reap((pid_t)child, &status, &ended));
	assert_true(ended);
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void test_end_without_children(void **state)
{
	(void)state;
	struct error err = {0};
	int status;
	bool ended = false;
	assert_int_equal(tree_end(1, &status, &ended, &err), 0); /* looks at nobody, signals nobody */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stat),
	    cmocka_unit_test(test_reap),
	    cmocka_unit_test(test_children_of_clone_count),
	    cmocka_unit_test(test_end_without_children),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
