/* A session with the sandbox of a pool: hello, the skill's files ahead of any job, then the job without them.
 * The stream is the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/session.h"
#include "lib/frame/frame.h"
#include "tests/unit/controller/sandbox/fake_stream.h"

static uv_loop_t loop;
static struct controller_config config = {
    .max_output = 1 << 20, .max_logs = 1 << 20, .max_files_bytes = 1 << 20, .max_files_count = 10};
static struct session_services services = {.loop = &loop, .config = &config, .clock = &clock_system};
static const struct pod pod = {
    .meta = {.name = (char *)"sbp-1", .namespace = (char *)"n", .uid = (char *)"p"},
    .token = (char *)"secret"};
static struct skill_file files[] = {{(char *)"lib/text.txt", NULL}, {(char *)"run.py", (char *)"import lib"}};
static struct skill skill = {.meta = {.uid = (char *)"s", .generation = 1},
			     .spec = {.name = (char *)"report",
				      .version = (char *)"1.0.0",
				      .lang = (char *)"python",
				      .files = files,
				      .file_count = 2}};
static const struct execution execution = {.meta = {.name = (char *)"e", .uid = (char *)"uid-1"},
					   .spec = {.input = (char *)"[1]", .ttl_seconds = -1}};
static unsigned changes;

static void changed(void *context)
{
	(void)context;
	changes++;
}

static struct session *park(const struct skill *bound)
{
	struct error problem;
	struct session *session = session_park(&services, &pod, bound, "acme", changed, NULL, &problem);
	if (!session)
		fail_msg("%s", problem.message);
	assert_int_equal(session_state(session), SESSION_OPENING);
	return session;
}

static void hello(enum frame_state state, const char *execution_id)
{
	const struct frame frame = {
	    .type = FRAME_HELLO,
	    .from_runner = true,
	    .hello = {.version = FRAME_VERSION, .state = state, .execution_id = str_of(execution_id)}};
	stream_say(&frame);
}

/* The stream is there: the session says hello, and its bytes are taken from then on. */
static void open_stream(void)
{
	stream->handler.open(stream->context);
	buffer_reset(&stream->written);
}

/* What was written since, as frames: how many of each kind, and the bytes of DATA. */
struct seen {
	unsigned of[FRAME_DATA + 1];
	uint64_t data;
	enum frame_type last;
	struct frame_start start;
	char script[64];
};

static struct seen written(void)
{
	struct seen seen = {0};
	struct str rest = buffer_str(&stream->written);
	struct error problem;
	while (rest.n > 0) {
		struct frame frame;
		size_t used = 0;
		if (frame_decode(rest, false, &frame, &used, &problem) != 1)
			fail_msg("%s", problem.message);
		rest.p += used;
		rest.n -= used;
		seen.of[frame.type]++;
		seen.last = frame.type;
		seen.data += frame.type == FRAME_DATA ? frame.data.n : 0;
		if (frame.type == FRAME_START)
			seen.start = frame.start;
		if (frame.type == FRAME_JOB)
			memcpy(seen.script, frame.job.script.p, frame.job.script.n);
	}
	buffer_reset(&stream->written);
	return seen;
}

static void run_loop(void)
{
	while (uv_run(&loop, UV_RUN_NOWAIT))
		;
}

static uint64_t bytes_of_files(void)
{
	return strlen(files[0].text) + strlen(files[1].text);
}

static void check_files(void)
{
	struct seen seen = written();
	assert_int_equal(seen.of[FRAME_FILE], 2);
	assert_int_equal(seen.data, bytes_of_files());
	assert_int_equal(seen.of[FRAME_HELLO], 1); /* asks whether they are there */
	assert_int_equal(seen.last, FRAME_HELLO);
	assert_int_equal(seen.of[FRAME_JOB], 0);
}

static void assign(struct session *session, const struct skill *of)
{
	const struct run_shape shape = {
	    .image = "i", .timeout_ms = 1000, .skill_version = "1.0.0", .skill_digest = "d"};
	struct error problem;
	if (session_assign(session, &execution, of, &shape, "acme", changed, NULL, &problem) != 0)
		fail_msg("%s", problem.message);
}

static void check_lost(struct session *session, const char *words)
{
	assert_int_equal(session_state(session), SESSION_LOST);
	if (!strstr(session_problem(session), words))
		fail_msg("%s lacks %s", session_problem(session), words);
	assert_null(stream);
	session_free(session);
}

static int set_up(void **state)
{
	(void)state;
	static char text[300001];
	memset(text, 'x', sizeof(text) - 1);
	files[0].text = text;
	services.bundles = bundle_cache_new(&loop, NULL, NULL);
	changes = 0;
	return services.bundles ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	run_loop();
	services.bundles = bundle_cache_free(services.bundles);
	assert_null(stream);
	return 0;
}

static void test_unbound_is_parked_by_its_hello(void **state)
{
	(void)state;
	struct session *session = park(NULL);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	assert_int_equal(session_state(session), SESSION_PARKED);
	assert_int_equal(stream->written.len, 0);
	assign(session, &skill);
	run_loop();
	struct seen seen = written();
	assert_int_equal(seen.of[FRAME_JOB], 1);
	assert_int_equal(seen.of[FRAME_FILE], 2);
	assert_int_equal(seen.last, FRAME_START);
	assert_int_equal(seen.start.file_count, 2);
	assert_int_equal(seen.start.byte_count, bytes_of_files() + 3);
	session_free(session);
}

