#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/jsontext.h"
#include "lib/kube/informer.h"
#include "lib/kube/watch.h"
#include "tests/unit/lib/kube/fake_client.h"
#include "tests/unit/lib/kube/fake_server.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT = 1, CLOSE = 8 };
#define MAX_OBJECT 4096

struct fixture {
	uv_loop_t loop;
	struct fake_server server;
	struct kube_client client;
	struct kube_ws *ws;
	struct watch *watch;

	/* the script */
	int (*on_list)(struct fixture *f, const char *path, struct buffer *body);
	void (*on_request)(struct fixture *f, struct fake_peer *peer);
	bool silent;         /* the server answers no ping */
	const char *stop_at; /* stop at an event of this text */
	bool stop_at_problem;

	/* what happened */
	struct buffer log;   /* "[" LIST_BEGIN, "]" LIST_END, "=name" LISTED, "+name" "~name" "-name" events,
				"!" problems */
	struct buffer paths; /* of lists and handshakes, a line each */
	unsigned lists, streams, problems;
	struct error problem;
};

static int answer(void *context, const char *path, struct buffer *body)
{
	struct fixture *f = context;

	buffer_appendf(&f->paths, "list %s\n", path);
	f->lists++;
	return f->on_list(f, path, body);
}

static void on_request(void *context, struct fake_peer *peer, const char *head)
{
	struct fixture *f = context;
	struct str path, rest;

	f->streams++;
	str_split_once((struct str){head + 4, strlen(head) - 4}, ' ', &path, &rest);
	buffer_append_c(&f->paths, "watch ");
	buffer_append_str(&f->paths, path);
	buffer_append_c(&f->paths, "\n");
	f->on_request(f, peer);
}

static void on_event(void *context, enum watch_event_type type, struct str object)
{
	static const char marks[] = {
	    [WATCH_ADDED] = '+',      [WATCH_MODIFIED] = '~', [WATCH_DELETED] = '-',
	    [WATCH_LIST_BEGIN] = '[', [WATCH_LISTED] = '=',   [WATCH_LIST_END] = ']',
	};
	struct fixture *f = context;
	struct str metadata, name;

	assert_non_null(f->watch);
	buffer_append_byte(&f->log, marks[type]);
	if (type == WATCH_LIST_BEGIN || type == WATCH_LIST_END) {
		assert_int_equal(object.n, 0);
	} else {
		assert_true(jsontext_member(object, STR("metadata"), &metadata));
		assert_true(jsontext_member(metadata, STR("name"), &name));
		buffer_append(&f->log, name.p + 1, name.n - 2);
	}
	buffer_append_c(&f->log, " ");
	if (f->stop_at && strstr(f->log.data, f->stop_at))
		f->watch = watch_stop(f->watch);
}

static void on_problem(void *context, const struct error *problem)
{
	struct fixture *f = context;

	assert_non_null(f->watch);
	f->problems++;
	f->problem = *problem;
	buffer_append_c(&f->log, "! ");
	if (f->stop_at_problem)
		f->watch = watch_stop(f->watch);
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	*f = (struct fixture){.log = BUFFER(1 << 20), .paths = BUFFER(1 << 20)};
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->server.context = f;
	f->server.request = on_request;
	fake_server_start(&f->server, &f->loop);
	fake_client_init(&f->client, &f->loop, f->server.port, answer, f);
	f->ws = kube_ws_new(&f->client, NULL);
	assert_non_null(f->ws);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	watch_stop(f->watch);
	kube_ws_free(f->ws);
	fake_server_stop(&f->server);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	buffer_free(&f->log);
	buffer_free(&f->paths);
	return uv_loop_close(&f->loop);
}

static void start(struct fixture *f)
{
	struct watch_options options = {
	    .path = "/api/v1/pods",
	    .label_selector = "app=a,b!=c",
	    .page_size = 4,
	    .max_object = MAX_OBJECT,
	    .max_silence_ms = f->silent ? 60 : 0,
	    .event = on_event,
	    .problem = on_problem,
	    .context = f,
	};
	struct error err = {0};

	f->watch = watch_start(f->ws, &options, &err);
	assert_string_equal(err.message, "");
	assert_non_null(f->watch);
	assert_int_equal(f->log.len, 0); /* no callback from inside */
}

#define RUN_UNTIL(f, condition)                                                                              \
	while (!(condition))                                                                                 \
	assert_true(uv_run(&(f)->loop, UV_RUN_ONCE))

