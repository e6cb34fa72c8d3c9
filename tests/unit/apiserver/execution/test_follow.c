/* A log that is followed: live lines, then the rest of the kept log, then the end. The Pod's log is the
 * test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/execution/follow.h"
#include "lib/kube/log_stream.h"
#include "tests/unit/apiserver/stage.h"

#include <stdio.h>
#include <stdlib.h>

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define WITH_POD "\"podName\":\"sb-1\""

/* In place of lib/kube/log_stream.c */

struct log_stream {
	struct log_stream_handler handler;
	char pod[64];
	bool is_paused;
};
static struct log_stream *stream; /* the one that is open; NULL: none */
static bool refuse_stream;

struct log_stream *log_stream_open(struct kube_ws *ws, const char *namespace, const char *pod,
				   const char *container, const struct log_stream_handler *handler,
				   struct error *err)
{
	(void)ws;
	assert_string_equal(namespace, "ns");
	assert_string_equal(container, "sandbox");
	assert_null(stream);
	if (refuse_stream) {
		error_set(err, ERR_UNAVAILABLE, "refused");
		return NULL;
	}
	stream = calloc(1, sizeof(*stream));
	stream->handler = *handler;
	snprintf(stream->pod, sizeof(stream->pod), "%s", pod);
	return stream;
}

void log_stream_pause(struct log_stream *one, bool pause)
{
	one->is_paused = pause;
}

struct log_stream *log_stream_close(struct log_stream *one)
{
	if (one) {
		assert_ptr_equal(one, stream);
		free(stream);
		stream = NULL;
	}
	return NULL;
}

static void says(const char *text)
{
	assert_non_null(stream);
	stream->handler.data(stream->handler.context, str_of(text));
}

static void pod_log_ends(void)
{
	struct log_stream *closed = stream;
	stream = NULL;
	closed->handler.closed(closed->handler.context, NULL);
	free(closed);
}

/* The listener */

struct heard {
	struct follow *follow;
	unsigned started, failed, finished;
	enum error_code code;
	char message[256];
	struct buffer events;
	bool is_full; /* takes nothing */
};

static int64_t beat_ms; /* of those that begin to listen */

static void on_start(void *context)
{
	((struct heard *)context)->started++;
}

static void on_fail(void *context, const struct error *failure)
{
	struct heard *heard = context;
	heard->failed++;
	heard->code = failure->code;
	snprintf(heard->message, sizeof(heard->message), "%s", failure->message);
}

static bool on_event(void *context, struct str event)
{
	struct heard *heard = context;
	assert_int_equal(heard->started, 1);
	if (!heard->is_full)
		buffer_append_str(&heard->events, event);
	return !heard->is_full;
}

static void on_finish(void *context)
{
	((struct heard *)context)->finished++;
}

static void follow(struct stage *stage, const char *status, const char *more, struct heard *ret)
{
	const struct follow_listener listener = {on_start, on_fail, on_event, on_finish, ret, beat_ms};
	*ret = (struct heard){.events = BUFFER(1 << 22)};
	if (status)
		stage_execution(stage, stage_execution_json(STAGE_ID, status, more));
	ret->follow = execution_follow(&stage->server, stage->caller, STR(STAGE_ID), &listener);
	assert_non_null(ret->follow);
}

/* What was heard since, compared as a whole but for the last event, of which `end` is the beginning. */
static void heard_is(struct heard *heard, const char *events, const char *end)
{
	struct str all = buffer_str(&heard->events);
	assert_true(all.n >= strlen(events));
	assert_int_equal(strncmp(all.n ? all.p : "", events, strlen(events)), 0);
	struct str last = {all.p + strlen(events), all.n - strlen(events)};
	if (!end)
		assert_int_equal(last.n, 0);
	else if (!str_starts_with(last, str_of(end)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)last.n, last.p, end);
	buffer_reset(&heard->events);
}

static void stop(struct heard *heard)
{
	assert_null(follow_free(heard->follow));
	assert_null(stream);
	buffer_free(&heard->events);
}

static void ends(struct stage *stage, const char *more)
{
	stage_execution(stage, stage_execution_json(STAGE_ID, "success", more));
}

#define END "event: end\ndata: {\"execution_id\":\"" STAGE_ID "\",\"status\":\"success\""

static void test_one_that_has_ended(void **state)
{
	struct heard heard;
	follow(*state, "success", "\"logs\":\"one\\ntwo\"", &heard);
	assert_int_equal(heard.started, 1);
	heard_is(&heard, "data: one\n\ndata: two\n\n", END);
	assert_int_equal(heard.finished, 1);
	stop(&heard);
}