static void check_bound(bool hello_first)
{
	struct session *session = park(&skill);
	if (!hello_first)
		run_loop(); /* the bundle is there before the sandbox says a word */
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	run_loop();
	assert_int_equal(session_state(session), SESSION_OPENING);
	check_files();
	assert_int_equal(changes, 0);
	hello(FRAME_STATE_LOADING, "");
	assert_int_equal(session_state(session), SESSION_PARKED);
	assert_int_equal(changes, 1);
	assert_int_equal(stream->written.len, 0);

	assign(session, NULL); /* the skill itself is not needed any more */
	struct seen seen = written();
	assert_int_equal(seen.of[FRAME_JOB], 1);
	assert_string_equal(seen.script, "run.py");
	assert_int_equal(seen.of[FRAME_FILE], 0);
	assert_int_equal(seen.data, 3);
	assert_int_equal(seen.start.file_count, 2);
	assert_int_equal(seen.start.byte_count, bytes_of_files() + 3);
	session_free(session);
}

static void test_files_then_job(void **state)
{
	(void)state;
	check_bound(true);
	changes = 0;
	check_bound(false); /* now from the cache, too */
}

/* Parked is what has them all, not what was sent a part. */
static void test_a_stream_that_is_slow(void **state)
{
	(void)state;
	struct session *session = park(&skill);
	open_stream();
	stream->room = 70000;
	hello(FRAME_STATE_WAITING, "");
	run_loop();
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(session_state(session), SESSION_OPENING);
		stream->room = 70000;
		stream->handler.drained(stream->context);
	}
	check_files();
	hello(FRAME_STATE_LOADING, "");
	assert_int_equal(session_state(session), SESSION_PARKED);
	session_free(session);
}

static void test_no_word_before_it_was_asked_for(void **state)
{
	(void)state;
	struct session *session = park(&skill);
	open_stream();
	stream->room = 70000; /* so most of the files are still here */
	hello(FRAME_STATE_WAITING, "");
	run_loop();
	hello(FRAME_STATE_LOADING, "");
	check_lost(session, "hello twice");

	session = park(NULL);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	hello(FRAME_STATE_WAITING, "");
	check_lost(session, "hello twice");

	session = park(&skill);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	run_loop();
	hello(FRAME_STATE_WAITING, ""); /* it has nothing: what became of the files? */
	check_lost(session, "hello twice");
}

static void test_files_that_it_cannot_take(void **state)
{
	(void)state;
	const struct frame failed = {.type = FRAME_FAILED,
				     .from_runner = true,
				     .failed = {STR("bad_job"), STR("no space left at run.py")}};
	struct session *session = park(&skill);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	run_loop();
	stream_say(&failed);
	check_lost(session, "bad_job: no space left at run.py");

	session = park(&skill); /* and the next stream hears it again */
	open_stream();
	hello(FRAME_STATE_FINISHED, "");
	run_loop();
	assert_int_equal(session_state(session), SESSION_OPENING);
	assert_null(session_found_execution(session));
	stream_say(&failed);
	check_lost(session, "bad_job: no space left at run.py");
}

/* A skill whose files can't be had costs a stream, and says why. */
static void test_no_bundle(void **state)
{
	(void)state;
	struct skill broken = skill;
	broken.meta.uid = (char *)"other";
	broken.spec.lang = (char *)"node"; /* there is no script in it */
	struct session *session = park(&broken);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	run_loop();
	check_lost(session, "the skill has no entrypoint");

	session = park(&broken);
	run_loop(); /* before the sandbox says a word */
	check_lost(session, "the skill has no entrypoint");
}

/* Another controller gave it a job: no file is sent. */
static void test_found_at_work(void **state)
{
	(void)state;
	struct session *session = park(&skill);
	run_loop();
	open_stream();
	hello(FRAME_STATE_RUNNING, "e-9");
	assert_int_equal(session_state(session), SESSION_PARKED);
	assert_string_equal(session_found_execution(session), "e-9");
	assert_null(stream);
	session_free(session);
}

/* The stream outlives the result, so that its end costs nobody time; nothing that happens to it counts any
 * more. */
static void test_nothing_counts_after_the_result(void **state)
{
	(void)state;
	static const struct frame run[] = {
	    {.type = FRAME_STARTED, .from_runner = true},
	    {.type = FRAME_EXIT, .from_runner = true, .exit = {.reason = FRAME_EXITED, .exit_code = 3}},
	    {.type = FRAME_END, .from_runner = true},
	};
	struct session *session = park(NULL);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	assign(session, &skill);
	run_loop();
	for (size_t i = 0; i < sizeof(run) / sizeof(run[0]); i++)
		stream_say(&run[i]);
	run_loop();
	assert_int_equal(session_state(session), SESSION_DONE);
	assert_int_equal(session_result(session)->exit_code, 3);
	assert_non_null(stream);
	buffer_reset(&stream->written);
	session_cancel(session);
	assert_int_equal(stream->written.len, 0);
	stream_say(&run[0]);
	stream->handler.output(stream->context, STR("\xff no frame"));
	assert_int_equal(session_state(session), SESSION_DONE);
	stream_end(NULL, 1);
	assert_int_equal(session_state(session), SESSION_DONE);
	session_free(session);
}

static void test_freed_at_any_time(void **state)
{
	(void)state;
	session_free(park(&skill)); /* while the bundle is being made */
	struct session *session = park(&skill);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	session_free(session);
	run_loop();
	session = park(&skill);
	open_stream();
	stream->room = 10;
	hello(FRAME_STATE_WAITING, "");
	session_free(session);
}

int main(void)
{
	if (uv_loop_init(&loop) != 0)
		return 1;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_unbound_is_parked_by_its_hello, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_files_then_job, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_stream_that_is_slow, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_no_word_before_it_was_asked_for, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_files_that_it_cannot_take, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_no_bundle, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_found_at_work, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_nothing_counts_after_the_result, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_freed_at_any_time, set_up, tear_down),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return uv_loop_close(&loop) == 0 ? failed : 1;
}
