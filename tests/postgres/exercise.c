/* db-exercise: lib/db and the controller's archive as a process that a test can restart databases under.
 *
 *   db-exercise check            say "usable" or "problem TEXT" for each change; ends at end of input
 *   db-exercise archive COUNT    archive that many Executions, come what may, and say "archived COUNT"
 *   db-exercise beat             as check, and send statements all the time; at the end say "gap MS" and
 * "wait MS": the longest the loop and work for the thread pool had to wait meanwhile
 *
 * The DSN comes from SKILLBOX_TEST_DSN. */
#include "controller/history.h"
#include "lib/base/id.h"
#include "lib/base/log.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void say(const char *format, const char *text)
{
	printf(format, text);
	fflush(stdout);
}

static void on_changed(void *context, const struct error *problem)
{
	(void)context;
	if (problem)
		say("problem %s\n", problem->message);
	else
		say("%s\n", "usable");
}

/* Check */

static void on_input(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	char byte;
	if (read(STDIN_FILENO, &byte, 1) <= 0)
		uv_stop(poll->loop);
}

static void check(uv_loop_t *loop)
{
	uv_poll_t input;
	uv_poll_init(loop, &input, STDIN_FILENO);
	uv_poll_start(&input, UV_READABLE | UV_DISCONNECT, on_input);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&input, NULL);
	uv_run(loop, UV_RUN_NOWAIT); /* it stands on our stack */
}

/* Archive */

struct load {
	uv_loop_t *loop;
	struct history *history;
	struct execution *executions;
	size_t count, done, shown;
	uv_timer_t *timers;
};

static void visit(uv_timer_t *timer)
{
	struct load *load = timer->data;
	size_t i = (size_t)(timer - load->timers);
	struct execution *execution = &load->executions[i];
	struct str key = str_of(execution->meta.name);
	int64_t retry_ms;
	enum history_state state = history_state(load->history, key, execution->meta.uid, &retry_ms);
	if (state == HISTORY_MISSING)
		history_put(load->history, key, execution, "load");
	if (retry_ms) /* looked at early: the call for this try has come already */
		uv_timer_start(timer, visit, (uint64_t)retry_ms, 0);
	if (state != HISTORY_DONE || execution->status.attempt)
		return;
	execution->status.attempt = 1; /* counted */
	if (++load->done == load->count)
		uv_stop(load->loop);
	if (load->done >= load->shown + load->count / 10) {
		load->shown = load->done;
		printf("progress %zu\n", load->done);
		fflush(stdout);
	}
}

static void look(void *context, struct str key, int64_t delay_ms)
{
	struct load *load = context;
	for (size_t i = 0; i < load->count; i++)
		if (str_eq(key, str_of(load->executions[i].meta.name)))
			uv_timer_start(&load->timers[i], visit, (uint64_t)delay_ms, 0);
}

static void make(struct execution *execution, char *text)
{
	char uuid[ID_UUID_SIZE];
	id_uuid4(uuid);
	execution->meta.name = str_dup(str_of(uuid));
	id_uuid4(uuid);
	execution->meta.uid = str_dup(str_of(uuid));
	execution->meta.namespace = (char *)"load";
	execution->requested_ms = clock_wall_ms(&clock_system);
	execution->spec.skill_name = (char *)"load";
	execution->spec.skill_version = (char *)"1.0.0";
	execution->spec.input = text;
	execution->status.output = text;
	execution->status.succeeded =
	    (struct condition){.status = (char *)"True", .reason = (char *)"Succeeded"};
	execution->status.completed_ms = execution->requested_ms;
}

