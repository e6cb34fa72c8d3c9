#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/cell/park.h"
#include "tests/unit/runner/directory.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_configure(void **state)
{
	(void)state;
	static const struct {
		const char *name, *script, *want_name, *want_script;
	} rows[] = {
	    {"python", NULL, "python", "/sandbox/scripts/main.py"},
	    {"python", "", "python", "/sandbox/scripts/main.py"},
	    {"node", NULL, "node", "/sandbox/scripts/main.js"},
	    {"node", "scripts/run.js", "node", "/sandbox/scripts/scripts/run.js"},
	    {"bash", NULL, NULL, ""},
	    {"", "../x", NULL, ""},
	    {NULL, NULL, NULL, ""},
	    {"Python", NULL, NULL, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct park park;
		struct error err = {0};
		assert_int_equal(park_configure(&park, rows[i].name, rows[i].script, "a,b", &err), 0);
		if (rows[i].want_name)
			assert_string_equal(park_name(&park), rows[i].want_name);
		else
			assert_null(park_name(&park));
		assert_string_equal(park.script, rows[i].want_script);
		assert_false(park_is_open(&park));
	}
}

static void test_configure_refuses(void **state)
{
	(void)state;
	static char preload[PARK_MAX_PRELOAD + 1];
	memset(preload, 'a', PARK_MAX_PRELOAD);
	static const char *const scripts[] = {"../x.py", "/x.py", "a//b", "."};
	struct park park;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct error err = {0};
		assert_int_equal(park_configure(&park, "python", scripts[i], NULL, &err), -1);
		assert_non_null(strstr(err.message, "SKILLBOX_PARK_SCRIPT"));
	}
	struct error err = {0};
	assert_int_equal(park_configure(&park, "python", NULL, preload, &err), -1);
	assert_non_null(strstr(err.message, "SKILLBOX_PRELOAD"));
	preload[PARK_MAX_PRELOAD - 1] = '\0';
	assert_int_equal(park_configure(&park, "python", NULL, preload, &err), 0);
}

/* A park that is open, in a directory of its own; the test plays the interpreter at child_fd. */
struct fixture {
	struct directory directory;
	struct place place;
	struct park park;
	struct job job;
	int child_fd;
};

static void open_park(struct fixture *f, const char *name)
{
	struct error err = {0};
	*f = (struct fixture){.child_fd = -1};
	assert_int_equal(directory_make(&f->directory), 0);
	f->place.fd = f->directory.fd;
	f->place.path = f->place.installed = f->directory.path;
	assert_int_equal(directory_write(f->directory.fd, PARK_NODE_HOOK, "", 0), 0);
	assert_int_equal(park_configure(&f->park, name, NULL, "json", &err), 0);
	if (park_open(&f->park, &f->place, "/usr/bin", &f->child_fd, &err) != 0)
		fail_msg("%s", err.message);
	job_init(&f->job, &f->place);
	assert_int_equal(job_base_environment(&f->job.environment, "/usr/bin", &err), 0);
	snprintf(f->job.interpreter_name, sizeof(f->job.interpreter_name), "%s", name);
	snprintf(f->job.script, sizeof(f->job.script), "%s", f->park.script);
}

static void close_park(struct fixture *f)
{
	park_close(&f->park);
	job_free(&f->job);
	if (f->child_fd >= 0)
		close(f->child_fd);
	assert_int_equal(directory_remove(&f->directory), 0);
}

