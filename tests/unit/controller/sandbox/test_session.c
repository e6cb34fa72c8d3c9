/* A session from its HELLO to its result: with the sandbox of a pool (the skill's files ahead of any job,
 * then the job without them), with an Execution's own, and with one that another controller gave a job.
 * Stream and store are the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/frame/taker.h"
#include "controller/sandbox/session.h"
#include "lib/blob/blob_internal.h"
#include "lib/frame/frame.h"
#include "lib/run/layers.h"
#include "tests/unit/controller/sandbox/fake_stream.h"

static uv_loop_t loop;
static struct controller_config config = {.policy.max_output_size = 1 << 20,
					  .max_logs = 1 << 20,
					  .policy.max_files_size = 1 << 20,
					  .max_files_count = 10};
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
static const struct run_shape run_shape = {
    .image = "i", .timeout_ms = 1000, .skill_version = "1.0.0", .skill_digest = "d"};
static unsigned changes;

/* A store that answers when the test says so. */
static struct fake_store {
	struct blob_store base;
	blob_done_cb done;
	void *context;
	unsigned calls;
} store;

static int fake_get(struct blob_store *base, const struct blob_key *key, int64_t max, blob_done_cb done,
		    void *context, struct error *err)
{
	(void)base, (void)key, (void)max, (void)err;
	store.done = done;
	store.context = context;
	store.calls++;
	return 0;
}

static int fake_put(struct blob_store *base, const struct blob_key *key, int fd, int64_t size,
		    blob_done_cb done, void *context, struct error *err)
{
	(void)fd;
	return fake_get(base, key, size, done, context, err);
}

static const struct blob_operations operations = {.get = fake_get, .put = fake_put};

static void changed(void *context)
{
	(void)context;
	changes++;
}

static struct session *park(const struct skill *bound)
{
	struct error err;
	struct session *session = session_park(&services, &pod, bound, "acme", changed, NULL, &err);
	if (!session)
		fail_msg("%s", err.message);
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
	unsigned of[FRAME_PACKED + 1];
	uint64_t data;
	enum frame_type last;
	struct frame_start start;
	char script[64];
};

static struct seen written(void)
{
	struct seen seen = {0};
	struct taker taker = taker_of(buffer_str(&stream->written));
	struct frame frame;
	while (taker_next(&taker, &frame)) {
		seen.of[frame.type]++;
		seen.last = frame.type;
		seen.data += frame.type == FRAME_DATA ? frame.data.n : 0;
		if (frame.type == FRAME_START)
			seen.start = frame.start;
		if (frame.type == FRAME_JOB)
			memcpy(seen.script, frame.job.script.p, frame.job.script.n);
	}
	buffer_free(&taker.unpacked);
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
	struct error err;
	if (session_assign(session, &execution, of, &run_shape, "acme", changed, NULL, &err) != 0)
		fail_msg("%s", err.message);
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
	taker_fill(text, sizeof(text) - 1);
	files[0].text = text;
	services.bundles = bundle_cache_new(&loop, NULL, NULL, NULL);
	changes = 0;
	store = (struct fake_store){.base = {&operations}};
	services.store = &store.base;
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
	check_lost(session, "no entrypoint for lang node");