#define RUN_UNTIL_LOG(f, text) RUN_UNTIL(f, (f)->log.data &&strstr((f)->log.data, text))

static int two_pods(struct fixture *f, const char *path, struct buffer *body)
{
	(void)path;
	buffer_appendf(body,
		       "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"%u0\"},\"items\":[{"
		       "\"metadata\":{\"name\":"
		       "\"a\"}},{\"metadata\":{\"name\":\"b\"}}]}",
		       f->lists);
	return 200;
}

static void event(struct fixture *f, const char *type, const char *name, const char *version)
{
	cleanup_buffer struct buffer text = BUFFER(MAX_OBJECT);

	buffer_appendf(
	    &text,
	    "{\"type\":\"%s\",\"object\":{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"%s\"}}}\n",
	    type, name, version);
	fake_peer_frame(f->server.last, TEXT, true, buffer_str(&text));
}

static void accept_watch(struct fixture *f, struct fake_peer *peer)
{
	(void)f;
	fake_peer_accept(peer, NULL);
}

static void accept_and_send(struct fixture *f, struct fake_peer *peer)
{
	fake_peer_accept(peer, NULL);
	if (f->streams > 1)
		return;
	event(f, "ADDED", "c", "11");
	event(f, "MODIFIED", "a", "12");
	event(f, "BOOKMARK", "", "15 opaque/&");
	event(f, "DELETED", "b", "14");
	event(f, "BOOKMARK", "", "15 opaque/&");
}

static void lists_then_watches(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = accept_and_send;
	start(f);
	assert_false(watch_is_synced(f->watch));
	RUN_UNTIL_LOG(f, "-b");
	assert_string_equal(f->log.data, "[ =a =b ] +c ~a -b ");
	assert_string_equal(
	    f->paths.data,
	    "list /api/v1/pods?labelSelector=app%3Da%2Cb%21%3Dc&limit=4\n"
	    "watch /api/v1/pods?labelSelector=app%3Da%2Cb%21%3Dc&watch=true&allowWatchBookmarks=true&"
	    "resourceVersion=10\n");
	assert_true(watch_is_synced(f->watch));
	assert_int_equal(f->problems, 0);
}

static void events_in_pieces_of_every_size(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = accept_and_send;
	for (size_t piece = 1; piece < 120; piece += 1 + piece / 8) {
		f->server.piece = piece;
		f->lists = f->streams = 0;
		buffer_reset(&f->log);
		start(f);
		RUN_UNTIL_LOG(f, "-b");
		assert_string_equal(f->log.data, "[ =a =b ] +c ~a -b ");
		f->watch = watch_stop(f->watch);
		RUN_UNTIL(f, f->server.open == 0);
	}
}

static void a_lost_stream_goes_on_from_the_last_version(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = accept_and_send;
	start(f);
	RUN_UNTIL_LOG(f, "-b");
	for (int i = 0; i < 3; i++) /* until the bookmark behind it is read, too */
		uv_run(&f->loop, UV_RUN_NOWAIT);
	fake_peer_hang_up(f->server.last);
	RUN_UNTIL(f, f->streams == 2);
	assert_non_null(strstr(f->paths.data, "resourceVersion=15%20opaque%2F%26\n"));
	assert_int_equal(f->lists, 1);
	assert_int_equal(f->problems, 1);
	assert_non_null(strstr(f->problem.message, "watch of /api/v1/pods: "));
	assert_true(watch_is_synced(f->watch)); /* within the minute */
	RUN_UNTIL(f, f->server.last);
	event(f, "ADDED", "d", "16");
	RUN_UNTIL_LOG(f, "+d");
}

/* The server refuses streams; then it takes them, and says nothing. */
static void accept_the_first_and_from_the_fourth(struct fixture *f, struct fake_peer *peer)
{
	if (f->streams == 1 || f->streams >= 4)
		fake_peer_accept(peer, NULL);
	else
		fake_peer_hang_up(peer);
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer; /* so that the loop turns */
}

/* What was listed grows old from the moment that the stream is gone, and not from a new one that may yet be
 * refused. */
