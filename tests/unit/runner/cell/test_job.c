/* A job from its first frame to START: the order of frames, what the script's environment becomes, and which
 * errors are whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/cell/job.h"
#include "tests/unit/runner/directory.h"

#include <string.h>

struct fixture {
	struct directory sandbox;
	struct place place;
	struct interpreters interpreters;
	struct job_context context;
	struct job job;
	struct error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	if (!f || directory_make(&f->sandbox) != 0 || mkdirat(f->sandbox.fd, "scripts", 0755) != 0 ||
	    mkdirat(f->sandbox.fd, "packages", 0755) != 0)
		return -1;
	place_init(&f->place);
	f->place.fd = dup(f->sandbox.fd);
	f->place.scripts_fd = openat(f->sandbox.fd, "scripts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->place.packages_fd = openat(f->sandbox.fd, "packages", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(f->interpreters.path[0], sizeof(f->interpreters.path[0]), "/usr/bin/python3");
	f->context = (struct job_context){&f->interpreters, "/bin:/usr/bin"};
	job_init(&f->job, &f->place);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	job_free(&f->job);
	place_free(&f->place);
	int r = directory_remove(&f->sandbox);
	free(f);
	return r;
}

static int take(struct fixture *f, struct frame frame)
{
	f->err = (struct error){0};
	return job_take(&f->job, &f->context, &frame, &f->err);
}

static void refuse(struct fixture *f, struct frame frame, enum error_code code, const char *words)
{
	assert_int_equal(take(f, frame), -1);
	if (f->err.code != code || !strstr(f->err.message, words))
		fail_msg("got %d \"%s\", want %d and \"%s\"", f->err.code, f->err.message, code, words);
}

static struct frame job_frame(const char *interpreter, const char *script)
{
	return (struct frame){.type = FRAME_JOB,
			      .job = {.execution_id = STR("e-1"),
				      .note = STR("note"),
				      .interpreter = str_of(interpreter),
				      .script = str_of(script),
				      .timeout_ms = 1,
				      .max_output = 2,
				      .max_logs = 3,
				      .max_files_bytes = 4,
				      .max_files_count = 5}};
}

static struct frame file_frame(const char *path, uint64_t size)
{
	return (struct frame){.type = FRAME_FILE, .file = {str_of(path), 0644, size}};
}

static struct frame env_frame(const char *name, const char *value)
{
	return (struct frame){.type = FRAME_ENV, .env = {str_of(name), str_of(value)}};
}

static struct frame input_frame(uint64_t size)
{
	return (struct frame){.type = FRAME_INPUT, .input = {size}};
}

static struct frame data_frame(struct str data)
{
	return (struct frame){.type = FRAME_DATA, .data = data};
}

static struct frame start_frame(uint32_t files, uint64_t bytes)
{
	return (struct frame){.type = FRAME_START, .start = {files, bytes}};
}

/* NULL: there is no such variable. */
static const char *variable(const struct fixture *f, const char *name)
{
	size_t n = strlen(name);
	for (unsigned i = 0; i < f->job.environment.count; i++)
		if (strncmp(f->job.environment.entries[i], name, n) == 0 &&
		    f->job.environment.entries[i][n] == '=')
			return f->job.environment.entries[i] + n + 1;
	return NULL;
}

static void give_job(struct fixture *f)
{
	if (take(f, job_frame("python", "main.py")) != 0)
		fail_msg("%s", f->err.message);
}

static void give_script(struct fixture *f)
{
	assert_int_equal(take(f, file_frame("main.py", 4)), 0);
	assert_int_equal(take(f, data_frame(STR("pass"))), 0);
}

static void give_input(struct fixture *f, struct str text)
{
	assert_int_equal(take(f, input_frame(text.n)), 0);
	for (size_t at = 0; at < text.n; at += FRAME_DATA_SIZE) {
		size_t n = text.n - at < FRAME_DATA_SIZE ? text.n - at : FRAME_DATA_SIZE;
		assert_int_equal(take(f, data_frame((struct str){text.p + at, n})), 0);
	}
}