static void test_lines_as_they_come(void **state)
{
	struct heard heard;
	follow(*state, "running", WITH_POD, &heard);
	assert_int_equal(heard.started, 1);
	assert_string_equal(stream->pod, "sb-1");
	says("one\ntw");
	heard_is(&heard, "data: one\n\n", NULL);
	says("o\n");
	heard_is(&heard, "data: two\n\n", NULL);
	assert_int_equal(heard.finished, 0);
	ends(*state, "\"logs\":\"one\\ntwo\\n\"");
	heard_is(&heard, "", END);
	assert_int_equal(heard.finished, 1);
	assert_null(stream);
	stop(&heard);
}

/* The Pod goes before its last lines came: the kept log has them. A line that came in part comes whole. */
static void test_the_rest_is_of_the_kept_log(void **state)
{
	struct heard heard;
	follow(*state, "running", WITH_POD, &heard);
	says("one\ntw");
	buffer_reset(&heard.events);
	pod_log_ends();
	ends(*state, "\"logs\":\"one\\ntwo\\nthree\"");
	heard_is(&heard, "data: two\n\ndata: three\n\n", END);
	stop(&heard);
}

static void test_a_large_rest_is_fetched(void **state)
{
	struct heard heard;
	follow(*state, "running", WITH_POD, &heard);
	says("one\n");
	buffer_reset(&heard.events);
	ends(*state, "\"logsRef\":{\"digest\":\"" DIGEST "\",\"size\":8}");
	heard_is(&heard, "", NULL);
	assert_string_equal(stage_blob(STAGE_BLOB_GET)->digest, DIGEST);
	stage_answer_blob(ERR_NONE, "one\ntwo\n");
	heard_is(&heard, "data: two\n\n", END);
	stop(&heard);
}

/* Lines of a log with a gap can't be counted: what the Pod said must do. */
static void test_a_gap(void **state)
{
	struct heard heard;
	follow(*state, "running", WITH_POD, &heard);
	says("one\ntwo\n");
	buffer_reset(&heard.events);
	ends(*state, "\"logsTruncated\":true,\"logs\":\"nine\\n\"");
	heard_is(&heard, "", END);
	stop(&heard);
	follow(*state, "success", "\"logsTruncated\":true,\"logs\":\"nine\\n\"", &heard);
	heard_is(&heard, "data: nine\n\n", END);
	stop(&heard);
}

/* The Pod's log is opened once, when there is a Pod that runs. */
static void test_waits_for_the_pod(void **state)
{
	struct heard heard;
	follow(*state, "pending", "", &heard);
	assert_int_equal(heard.started, 1);
	assert_null(stream);
	stage_execution(*state, stage_execution_json(STAGE_ID, "pending", WITH_POD));
	assert_null(stream);
	stage_execution(*state, stage_execution_json(STAGE_ID, "running", WITH_POD));
	says("one\n");
	pod_log_ends();
	stage_execution(*state, stage_execution_json(STAGE_ID, "running", WITH_POD));
	assert_null(stream);
	heard_is(&heard, "data: one\n\n", NULL);
	stop(&heard);
}

static void test_no_pod_log_is_no_failure(void **state)
{
	struct heard heard;
	refuse_stream = true;
	follow(*state, "running", WITH_POD, &heard);
	refuse_stream = false;
	ends(*state, "\"logs\":\"one\\n\"");
	heard_is(&heard, "data: one\n\n", END);
	stop(&heard);
}

static void test_a_slow_listener(void **state)
{
	struct heard heard;
	char line[8193];
	follow(*state, "running", WITH_POD, &heard);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = '\0';
	says("one\n");
	heard.is_full = true;
	for (int lines = 0; lines < 80; lines++)
		says(line);
	assert_true(stream->is_paused);
	heard_is(&heard, "data: one\n\n", NULL);
	heard.is_full = false;
	follow_go_on(heard.follow);
	assert_false(stream->is_paused);
	assert_int_equal(heard.events.len, 80 * (strlen("data: ") + sizeof(line) - 1 + 1));
	assert_int_equal(heard.finished, 0);
	stop(&heard);
}

/* The last event waits, too. */
static void test_the_end_waits_for_the_listener(void **state)
{
	struct heard heard;
	follow(*state, "running", WITH_POD, &heard);
	heard.is_full = true;
	ends(*state, "\"logs\":\"one\\n\"");
	assert_int_equal(heard.finished, 0);
	heard.is_full = false;
	follow_go_on(heard.follow);
	heard_is(&heard, "data: one\n\n", END);
	assert_int_equal(heard.finished, 1);
	stop(&heard);
}

#define ERROR "event: error\ndata: {\"error\":\"unavailable\",\"message\":\""