static void archive(uv_loop_t *loop, struct db *db, size_t count)
{
	struct load load = {.loop = loop, .count = count};
	struct error problem;
	char *text = malloc(20001);
	load.executions = calloc(count, sizeof(*load.executions));
	load.timers = calloc(count, sizeof(*load.timers));
	if (!text || !load.executions || !load.timers)
		abort();
	memset(text, '7', 20000);
	text[20000] = '\0';
	struct history_options options = {.db = db, .clock = &clock_system, .look = look, .context = &load};
	load.history = history_new(&options, &problem);
	for (size_t i = 0; i < count; i++) {
		make(&load.executions[i], text);
		uv_timer_init(loop, &load.timers[i]);
		load.timers[i].data = &load;
		uv_timer_start(&load.timers[i], visit, 0, 0);
	}
	uv_run(loop, UV_RUN_DEFAULT);
	printf("archived %zu\n", load.done);
	fflush(stdout);
	history_free(load.history);
	for (size_t i = 0; i < count; i++) {
		uv_close((uv_handle_t *)&load.timers[i], NULL);
		free(load.executions[i].meta.name);
		free(load.executions[i].meta.uid);
	}
	uv_run(loop, UV_RUN_NOWAIT);
	free(load.executions);
	free(load.timers);
	free(text);
}

/* Beat */

#define BEAT_MS 5

struct beat {
	struct db *db;
	int64_t last_us, gap_us, wait_us, queued_us;
	bool working;
	uv_work_t work;
};

static void on_answer(void *context, const struct db_result *result, const struct error *error)
{
	(void)context;
	(void)result;
	(void)error;
}

static void nothing(uv_work_t *work)
{
	(void)work;
}

static void after_nothing(uv_work_t *work, int status)
{
	(void)status;
	struct beat *beat = work->data;
	int64_t waited_us = clock_monotonic_us(&clock_system) - beat->queued_us;
	if (waited_us > beat->wait_us)
		beat->wait_us = waited_us;
	beat->working = false;
}

static void on_beat(uv_timer_t *timer)
{
	struct beat *beat = timer->data;
	int64_t now_us = clock_monotonic_us(&clock_system);
	struct db_call call = {.statement = DB_KEY_LIST, .done = on_answer};
	if (now_us - beat->last_us > beat->gap_us)
		beat->gap_us = now_us - beat->last_us;
	beat->last_us = now_us;
	(void)db_run(beat->db, &call, NULL);
	if (!beat->working) {
		beat->working = true;
		beat->queued_us = now_us;
		beat->work.data = beat;
		uv_queue_work(timer->loop, &beat->work, nothing, after_nothing);
	}
}

static void beat(uv_loop_t *loop, struct db *db)
{
	struct beat beat = {.db = db, .last_us = clock_monotonic_us(&clock_system)};
	uv_timer_t timer;
	uv_timer_init(loop, &timer);
	timer.data = &beat;
	uv_timer_start(&timer, on_beat, BEAT_MS, BEAT_MS);
	check(loop);
	uv_close((uv_handle_t *)&timer, NULL);
	while (beat.working)
		uv_run(loop, UV_RUN_ONCE);
	uv_run(loop, UV_RUN_NOWAIT); /* it stands on our stack */
	printf("gap %" PRId64 "\nwait %" PRId64 "\n", beat.gap_us / 1000, beat.wait_us / 1000);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uv_loop_t loop;
	struct error problem;
	int64_t number = 0;
	setenv("UV_THREADPOOL_SIZE", "8", 0);
	signal(SIGPIPE, SIG_IGN);
	log_init("db-exercise", LOG_INFO);
	struct db_options options = {.dsn = getenv("SKILLBOX_TEST_DSN"), .changed = on_changed};
	if (argc < 2 || !options.dsn || (argc > 2 && !str_to_i64(str_of(argv[2]), 1, 1000000, &number)) ||
	    uv_loop_init(&loop) != 0)
		return 64;
	struct db *db = db_new(&loop, &options, &problem);
	if (!db) {
		say("refused %s\n", problem.message);
		return 1;
	}
	if (strcmp(argv[1], "check") == 0)
		check(&loop);
	else if (strcmp(argv[1], "archive") == 0)
		archive(&loop, db, (size_t)number);
	else if (strcmp(argv[1], "beat") == 0)
		beat(&loop, db);
	db_free(db);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) == 0 ? 0 : 1;
}