static void test_whole_job(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(f->job.state, FRAME_STATE_WAITING);
	give_job(f);
	assert_int_equal(f->job.state, FRAME_STATE_LOADING);
	assert_int_equal(take(f, env_frame("API_URL", "first")), 0);
	assert_int_equal(take(f, env_frame("API_URL", "last")), 0);
	assert_int_equal(take(f, env_frame("LANG", "de_DE")), 0);
	assert_int_equal(take(f, env_frame("SKILL_INSTRUCTIONS", "do it")), 0);
	give_script(f);
	give_input(f, STR("{\"a\":1}"));
	assert_int_equal(take(f, start_frame(1, 11)), 1);
	assert_int_equal(f->job.state, FRAME_STATE_LOADING); /* the start is the caller's */
	assert_string_equal(f->job.execution_id, "e-1");
	assert_string_equal(f->job.note, "note");
	assert_string_equal(f->job.interpreter, "/usr/bin/python3");
	assert_string_equal(f->job.script, "/sandbox/scripts/main.py");
	assert_int_equal(f->job.timeout_ms, 1);
	assert_int_equal(f->job.max_output, 2);
	assert_int_equal(f->job.max_logs, 3);
	assert_true(f->job.max_files_bytes == 4);
	assert_int_equal(f->job.max_files_count, 5);
	static const char *const want[][2] = {
	    {"PATH", "/bin:/usr/bin"},
	    {"HOME", "/tmp"},
	    {"LANG", "de_DE"},
	    {"PYTHONUNBUFFERED", "1"},
	    {"SANDBOX_EXECUTION_ID", "e-1"},
	    {"SANDBOX_INPUT_FILE", "/sandbox/input.json"},
	    {"SANDBOX_OUTPUT", "/sandbox/out/output.json"},
	    {"SANDBOX_FILES_DIR", "/sandbox/out/files/"},
	    {"SANDBOX_INPUT", "{\"a\":1}"},
	    {"API_URL", "last"},
	    {"SKILL_INSTRUCTIONS", "do it"},
	};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const char *got = variable(f, want[i][0]);
		if (!got || strcmp(got, want[i][1]) != 0)
			fail_msg("%s is %s, not %s", want[i][0], got ? got : "missing", want[i][1]);
	}
	assert_int_equal(f->job.environment.count, sizeof(want) / sizeof(want[0]));
}

static void test_usual_path(void **state)
{
	struct fixture *f = *state;
	f->context.search = "";
	give_job(f);
	assert_string_equal(variable(f, "PATH"), ENVIRONMENT_DEFAULT_PATH);
}

static void test_input_in_the_environment(void **state)
{
	static char text[LOAD_ENV_INPUT_MAX + 1];
	static const struct {
		size_t size;
		char first;
		bool there;
	} rows[] = {
	    {0, 'x', true}, /* empty */
	    {1, 'x', true},   {LOAD_ENV_INPUT_MAX, 'x', true}, {LOAD_ENV_INPUT_MAX + 1, 'x', false},
	    {3, '\0', false}, /* no variable can hold it */
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(text, 'x', sizeof(text));
		text[0] = rows[i].first;
		give_job(f);
		give_script(f);
		give_input(f, (struct str){text, rows[i].size});
		assert_int_equal(take(f, start_frame(1, 4 + rows[i].size)), 1);
		const char *got = variable(f, "SANDBOX_INPUT");
		if ((got != NULL) != rows[i].there || (got && strlen(got) != rows[i].size))
			fail_msg("row %zu", i);
		assert_int_equal(fchmod(f->place.fd, 0755), 0);
		assert_int_equal(fchmod(f->place.scripts_fd, 0755), 0);
		assert_int_equal(job_discard(&f->job, &f->err), 0);
	}
}

static void test_order_of_frames(void **state)
{
	struct fixture *f = *state;
	static const enum frame_type without_job[] = {FRAME_ENV, FRAME_INPUT, FRAME_START, FRAME_CANCEL,
						      FRAME_HELLO};
	for (size_t i = 0; i < sizeof(without_job) / sizeof(without_job[0]); i++)
		refuse(f, (struct frame){.type = without_job[i]}, ERR_PROTOCOL, "without JOB before it");
	refuse(f, data_frame(STR("x")), ERR_PROTOCOL, "without a FILE");
	assert_int_equal(f->job.state, FRAME_STATE_WAITING);
	give_job(f);
	refuse(f, job_frame("python", "main.py"), ERR_PROTOCOL, "a job already");
	refuse(f, (struct frame){.type = FRAME_CANCEL}, ERR_PROTOCOL, "CANCEL in the middle of a job");
	give_script(f);
	refuse(f, env_frame("A", "b"), ERR_PROTOCOL, "ENV after FILE or INPUT");
	give_input(f, STR("1"));
	refuse(f, env_frame("A", "b"), ERR_PROTOCOL, "ENV after FILE or INPUT");
	refuse(f, file_frame("late.py", 1), ERR_PROTOCOL, "FILE after INPUT");
	refuse(f, start_frame(2, 5), ERR_PROTOCOL, "START counts 2 files");
	for (enum frame_state later = FRAME_STATE_RUNNING; later <= FRAME_STATE_FINISHED; later++) {
		f->job.state = later;
		refuse(f, job_frame("python", "main.py"), ERR_PROTOCOL, "has a job already");
		refuse(f, file_frame("more.py", 1), ERR_PROTOCOL, "has a job already");
		refuse(f, start_frame(1, 5), ERR_PROTOCOL, "has a job already");
	}
}

static void test_job_inside_a_file(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(take(f, file_frame("main.py", 4)), 0);
	assert_int_equal(take(f, data_frame(STR("pa"))), 0);
	assert_false(job_has_files(&f->job));
	refuse(f, job_frame("python", "main.py"), ERR_PROTOCOL, "2 bytes are missing");
	assert_false(f->job.wanted);
}