static bool has_hook(const struct fixture *f)
{
	struct stat st;
	return fstatat(f->place.fd, ".parked", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static const char *variable(const struct environment *environment, const char *name)
{
	size_t n = strlen(name);
	for (unsigned i = 0; i < environment->count; i++)
		if (strncmp(environment->entries[i], name, n) == 0 && environment->entries[i][n] == '=')
			return environment->entries[i] + n + 1;
	return NULL;
}

static void test_environment_while_it_waits(void **state)
{
	(void)state;
	struct fixture f;
	char want[PATH_MAX + 64];
	open_park(&f, "python");
	snprintf(want, sizeof(want), "%s/.parked", f.directory.path);
	assert_string_equal(variable(&f.park.environment, "PYTHONPATH"), want);
	assert_string_equal(variable(&f.park.environment, "PATH"), "/usr/bin");
	assert_string_equal(variable(&f.park.environment, "SKILLBOX_PRELOAD"), "json");
	assert_string_equal(variable(&f.park.environment, "SKILLBOX_CHANNEL"), "1000");
	close_park(&f);
	assert_false(has_hook(&f));
	open_park(&f, "node");
	snprintf(want, sizeof(want), "--require=%s/park.cjs", f.directory.path);
	assert_string_equal(variable(&f.park.environment, "NODE_OPTIONS"), want);
	close_park(&f);
}

static void test_fits(void **state)
{
	(void)state;
	static const struct {
		struct str name, value;
		bool fits;
	} rows[] = {
	    {STR("API_URL"), STR("x"), true},      {STR("LANG"), STR("C.UTF-8"), true},
	    {STR("LANG"), STR("de_DE"), false},    {STR("LC_ALL"), STR("C"), false},
	    {STR("LC_"), STR("C"), false},         {STR("TZ"), STR("UTC"), false},
	    {STR("TZX"), STR("UTC"), true},        {STR("OMP_NUM_THREADS"), STR("1"), false},
	    {STR("OPENSSL_CONF"), STR(""), false}, {STR("LANGUAGES"), STR("de"), true},
	};
	struct fixture f;
	struct error err = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_park(&f, "python");
		assert_true(park_fits(&f.park, &f.job));
		assert_int_equal(environment_set(&f.job.environment, rows[i].name, rows[i].value, &err), 0);
		if (park_fits(&f.park, &f.job) != rows[i].fits)
			fail_msg("row %zu: %s", i, rows[i].name.p);
		close_park(&f);
		assert_false(park_fits(&f.park, &f.job));
	}
	open_park(&f, "python");
	f.job.script[sizeof(JOB_SCRIPTS) - 1] = 'x';
	assert_false(park_fits(&f.park, &f.job));
	f.job.script[sizeof(JOB_SCRIPTS) - 1] = 'm';
	assert_true(park_fits(&f.park, &f.job));
	f.job.interpreter_name[0] = 'P';
	assert_false(park_fits(&f.park, &f.job));
	close_park(&f);
}

static void test_hand_over(void **state)
{
	(void)state;
	struct fixture f;
	struct error err = {0};
	open_park(&f, "node");
	assert_int_equal(write(f.child_fd, "", 1), 1);
	assert_int_equal(park_await(&f.park, &err), 0);
	f.job.environment.entries[1][5] = 'X'; /* HOME=/tmp */
	assert_int_equal(park_hand_over(&f.park, &f.job.environment, &err), 0);
	static const char want[] = "\0\0\0\x38PATH=/usr/bin\0HOME=Xtmp\0LANG=C.UTF-8\0PYTHONUNBUFFERED=1";
	char got[128];
	assert_int_equal(recv(f.child_fd, got, sizeof(got), 0), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(recv(f.child_fd, got, sizeof(got), 0), 0); /* and no more */
	assert_false(park_is_open(&f.park));
	assert_int_equal(faccessat(f.directory.fd, PARK_NODE_HOOK, F_OK, 0),
			 0); /* for node's worker threads */
	close_park(&f);
}

/* The directory is shut while the hook still lies in it, as load_finish does. */
static void test_hook_goes_when_python_waits(void **state)
{
	(void)state;
	struct fixture f;
	struct error err = {0};
	struct stat st;
	open_park(&f, "python");
	assert_true(has_hook(&f));
	assert_int_equal(fchmod(f.place.fd, 0555), 0);
	assert_int_equal(write(f.child_fd, "", 1), 1);
	assert_int_equal(park_read(&f.park, &err), 0);
	assert_true(f.park.ready);
	assert_false(has_hook(&f));
	assert_int_equal(fstat(f.place.fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0555);
	close_park(&f);
}

static void test_never_ready(void **state)
{
	(void)state;
	struct fixture f;
	struct error err = {0};
	open_park(&f, "python");
	assert_int_equal(park_read(&f.park, &err), 0); /* nothing there yet */
	assert_int_equal(park_await(&f.park, &err), -1);
	assert_string_equal(err.message, "not ready within 1000 ms");
	close(f.child_fd);
	f.child_fd = -1;
	assert_int_equal(park_await(&f.park, &err), -1);
	assert_string_equal(err.message, "it did not come to the point where it waits");
	close_park(&f);
	assert_false(has_hook(&f));
}

/* Only where the hook does something beside waiting, and though the directory is shut by then. */
static void test_hook_of_a_cold_start(void **state)
{
	(void)state;
	static const char *const names[] = {"python", "bash", "node"};
	for (size_t i = 0; i < 3; i++) {
		struct fixture f = {0};
		struct error err = {0};
		struct stat st;
		char want[PATH_MAX + 64];
		assert_int_equal(directory_make(&f.directory), 0);
		f.place.fd = f.directory.fd;
		f.place.path = f.place.installed = f.directory.path;
		assert_int_equal(directory_write(f.directory.fd, PARK_NODE_HOOK, "", 0), 0);
		struct environment *environment = &f.job.environment;
		assert_int_equal(fchmod(f.place.fd, 0555), 0);
		assert_int_equal(park_hook_cold(&f.place, names[i], environment, &err), 0);
		assert_int_equal(fstat(f.place.fd, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0555);
		snprintf(want, sizeof(want), "--require=%s/park.cjs", f.directory.path);
		assert_false(has_hook(&f));
		assert_int_equal(environment->count, i == 2);
		if (i == 2) {
			assert_string_equal(variable(environment, "NODE_OPTIONS"), want);
			assert_int_equal(unlinkat(f.directory.fd, PARK_NODE_HOOK, 0), 0);
			assert_int_equal(park_hook_cold(&f.place, names[i], environment, &err), -1);
			assert_non_null(strstr(err.message, "park.cjs, which comes with the runner's image"));
		}
		environment_free(environment);
		assert_int_equal(fchmod(f.place.fd, 0755), 0);
		assert_int_equal(directory_remove(&f.directory), 0);
	}
}

static void test_strange_word(void **state)
{
	(void)state;
	struct fixture f;
	struct error err = {0};
	open_park(&f, "python");
	assert_int_equal(write(f.child_fd, "x", 1), 1);
	assert_int_equal(park_await(&f.park, &err), -1);
	assert_false(f.park.ready);
	close_park(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_configure),
	    cmocka_unit_test(test_configure_refuses),
	    cmocka_unit_test(test_environment_while_it_waits),
	    cmocka_unit_test(test_fits),
	    cmocka_unit_test(test_hand_over),
	    cmocka_unit_test(test_hook_goes_when_python_waits),
	    cmocka_unit_test(test_never_ready),
	    cmocka_unit_test(test_hook_of_a_cold_start),
	    cmocka_unit_test(test_strange_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