static void what_is_known_grows_old(void **state)
{
	struct fixture *f = *state;
	static uv_timer_t timer; /* it is closed when the loop ends */

	assert_int_equal(uv_timer_init(&f->loop, &timer), 0);
	assert_int_equal(uv_timer_start(&timer, on_tick, 10, 10), 0);
	f->on_list = two_pods;
	f->on_request = accept_the_first_and_from_the_fourth;
	start(f);
	assert_true(watch_age_ms(f->watch) == UINT64_MAX);
	RUN_UNTIL_LOG(f, "]");
	RUN_UNTIL(f, f->server.last);
	RUN_UNTIL(f, watch_age_ms(f->watch) > 0); /* the server may yet refuse to go on from there */
	RUN_UNTIL(f, watch_age_ms(f->watch) == 0);
	uint64_t up_ms = uv_now(&f->loop);
	RUN_UNTIL(f, uv_now(&f->loop) - up_ms > 100);
	assert_int_equal(watch_age_ms(f->watch), 0);
	fake_peer_hang_up(f->server.last);
	RUN_UNTIL(f, f->streams == 4);
	RUN_UNTIL(f, f->server.last);
	uint64_t age_ms = watch_age_ms(f->watch);
	assert_in_range(age_ms, 150, 1500); /* three pauses of 50 ms and more */
	RUN_UNTIL(f, watch_age_ms(f->watch) > age_ms + 500);
	RUN_UNTIL(f, watch_age_ms(f->watch) == 0);
	uv_close((uv_handle_t *)&timer, NULL);
}

static void lose_inside_message(struct fixture *f, struct fake_peer *peer)
{
	fake_peer_accept(peer, NULL);
	if (f->streams > 1) {
		event(f, "ADDED", "c", "11");
		return;
	}
	fake_peer_send(peer, STR("\201\060{\"type\":\"ADDED\",\"object\":{"));
	fake_peer_hang_up(peer);
}

static void half_an_event_is_no_event(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = lose_inside_message;
	start(f);
	RUN_UNTIL_LOG(f, "+c");
	assert_string_equal(f->log.data, "[ =a =b ] ! +c ");
	assert_non_null(strstr(f->paths.data, "resourceVersion=10\nwatch "));
}