	session = park(&broken);
	run_loop(); /* before the sandbox says a word */
	check_lost(session, "no entrypoint for lang node");
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

/* With an Execution's own sandbox. */
static struct session *start(const struct skill *of)
{
	struct error err;
	struct session *session =
	    session_start(&services, &execution, of, &run_shape, &pod, "acme", changed, NULL, &err);
	if (!session)
		fail_msg("%s", err.message);
	assert_int_equal(session_state(session), SESSION_OPENING);
	open_stream();
	return session;
}

static const struct frame started = {.type = FRAME_STARTED, .from_runner = true},
			  end = {.type = FRAME_END, .from_runner = true},
			  ended = {.type = FRAME_EXIT,
				   .from_runner = true,
				   .exit = {.reason = FRAME_SIGNALED, .exit_code = 139, .run_us = 2500}};

static void test_each_state_is_told_once(void **state)
{
	(void)state;
	struct session *session = start(&skill);
	run_loop();
	assert_int_equal(session_opened_us(session), 0);
	hello(FRAME_STATE_WAITING, "");
	assert_true(session_opened_us(session) > 0);
	assert_int_equal(written().last, FRAME_START);
	assert_int_equal(changes, 0);
	assert_int_equal(session_started_ms(session), 0);
	stream_say(&started);
	assert_int_equal(session_state(session), SESSION_RUNNING);
	assert_int_equal(changes, 1);
	assert_true(session_started_ms(session) > 0);
	stream_say(&ended);
	assert_int_equal(session_state(session), SESSION_COLLECTING);
	assert_int_equal(changes, 2);
	stream_say(&end);
	assert_int_equal(session_state(session), SESSION_DONE);
	assert_int_equal(changes, 3);
	const struct run_result *result = session_result(session);
	assert_int_equal(result->reason, FRAME_SIGNALED);
	assert_int_equal(result->exit_code, 139);
	assert_null(result->failure);
	assert_non_null(result->isolation);
	assert_true(result->timings.start >= 0 && result->timings.collect >= 0);
	assert_true(result->timings.run == 2.5);
	assert_true(result->timings.queue < 0 && result->timings.total < 0); /* not for it to know */
	session_free(session);
}

/* The sandbox has the job already: from another stream, or another controller. */
static void test_taken_up_where_it_is(void **state)
{
	(void)state;
	static const enum frame_state states[] = {FRAME_STATE_LOADING, FRAME_STATE_RUNNING,
						  FRAME_STATE_FINISHED};
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct session *session = start(i == 0 ? &skill : NULL);
		hello(states[i], "uid-1");
		run_loop();
		assert_int_equal(stream->written.len, 0);
		stream_say(&started);
		stream_say(&ended);
		stream_say(&end);
		assert_int_equal(session_state(session), SESSION_DONE);
		assert_true(session_result(session)->timings.start < 0); /* who knows */
		session_free(session);
	}
}

static void test_the_job_of_another(void **state)
{
	(void)state;
	static const char *const others[] = {"uid-9", "", "uid-11", "uid-"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct session *session = start(&skill);
		hello(FRAME_STATE_RUNNING, others[i]);
		check_lost(session, "the job of another execution");
		run_loop();
	}
}

/* What no other try would mend is a result; all else costs the stream. */
static void test_what_becomes_of_a_failure(void **state)
{
	(void)state;
	static struct skill broken;
	static const struct {
		const char *required, *reason;
		const struct skill *skill;
		const char *code, *words;
	} cases[] = {
	    {"landlock", NULL, &skill, "sandbox_start_failed", "landlock (its runner doesn't know it)"},
	    {"", NULL, &broken, "no_entrypoint", "no entrypoint"},
	    {"", NULL, NULL, "sandbox_start_failed", "the skill was deleted"},
	    {"", "no_interpreter", &skill, "sandbox_start_failed", "no_interpreter: what it says"},
	    {"", "io", &skill, "sandbox_start_failed", "io: what it says"},
	    {"", "protocol", &skill, NULL, "sandbox: protocol: what it says"},
	};
	broken = skill;
	broken.meta.uid = (char *)"other";
	broken.spec.lang = (char *)"node"; /* there is no script in it */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(layers_parse(str_of(cases[i].required), &config.required_layers, NULL), 0);
		struct session *session = start(cases[i].skill);
		hello(FRAME_STATE_WAITING, "");
		run_loop();
		if (cases[i].reason) {
			const struct frame failed = {
			    .type = FRAME_FAILED,
			    .from_runner = true,
			    .failed = {str_of(cases[i].reason), STR("what it says")}};
			stream_say(&failed);
		}
		if (!cases[i].code) {
			check_lost(session, cases[i].words);
			continue;
		}
		assert_int_equal(session_state(session), SESSION_DONE);
		assert_string_equal(session_result(session)->failure_code, cases[i].code);
		if (!strstr(session_result(session)->failure, cases[i].words))
			fail_msg("%s lacks %s", session_result(session)->failure, cases[i].words);
		assert_non_null(session_result(session)->isolation);
		assert_null(stream);
		session_free(session);
	}
	config.required_layers = (struct layer_set){0};
}