static void test_it_stops_before_the_end(void **state)
{
	struct stage *stage = *state;
	struct heard heard;
	static const char *const ends_with[] = {
	    ERROR "the server stops following here; ask again\",\"request_id\":\"request-1\"}\n\n",
	    ERROR "the execution was deleted\"", ERROR "the rest of the log could not be read from storage\"",
	    ERROR "the rest of the log could not be read from storage\""};
	for (size_t way = 0; way < 4; way++) {
		follow(stage, "running", WITH_POD, &heard);
		says("one\ntwo");
		buffer_reset(&heard.events);
		stage_refuse(STAGE_BLOB_GET, way == 3);
		if (way == 0)
			stage_later(stage, stage->config.policy.max_timeout_ms + 5 * 60 * 1000);
		else if (way == 1)
			stage_execution_gone(stage, stage_execution_json(STAGE_ID, "running", ""));
		else
			ends(stage, "\"logsRef\":{\"digest\":\"" DIGEST "\",\"size\":8}");
		if (way == 2)
			stage_answer_blob(ERR_IO, NULL);
		heard_is(&heard, "data: two\n\n", ends_with[way]); /* what is there, and why no more comes */
		assert_int_equal(heard.finished, 1);
		stop(&heard);
	}
}

static void test_unknown(void **state)
{
	struct heard heard;
	follow(*state, NULL, NULL, &heard);
	stage_answer(404, "gone");
	assert_int_equal(heard.failed, 1);
	assert_int_equal(heard.started, 0);
	assert_int_equal(heard.code, ERR_NOT_FOUND);
	assert_string_equal(heard.message, "execution not found: " STAGE_ID);
	stop(&heard);
}

#define BEAT ": nothing new\n\n"

static void run_until_heard(struct stage *stage, const struct heard *heard, size_t bytes)
{
	while (heard->events.len < bytes)
		uv_run(&stage->loop, UV_RUN_ONCE);
}

/* While nothing comes there are comments, which are neither sent to a listener that takes nothing nor beyond
 * the end. */
static void test_signs_of_life(void **state)
{
	struct stage *stage = *state;
	struct heard heard;
	beat_ms = 5;
	follow(stage, "running", WITH_POD, &heard);
	run_until_heard(stage, &heard, 2 * strlen(BEAT));
	heard_is(&heard, BEAT BEAT, NULL);
	says("one\n");
	heard_is(&heard, "data: one\n\n", NULL);
	run_until_heard(stage, &heard, strlen(BEAT));
	heard_is(&heard, BEAT, NULL);
	heard.is_full = true;
	says("two\n");
	uv_sleep(12);
	uv_run(&stage->loop, UV_RUN_NOWAIT);
	heard.is_full = false;
	follow_go_on(heard.follow);
	heard_is(&heard, "data: two\n\n", NULL);
	ends(stage, "\"logs\":\"one\\ntwo\\n\"");
	heard_is(&heard, "", END);
	uv_sleep(12);
	uv_run(&stage->loop, UV_RUN_NOWAIT);
	heard_is(&heard, "", NULL);
	assert_int_equal(heard.finished, 1);
	stop(&heard);
	follow(stage, "running", WITH_POD, &heard); /* and it ends with the follow */
	stop(&heard);
	beat_ms = 0;
}

/* The listener goes, wherever it is: it is told nothing any more. */
static void test_it_is_freed(void **state)
{
	struct heard heard;
	follow(*state, NULL, NULL, &heard); /* while the execution is looked for */
	stop(&heard);
	stage_answer(200, stage_execution_json(STAGE_ID, "running", WITH_POD));
	assert_int_equal(heard.started + heard.failed, 0);
	follow(*state, "running", WITH_POD, &heard); /* while it runs */
	stop(&heard);
	ends(*state, "\"logs\":\"one\\n\"");
	follow(*state, "success", "\"logsRef\":{\"digest\":\"" DIGEST "\",\"size\":8}", &heard);
	stop(&heard); /* while its log is fetched */
	stage_answer_blob(ERR_NONE, "one\n");
	assert_int_equal(heard.finished, 0);
	assert_int_equal(heard.events.len, 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_one_that_has_ended),
	    TEST(test_lines_as_they_come),
	    TEST(test_the_rest_is_of_the_kept_log),
	    TEST(test_a_large_rest_is_fetched),
	    TEST(test_a_gap),
	    TEST(test_waits_for_the_pod),
	    TEST(test_no_pod_log_is_no_failure),
	    TEST(test_a_slow_listener),
	    TEST(test_the_end_waits_for_the_listener),
	    TEST(test_it_stops_before_the_end),
	    TEST(test_signs_of_life),
	    TEST(test_unknown),
	    TEST(test_it_is_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