static void a_close_frame_is_a_lost_stream(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = accept_watch;
	start(f);
	RUN_UNTIL(f, f->server.last);
	for (int i = 0; i < 3; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	fake_peer_frame(f->server.last, CLOSE, true, STR("\003\351restart"));
	RUN_UNTIL(f, f->streams == 2);
	assert_string_equal(f->problem.message,
			    "watch of /api/v1/pods: the server closed the stream (code 1001: restart)");
	assert_int_equal(f->lists, 1);
}

static void say_expired(struct fixture *f, struct fake_peer *peer)
{
	fake_peer_accept(peer, NULL);
	if (f->streams > 1)
		return;
	event(f, "ADDED", "c", "11");
	fake_peer_frame(peer, TEXT, true,
			STR("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":"
			    "\"Expired\",\"message\":"
			    "\"too old\"}}"));
}

static void an_expired_version_lists_again(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = say_expired;
	start(f);
	RUN_UNTIL(f, f->streams == 2);
	assert_string_equal(f->log.data, "[ =a =b ] +c ! [ =a =b ] ");
	assert_non_null(strstr(f->paths.data, "resourceVersion=20\n"));
	assert_int_equal(f->problem.code, ERR_GONE);
}

static void say_internal_error(struct fixture *f, struct fake_peer *peer)
{
	fake_peer_accept(peer, NULL);
	if (f->lists == 1)
		fake_peer_frame(
		    peer, TEXT, true,
		    STR("{\"type\":\"ERROR\",\"object\":{\"code\":500,\"message\":\"etcd is odd\"}}"));
	else
		event(f, "ADDED", "c", "21");
}

static void a_version_from_which_only_errors_come_is_given_up(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = say_internal_error;
	start(f);
	RUN_UNTIL_LOG(f, "+c");
	assert_string_equal(f->log.data, "[ =a =b ] ! ! ! ! [ =a =b ] +c ");
	assert_string_equal(f->problem.message, "watch of /api/v1/pods: etcd is odd");
}

static void refuse_410(struct fixture *f, struct fake_peer *peer)
{
	if (f->streams == 1)
		fake_peer_send(peer, STR("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"));
	else
		fake_peer_accept(peer, NULL);
}

static int pods_or_gone(struct fixture *f, const char *path, struct buffer *body)
{
	if (!strstr(path, "watch=true"))
		return two_pods(f, path, body);
	buffer_append_c(body, "too old resource version");
	return 410;
}

static void a_handshake_refused_with_410_lists_again(void **state)
{
	struct fixture *f = *state;

	f->on_list = pods_or_gone;
	f->on_request = refuse_410;
	start(f);
	RUN_UNTIL(f, f->streams == 2);
	assert_string_equal(f->log.data, "[ =a =b ] ! [ =a =b ] ");
	assert_string_equal(f->problem.message, "watch of /api/v1/pods: too old resource version");
}

static void refuse_403(struct fixture *f, struct fake_peer *peer)
{
	if (f->streams < 3)
		fake_peer_send(peer, STR("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
	else
		fake_peer_accept(peer, NULL);
}

static int pods_or_forbidden(struct fixture *f, const char *path, struct buffer *body)
{
	if (!strstr(path, "watch=true"))
		return two_pods(f, path, body);
	buffer_append_c(body, "pods is forbidden: User \"x\" cannot watch");
	return 403;
}

static void a_forbidden_watch_is_tried_again_and_says_why(void **state)
{
	struct fixture *f = *state;

	f->on_list = pods_or_forbidden;
	f->on_request = refuse_403;
	start(f);
	RUN_UNTIL(f, f->streams == 3);
	assert_int_equal(f->problem.code, ERR_FORBIDDEN);
	assert_string_equal(f->problem.message,
			    "watch of /api/v1/pods: pods is forbidden: User \"x\" cannot watch");
	assert_string_equal(f->log.data, "[ =a =b ] ! ! "); /* no new list for it */
}

static int in_pages(struct fixture *f, const char *path, struct buffer *body)
{
	(void)f;
	if (strstr(path, "&continue=page%203"))
		buffer_append_c(body, "{\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[{\"metadata\":{"
				      "\"name\":\"c\"}}]}");
	else if (strstr(path, "&continue=page2%2F"))
		buffer_append_c(
		    body,
		    "{\"metadata\":{\"resourceVersion\":\"10\",\"continue\":\"page 3\"},\"items\":null}");
	else
		buffer_append_c(body, "{\"metadata\":{\"resourceVersion\":\"10\",\"continue\":\"page2\\/"
				      "\"},\"items\":[{\"metadata\":"
				      "{\"name\":\"a\"}},{\"metadata\":{\"name\":\"b\"}}]}");
	return 200;
}

static void pages_are_one_list(void **state)
{
	struct fixture *f = *state;

	f->on_list = in_pages;
	f->on_request = accept_watch;
	start(f);
	RUN_UNTIL(f, f->streams == 1);
	assert_int_equal(f->lists, 3);
	assert_string_equal(f->log.data, "[ =a =b =c ] ");
}

static int token_expires(struct fixture *f, const char *path, struct buffer *body)
{
	if (strstr(path, "&continue=") && f->lists < 4) {
		buffer_append_c(body, "the provided continue parameter is too old");
		return 410;
	}
	return in_pages(f, path, body);
}

static void an_expired_continue_token_starts_the_list_anew(void **state)
{
	struct fixture *f = *state;

	f->on_list = token_expires;
	f->on_request = accept_watch;
	start(f);
	RUN_UNTIL(f, f->streams == 1);
	assert_string_equal(f->log.data, "[ =a =b ! [ =a =b =c ] ");
	assert_string_equal(f->problem.message,
			    "list of /api/v1/pods: the provided continue parameter is too old");
}

static int too_large_at_first(struct fixture *f, const char *path, struct buffer *body)
{
	if (f->lists < 3)
		return 413;
	return two_pods(f, path, body);
}

static void a_page_that_is_too_large_is_asked_for_in_smaller_ones(void **state)
{
	struct fixture *f = *state;

	f->on_list = too_large_at_first;
	f->on_request = accept_watch;
	start(f);
	RUN_UNTIL(f, f->streams == 1);
	assert_non_null(strstr(f->paths.data, "limit=4\n"));
	assert_non_null(strstr(f->paths.data, "limit=2\n"));
	assert_non_null(strstr(f->paths.data, "limit=1\n"));
}

#define MANY 420
#define LARGE_FROM 400
#define LARGE ((size_t)3 << 19) /* what etcd takes */

/* As a server with small objects and, behind them, large ones: the page from `continue` on. */
static int many_objects(struct fixture *f, const char *path, struct buffer *body)
{
	const char *limit = strstr(path, "limit="), *from = strstr(path, "continue=");
	unsigned first = from ? (unsigned)strtoul(from + 9, NULL, 10) : 0, i = first;
	unsigned end = first + (unsigned)strtoul(limit + 6, NULL, 10);

	(void)f;
	buffer_append_c(body, "{\"items\":[");
	for (; i < end && i < MANY && body->len < 16 * LARGE; i++) { /* who asks reads no more */
		buffer_appendf(body, "%s{\"metadata\":{\"name\":\"%u\"}", i > first ? "," : "", i);
		if (i >= LARGE_FROM) {
			char *text;

			buffer_append_c(body, ",\"x\":\"");
			text = buffer_reserve(body, LARGE);
			assert_non_null(text);
			memset(text, 'x', LARGE);
			body->len += LARGE;
			buffer_append_c(body, "\"");
		}
		buffer_append_c(body, "}");
	}
	buffer_append_c(body, "],\"metadata\":{\"resourceVersion\":\"10\"");
	if (i < MANY)
		buffer_appendf(body, ",\"continue\":\"%u\"", i);
	buffer_append_c(body, "}}");
	return 200;
}

/* 500 Skills or Executions of 1.5 MiB in one answer were more than all that the program may have. */
static void a_page_has_some_mib_whatever_the_objects_size(void **state)
{
	struct fixture *f = *state;
	struct watch_options options = {
	    .path = "/api/v1/pods", .event = on_event, .problem = on_problem, .context = f};
	char all[MANY * 6 + 8] = "[ ", *at = all + 2;

	f->on_list = many_objects;
	f->on_request = accept_watch;
	f->watch = watch_start(f->ws, &options, NULL);
	RUN_UNTIL_LOG(f, "] ");
	for (unsigned i = 0; i < MANY; i++)
		at += snprintf(at, 8, "=%u ", i);
	snprintf(at, 3, "] ");
	assert_string_equal(f->log.data, all); /* each once, in one list */
	assert_int_equal(f->problems, 0);
	assert_true(f->client.largest <= ((size_t)8 << 20));
	assert_true(f->lists < 40); /* small ones come hundreds at a time, of the large two or more */
}

static int garbage_at_first(struct fixture *f, const char *path, struct buffer *body)
{
	static const char *const texts[] = {"<html>", "{}",
					    "{\"metadata\":{\"resourceVersion\":\"\\ud800\"}}"};

	if (f->lists > 3)
		return two_pods(f, path, body);
	buffer_append_c(body, texts[f->lists - 1]);
	return 200;
}

static void a_list_that_is_none_is_tried_again(void **state)
{
	struct fixture *f = *state;

	f->on_list = garbage_at_first;
	f->on_request = accept_watch;
	start(f);
	RUN_UNTIL(f, f->streams == 1);
	assert_int_equal(f->problems, 3);
}

static void send_oversize(struct fixture *f, struct fake_peer *peer)
{
	static char bytes[MAX_OBJECT + 100];

	fake_peer_accept(peer, NULL);
	if (f->streams > 1)
		return;
	memset(bytes, ' ', sizeof bytes);
	fake_peer_frame(peer, TEXT, true, (struct str){bytes, sizeof bytes});
	event(f, "ADDED", "never", "12");
}

static void an_event_that_is_too_large_ends_the_trust(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = send_oversize;
	start(f);
	RUN_UNTIL(f, f->streams == 2);
	assert_string_equal(f->log.data, "[ =a =b ] ! [ =a =b ] ");
	assert_int_equal(f->problem.code, ERR_TOO_LARGE);
}

static void send_garbage(struct fixture *f, struct fake_peer *peer)
{
	fake_peer_accept(peer, NULL);
	if (f->streams == 1)
		fake_peer_frame(peer, TEXT, true, STR("{\"type\":\"ADDED\",\"object\":{}}"));
}

static void an_event_that_is_none_ends_the_trust(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = send_garbage;
	start(f);
	RUN_UNTIL(f, f->streams == 2);
	assert_string_equal(f->log.data, "[ =a =b ] ! [ =a =b ] ");
	assert_int_equal(f->problem.code, ERR_PROTOCOL);
}

static void silence_is_a_lost_stream(void **state)
{
	struct fixture *f = *state;

	f->silent = true;
	f->on_list = two_pods;
	f->on_request = accept_watch;
	start(f);
	RUN_UNTIL(f, f->streams == 2);
	assert_int_equal(f->problem.code, ERR_TIMEOUT);
	assert_non_null(strstr(f->problem.message, "nothing heard for"));
	assert_int_equal(f->lists, 1);
}

static void the_server_comes_and_goes(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = accept_watch;
	start(f);
	for (unsigned i = 1; i < 6; i++) {
		RUN_UNTIL(f, f->streams == i && f->server.last);
		fake_peer_hang_up(f->server.last);
	}
	RUN_UNTIL(f, f->streams == 6);
	assert_int_equal(f->lists, 1);
}

static int no_answer(struct fixture *f, const char *path, struct buffer *body)
{
	(void)f;
	(void)path;
	(void)body;
	return 0;
}

static void stop_while_a_list_is_awaited(void **state)
{
	struct fixture *f = *state;

	f->on_list = no_answer;
	start(f);
	RUN_UNTIL(f, f->client.waiting);
	f->watch = watch_stop(f->watch);
	assert_int_equal(f->client.cancelled, 1);
}

static void stop_at_every_stage(void **state)
{
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = accept_and_send;
	for (int turns = 0; turns < 30; turns++) {
		buffer_reset(&f->log);
		f->streams = 0;
		start(f);
		for (int i = 0; i < turns; i++)
			uv_run(&f->loop, UV_RUN_NOWAIT);
		f->watch = watch_stop(f->watch);
		buffer_reset(&f->log);
		for (int i = 0; i < 20; i++)
			uv_run(&f->loop, UV_RUN_NOWAIT);
		assert_int_equal(f->log.len, 0);
	}
}

static void stop_inside_callbacks(void **state)
{
	static const char *const places[] = {"[", "=a", "=b", "]", "+c", "~a", "-b"};
	struct fixture *f = *state;

	f->on_list = two_pods;
	f->on_request = accept_and_send;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		f->streams = 0;
		f->stop_at = places[i];
		buffer_reset(&f->log);
		start(f);
		RUN_UNTIL(f, !f->watch);
		for (int turns = 0; turns < 20; turns++)
			uv_run(&f->loop, UV_RUN_NOWAIT);
		assert_non_null(strstr(f->log.data, places[i]));
		assert_int_equal(strlen(strstr(f->log.data, places[i])),
				 strlen(places[i]) + 1); /* it is the last */
	}
	f->stop_at = NULL;
	f->stop_at_problem = true;
	f->on_request = say_expired;
	f->streams = 0;
	buffer_reset(&f->log);
	start(f);
	RUN_UNTIL(f, !f->watch);
}

/* A real informer on the real watch. */
static void *parse(struct str json, struct error *err)
{
	struct str metadata, name;

	(void)err;
	assert_true(jsontext_member(json, STR("metadata"), &metadata));
	assert_true(jsontext_member(metadata, STR("name"), &name));
	return str_dup((struct str){name.p + 1, name.n - 2});
}

static void free_object(void *object)
{
	free(object);
}

static void key(const void *object, struct buffer *out)
{
	buffer_append_c(out, object);
}

static void an_informer_follows(void **state)
{
	struct fixture *f = *state;
	struct informer_options options = {
	    .watch = {.path = "/api/v1/pods"},
	    .parse = parse,
	    .free_object = free_object,
	    .key = key,
	};
	struct informer *informer;

	f->on_list = two_pods;
	f->on_request = accept_and_send;
	informer = informer_start(f->ws, &options, NULL);
	assert_non_null(informer);
	RUN_UNTIL(f, informer_get(informer, STR("c")) && !informer_get(informer, STR("b")));
	assert_true(informer_has_synced(informer));
	assert_true(informer_is_live(informer));
	assert_int_equal(informer_count(informer), 2);
	assert_null(informer_stop(informer));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(lists_then_watches),
	    TEST(events_in_pieces_of_every_size),
	    TEST(a_lost_stream_goes_on_from_the_last_version),
	    TEST(half_an_event_is_no_event),
	    TEST(what_is_known_grows_old),
	    TEST(a_close_frame_is_a_lost_stream),
	    TEST(an_expired_version_lists_again),
	    TEST(a_version_from_which_only_errors_come_is_given_up),
	    TEST(a_handshake_refused_with_410_lists_again),
	    TEST(a_forbidden_watch_is_tried_again_and_says_why),
	    TEST(pages_are_one_list),
	    TEST(an_expired_continue_token_starts_the_list_anew),
	    TEST(a_page_that_is_too_large_is_asked_for_in_smaller_ones),
	    TEST(a_page_has_some_mib_whatever_the_objects_size),
	    TEST(a_list_that_is_none_is_tried_again),
	    TEST(an_event_that_is_too_large_ends_the_trust),
	    TEST(an_event_that_is_none_ends_the_trust),
	    TEST(silence_is_a_lost_stream),
	    TEST(the_server_comes_and_goes),
	    TEST(stop_while_a_list_is_awaited),
	    TEST(stop_at_every_stage),
	    TEST(stop_inside_callbacks),
	    TEST(an_informer_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