/* A message of any length is cut, not believed. */
static void test_a_failure_of_many_words(void **state)
{
	(void)state;
	static char words[FRAME_MAX_TEXT];
	memset(words, 'w', sizeof(words));
	const struct frame failed = {
	    .type = FRAME_FAILED, .from_runner = true, .failed = {STR("io"), {words, sizeof(words)}}};
	struct session *session = start(&skill);
	stream_say(&failed); /* before its hello, too */
	assert_int_equal(session_state(session), SESSION_DONE);
	assert_int_equal(strlen(session_result(session)->failure), strlen("io: ") + 800);
	assert_null(session_result(session)->isolation); /* it never said */
	session_free(session);
	run_loop();
}

static void note_superseded(void *context)
{
	(*(unsigned *)context)++;
}

/* The sandbox has a newer controller: that is no end of the run, and somebody asks whether it is so. */
static void test_a_newer_controller_has_it(void **state)
{
	(void)state;
	unsigned asked = 0;
	const struct frame failed = {.type = FRAME_FAILED,
				     .from_runner = true,
				     .failed = {STR(FRAME_SUPERSEDED), STR("a newer controller")}};
	for (int with_hook = 0; with_hook < 2; with_hook++) {
		services.superseded = with_hook ? note_superseded : NULL;
		services.context = &asked;
		struct session *session = start(&skill);
		stream_say(&failed);
		check_lost(session, "superseded: a newer controller");
		assert_int_equal(asked, with_hook);
	}
	services.superseded = NULL;
}

/* Bundle and input can't be had both: the first reason was told, and stays. */
static void test_the_first_failure_counts(void **state)
{
	(void)state;
	static const struct error gone = {ERR_NOT_FOUND, "no such blob"};
	static const char input_digest[] =
	    "sha256:0000000000000000000000000000000000000000000000000000000000000000";
	struct execution other = execution;
	other.spec.input = NULL;
	other.spec.input_ref = (struct blob_ref){(char *)input_digest, 5};
	struct error err;
	struct session *session =
	    session_start(&services, &other, NULL, &run_shape, &pod, "acme", changed, NULL, &err);
	assert_non_null(session);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	assert_int_equal(session_state(session), SESSION_DONE);
	const struct isolation *layers = session_result(session)->isolation;
	store.done(store.context, &gone, -1, 0);
	assert_int_equal(changes, 1);
	assert_non_null(strstr(session_result(session)->failure, "the skill was deleted"));
	assert_ptr_equal(session_result(session)->isolation, layers);
	session_free(session);
}

static void test_frames_out_of_turn(void **state)
{
	(void)state;
	struct session *session = park(NULL);
	open_stream();
	hello(FRAME_STATE_WAITING, "");
	stream_say(&started);
	check_lost(session, "before it has a job");

	session = start(&skill);
	hello(FRAME_STATE_WAITING, "");
	stream_say(&end);
	check_lost(session, "incomplete");

	session = start(&skill);
	hello(FRAME_STATE_WAITING, "");
	stream_say(&ended);
	stream_say(&ended);
	check_lost(session, "two exits");

	session = start(&skill);
	hello(FRAME_STATE_WAITING, "");
	hello(FRAME_STATE_LOADING, "uid-1");
	check_lost(session, "hello twice");
}

static void test_a_stream_that_breaks(void **state)
{
	(void)state;
	static const struct error broken = {ERR_UNAVAILABLE, "connection reset"};
	struct session *session = start(&skill);
	hello(FRAME_STATE_WAITING, "");
	stream_say(&started);
	assert_int_equal(session_lost_ms(session), 0);
	stream_end(&broken, 0);
	assert_int_equal(changes, 2);
	assert_true(session_lost_ms(session) > 0);
	session_cancel(session); /* there is nobody to tell */
	assert_int_equal(session_cancel_sent_ms(session), 0);
	run_loop(); /* the bundle comes too late */
	assert_int_equal(changes, 2);
	check_lost(session, "connection reset");
}

static void test_cancel(void **state)
{
	(void)state;
	struct session *session = start(&skill);
	run_loop();
	hello(FRAME_STATE_WAITING, "");
	stream_say(&started);
	written();
	session_cancel(session);
	int64_t sent_ms = session_cancel_sent_ms(session);
	assert_true(sent_ms > 0);
	session_cancel(session);
	assert_int_equal(session_cancel_sent_ms(session), sent_ms);
	assert_int_equal(written().of[FRAME_CANCEL], 1);
	session_free(session);
}