static void test_files_ahead(void **state)
{
	struct fixture *f = *state;
	assert_false(job_has_files(&f->job));
	give_script(f);
	assert_int_equal(f->job.state, FRAME_STATE_LOADING);
	assert_true(job_has_files(&f->job));
	give_job(f);
	assert_false(job_has_files(&f->job));
	assert_int_equal(take(f, env_frame("A", "b")), 0); /* only files after JOB end the variables */
	assert_int_equal(take(f, file_frame("more.py", 0)), 0);
	refuse(f, env_frame("C", "d"), ERR_PROTOCOL, "ENV after FILE or INPUT");
	give_input(f, STR("1"));
	assert_int_equal(take(f, start_frame(2, 5)), 1);
}

static void test_variables_that_are_refused(void **state)
{
	static const char *const names[] = {"PATH",       "ld_preload", "SANDBOX_X", "SKILL_X",
					    "PYTHONPATH", "A B",        ""};
	struct fixture *f = *state;
	give_job(f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		refuse(f, env_frame(names[i], "x"), ERR_INVALID_ENV, "is not allowed");
	assert_string_equal(variable(f, "PATH"), "/bin:/usr/bin");
}

static void test_jobs_that_cannot_run(void **state)
{
	struct fixture *f = *state;
	refuse(f, job_frame("ruby", "main.rb"), ERR_NOT_FOUND, "the image has no ruby");
	assert_int_equal(job_discard(&f->job, &f->err), 0);
	refuse(f, job_frame("node", "main.js"), ERR_NOT_FOUND, "the image has no node");
	assert_int_equal(job_discard(&f->job, &f->err), 0);
	assert_int_equal(take(f, job_frame("python", "other.py")), 0);
	give_script(f);
	give_input(f, STR("1"));
	refuse(f, start_frame(1, 5), ERR_BAD_REQUEST, "the skill has no file other.py");
}

static void test_a_script_must_be_a_file(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(take(f, job_frame("python", "lib")), 0);
	assert_int_equal(take(f, file_frame("lib/x.py", 0)), 0);
	assert_int_equal(symlinkat("lib/x.py", f->place.scripts_fd, "main.py"), 0);
	give_input(f, STR("1"));
	refuse(f, start_frame(1, 1), ERR_BAD_REQUEST, "no file lib");
	memcpy(f->job.script + sizeof(JOB_SCRIPTS) - 1, "main.py", sizeof("main.py")); /* a link */
	refuse(f, start_frame(1, 1), ERR_BAD_REQUEST, "no file main.py");
}

/* The longest texts that the decoder lets through. */
static void test_longest_texts(void **state)
{
	static char name[FRAME_MAX_NAME], note[FRAME_MAX_TEXT], path[FRAME_MAX_PATH];
	struct fixture *f = *state;
	memset(name, 'n', sizeof(name));
	memset(note, 't', sizeof(note));
	memset(path, 'p', sizeof(path));
	struct frame frame = job_frame("python", "main.py");
	frame.job.execution_id = (struct str){name, sizeof(name)};
	frame.job.interpreter = (struct str){name, sizeof(name)};
	frame.job.note = (struct str){note, sizeof(note)};
	frame.job.script = (struct str){path, sizeof(path)};
	refuse(f, frame, ERR_NOT_FOUND, "the image has no nnnn");
	assert_int_equal(strlen(f->job.execution_id), sizeof(name));
	assert_int_equal(strlen(f->job.note), sizeof(note));
	assert_int_equal(strlen(f->job.script), sizeof(JOB_SCRIPTS) - 1 + sizeof(path));
}

static void test_discard(void **state)
{
	struct fixture *f = *state;
	give_job(f);
	assert_int_equal(take(f, env_frame("OLD", "1")), 0);
	give_script(f);
	give_input(f, STR("1"));
	assert_int_equal(job_discard(&f->job, &f->err), 0);
	assert_int_equal(f->job.state, FRAME_STATE_WAITING);
	assert_string_equal(f->job.execution_id, "");
	assert_int_equal(f->job.environment.count, 0);
	assert_int_equal(faccessat(f->place.scripts_fd, "main.py", F_OK, 0), -1);
	assert_int_equal(faccessat(f->place.fd, "input.json", F_OK, 0), -1);
	test_whole_job(state); /* as good as new */
}

static void test_reasons(void **state)
{
	(void)state;
	assert_string_equal(job_failed_reason(ERR_PROTOCOL), "protocol");
	assert_string_equal(job_failed_reason(ERR_BAD_REQUEST), "bad_job");
	assert_string_equal(job_failed_reason(ERR_INVALID_ENV), "bad_job");
	assert_string_equal(job_failed_reason(ERR_NOT_FOUND), "no_interpreter");
	assert_string_equal(job_failed_reason(ERR_IO), "io");
	assert_string_equal(job_failed_reason(ERR_NO_MEMORY), "io");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_whole_job),
	    TEST(test_usual_path),
	    TEST(test_input_in_the_environment),
	    TEST(test_order_of_frames),
	    TEST(test_job_inside_a_file),
	    TEST(test_files_ahead),
	    TEST(test_variables_that_are_refused),
	    TEST(test_jobs_that_cannot_run),
	    TEST(test_a_script_must_be_a_file),
	    TEST(test_longest_texts),
	    TEST(test_discard),
	    TEST(test_reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