/* The result is kept while the store is away, and with it what the sandbox said of its layers. */
static void test_a_store_that_is_away(void **state)
{
	(void)state;
	static const struct error away = {ERR_UNAVAILABLE, "no route to the store"};
	static const struct frame file = {.type = FRAME_OBJECT,
					  .from_runner = true,
					  .object = {.kind = FRAME_OUT_FILE, .path = {"a", 1}, .size = 1}},
				  data = {.type = FRAME_DATA, .from_runner = true, .data = {"x", 1}},
				  end_of_one = {.type = FRAME_END, .from_runner = true, .end = {1, 1}};
	struct session *session = start(NULL);
	hello(FRAME_STATE_RUNNING, "uid-1");
	stream_say(&started);
	stream_say(&ended);
	stream_say(&file);
	stream_say(&data);
	stream_say(&end_of_one);
	session_retry_store(session); /* not now */
	for (unsigned tries = 1; tries <= 2; tries++) {
		while (store.calls < tries)
			uv_run(&loop, UV_RUN_ONCE);
		assert_int_equal(session_state(session), SESSION_COLLECTING);
		store.done(store.context, &away, -1, 0);
		assert_int_equal(session_state(session), SESSION_STORE_FAILED);
		assert_string_equal(session_problem(session), "no route to the store");
		assert_true(session_store_failed_ms(session) > 0);
		assert_true(session_store_tried_ms(session) >= session_store_failed_ms(session));
		session_retry_store(session);
	}
	store.done(store.context, NULL, -1, 0);
	assert_int_equal(session_state(session), SESSION_DONE);
	assert_string_equal(session_result(session)->files[0], "a");
	assert_non_null(session_result(session)->isolation);
	session_free(session);
}

static void test_assigned_only_while_it_waits(void **state)
{
	(void)state;
	struct error err;
	struct session *session = park(NULL);
	open_stream();
	assert_int_equal(session_assign(session, &execution, &skill, &run_shape, "acme", changed, NULL, &err),
			 -1);
	hello(FRAME_STATE_RUNNING, "e-9");
	assert_int_equal(session_state(session), SESSION_PARKED);
	assert_int_equal(session_assign(session, &execution, &skill, &run_shape, "acme", changed, NULL, &err),
			 -1);
	assert_non_null(strstr(err.message, "not free"));
	assert_null(session_found_shape(session)); /* it said none */
	session_free(session);
}

/* Another controller's job comes with its shape. */
static void test_found_shape(void **state)
{
	(void)state;
	static const struct frame at_work = {.type = FRAME_HELLO,
					     .from_runner = true,
					     .hello = {.version = FRAME_VERSION,
						       .state = FRAME_STATE_RUNNING,
						       .execution_id = {"e-9", 3},
						       .note = {"v1 1000 2 3 1.0.0 - i", 21}}};
	struct session *session = park(NULL);
	open_stream();
	stream_say(&at_work);
	assert_non_null(session_found_shape(session));
	assert_int_equal(session_found_shape(session)->timeout_ms, 1000);
	assert_string_equal(session_found_shape(session)->image, "i");
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

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	if (uv_loop_init(&loop) != 0)
		return 1;
	const struct CMUnitTest tests[] = {
	    TEST(test_unbound_is_parked_by_its_hello),
	    TEST(test_files_then_job),
	    TEST(test_a_stream_that_is_slow),
	    TEST(test_no_word_before_it_was_asked_for),
	    TEST(test_files_that_it_cannot_take),
	    TEST(test_no_bundle),
	    TEST(test_found_at_work),
	    TEST(test_nothing_counts_after_the_result),
	    TEST(test_freed_at_any_time),
	    TEST(test_each_state_is_told_once),
	    TEST(test_taken_up_where_it_is),
	    TEST(test_the_job_of_another),
	    TEST(test_what_becomes_of_a_failure),
	    TEST(test_a_failure_of_many_words),
	    TEST(test_a_newer_controller_has_it),
	    TEST(test_the_first_failure_counts),
	    TEST(test_frames_out_of_turn),
	    TEST(test_a_stream_that_breaks),
	    TEST(test_cancel),
	    TEST(test_a_store_that_is_away),
	    TEST(test_assigned_only_while_it_waits),
	    TEST(test_found_shape),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return uv_loop_close(&loop) == 0 ? failed : 1;
}
