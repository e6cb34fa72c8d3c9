/* A link, with a stream of the test's own: what it says first, whose words it takes, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/link.h"
#include "lib/run/layers.h"
#include "tests/unit/controller/sandbox/fake_stream.h"

#include <stdio.h>

static int64_t now_us;

static int64_t fake_wall_ms(void *context)
{
	(void)context;
	return 0;
}

static int64_t fake_monotonic_us(void *context)
{
	(void)context;
	return now_us;
}

static const struct clock fake_clock = {fake_wall_ms, fake_monotonic_us, NULL};
static struct controller_config config;
static const struct session_services services = {.config = &config, .clock = &fake_clock, .generation = 77};
static const struct pod pod = {
    .meta = {.name = (char *)"skx-1", .namespace = (char *)"n", .uid = (char *)"p"},
    .token = (char *)"secret"};

/* What the handler heard, as letters: H hello, U unfit, F frame, D drained, L lost. */
struct heard {
	char calls[32];
	enum frame_type last;
	struct error error;
	/* What the handler does at the next frame: go on, refuse it, close or mute the link. */
	enum { GO_ON, REFUSE, CLOSE, MUTE } then;
};

static struct heard heard;
static struct link *open_link;

static void note(char call)
{
	size_t n = strlen(heard.calls);
	assert_true(n + 1 < sizeof(heard.calls));
	heard.calls[n] = call;
}

static int act(struct error *err)
{
	if (heard.then == REFUSE)
		return error_set(err, ERR_PROTOCOL, "refused");
	if (heard.then == CLOSE)
		link_close(open_link);
	if (heard.then == MUTE)
		link_mute(open_link);
	return 0;
}

static int on_hello(void *context, const struct frame_hello *hello, struct error *err)
{
	assert_ptr_equal(context, &heard);
	assert_int_equal(hello->version, FRAME_VERSION);
	note('H');
	return act(err);
}

static void on_unfit(void *context, const struct error *missing)
{
	(void)context;
	heard.error = *missing;
	note('U');
}

static int on_frame(void *context, const struct frame *frame, struct error *err)
{
	(void)context;
	heard.last = frame->type;
	note('F');
	return act(err);
}

static void on_drained(void *context)
{
	(void)context;
	note('D');
}

static void on_lost(void *context, const struct error *err)
{
	(void)context;
	heard.error = *err;
	note('L');
}

static const struct link_handler handler = {on_hello, on_unfit, on_frame, on_drained, on_lost};

static struct link *start(void)
{
	struct error err;
	heard = (struct heard){0};
	open_link = link_open(&services, &pod, &handler, &heard, &err);
	if (!open_link)
		fail_msg("%s", err.message);
	return open_link;
}

static void expect(const char *calls, const char *words)
{
	assert_string_equal(heard.calls, calls);
	if (!strstr(heard.error.message, words))
		fail_msg("'%s' lacks '%s'", heard.error.message, words);
}

#define FROM_RUNNER(...) ((struct frame){.from_runner = true, __VA_ARGS__})

static struct frame hello_frame(void)
{
	struct frame frame =
	    FROM_RUNNER(.type = FRAME_HELLO, .hello = {.version = FRAME_VERSION, .layer_count = 2});
	frame.hello.layers[0] = (struct frame_layer){STR("landlock"), false, STR("the kernel has none")};
	frame.hello.layers[1] = (struct frame_layer){STR("seccomp_filter"), true, STR("42 instructions")};
	return frame;
}

static int set_up(void **state)
{
	(void)state;
	config = (struct controller_config){0};
	now_us = 0;
	return 0;
}

static void test_the_token_is_said_first(void **state)
{
	(void)state;
	struct link *link = start();
	struct frame frame;
	size_t used;
	struct error err;
	assert_int_equal(stream->written.len, 0); /* not before it is open */
	stream->handler.open(stream->context);
	assert_int_equal(frame_decode(buffer_str(&stream->written), false, &frame, &used, &err), 1);
	assert_int_equal(used, stream->written.len);
	assert_int_equal(frame.type, FRAME_HELLO);
	assert_int_equal(frame.hello_request.version, FRAME_VERSION);
	assert_true(str_eq(frame.hello_request.token, STR("secret")));
	assert_int_equal(frame.hello_request.generation, 77);
	assert_true(link_is_listening(link));
	expect("", "");
	link_free(link);
	assert_null(stream);
}

static void test_a_token_that_is_none(void **state)
{
	(void)state;
	char text[FRAME_MAX_TOKEN + 2];
	struct pod other = pod;
	struct error err = {0};
	other.token = NULL;
	assert_null(link_open(&services, &other, &handler, &heard, &err));
	assert_int_equal(err.code, ERR_PROTOCOL);
	assert_non_null(strstr(err.message, "skx-1 has no token"));
	assert_null(stream);

	memset(text, 't', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	other.token = text;
	heard = (struct heard){0};
	struct link *link = link_open(&services, &other, &handler, &heard, &err);
	assert_non_null(link);
	stream->handler.open(stream->context);
	expect("L", "");
	assert_null(stream);
	link_free(link);
}

static void test_a_stream_that_takes_nothing(void **state)
{
	(void)state;
	struct link *link = start();
	stream->room = 3;
	stream->handler.open(stream->context);
	expect("L", "took no hello");
	assert_int_equal(link_write(link, STR("more")), 0);
	link_free(link);
}

/* What comes first, and second, and what is heard of it. */
static void test_who_may_speak(void **state)
{
	(void)state;
	const struct frame hello = hello_frame(), started = FROM_RUNNER(.type = FRAME_STARTED),
			   end = FROM_RUNNER(.type = FRAME_END),
			   failed = FROM_RUNNER(.type = FRAME_FAILED, .failed = {STR("io"), STR("no")});
	const struct {
		const struct frame *first, *second;
		const char *required, *calls, *words;
	} cases[] = {
	    {&hello, NULL, "", "H", ""},
	    {&hello, &started, "", "HF", ""},
	    {&hello, &hello, "", "HF", ""},
	    {&failed, NULL, "", "F", ""},
	    {&failed, &hello, "", "FH", ""},
	    {&started, NULL, "", "L", "did not say hello first"},
	    {&end, NULL, "", "L", "did not say hello first"},
	    {&failed, &started, "", "FL", "did not say hello first"},
	    {&hello, NULL, "seccomp_filter", "H", ""},
	    {&hello, NULL, "landlock", "U", "landlock (the kernel has none)"},
	    {&hello, NULL, "noexec,seccomp_filter", "U", "noexec (its runner"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link *link = start();
		assert_int_equal(layers_parse(str_of(cases[i].required), &config.required_layers, NULL), 0);
		stream->handler.open(stream->context);
		stream_say(cases[i].first);
		if (cases[i].second)
			stream_say(cases[i].second);
		expect(cases[i].calls, cases[i].words);
		/* Lost means closed, and nothing else does. */
		assert_int_equal(stream == NULL, strchr(cases[i].calls, 'L') != NULL);
		link_free(link);
		config = (struct controller_config){0};
	}
}

static void test_what_hello_tells(void **state)
{
	(void)state;
	struct frame hello = hello_frame();
	struct link *link = start();
	assert_null(link_isolation(link));
	assert_int_equal(link_opened_us(link), 0);
	now_us = 42;
	stream_say(&hello);
	now_us = 43;
	stream_say(&hello);
	assert_int_equal(link_opened_us(link), 42);
	link_close(link); /* what was learned stays */
	const struct isolation *isolation = link_isolation(link);
	assert_int_equal(isolation->count, 2);
	assert_string_equal(isolation->layers[0].name, "landlock");
	assert_string_equal(isolation->layers[0].detail, "the kernel has none");
	assert_false(isolation->layers[0].active);
	assert_true(isolation->layers[1].active);
	link_free(link);
}

/* Frames arrive cut anywhere, and many at once. */
static void test_pieces_of_every_size(void **state)
{
	(void)state;
	static char bytes[FRAME_DATA_SIZE];
	const struct frame frames[] = {
	    hello_frame(),
	    FROM_RUNNER(.type = FRAME_STARTED),
	    FROM_RUNNER(.type = FRAME_DATA, .data = {bytes, sizeof(bytes)}),
	    FROM_RUNNER(.type = FRAME_DATA, .data = {bytes, sizeof(bytes)}),
	    FROM_RUNNER(.type = FRAME_DATA, .data = {bytes, sizeof(bytes)}),
	    FROM_RUNNER(.type = FRAME_DATA, .data = {bytes, sizeof(bytes)}),
	    FROM_RUNNER(.type = FRAME_DATA, .data = {bytes, sizeof(bytes)}),
	    FROM_RUNNER(.type = FRAME_DATA, .data = {bytes, sizeof(bytes)}),
	    FROM_RUNNER(.type = FRAME_END),
	};
	cleanup_buffer struct buffer all = BUFFER(1 << 20);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		assert_int_equal(frame_encode(&frames[i], &all, NULL), 0);
	static const size_t steps[] = {1, 2, 3, 5, 7, 4096, 65541, 131072, 1 << 20};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct link *link = start();
		for (size_t at = 0; at < all.len; at += steps[i]) {
			size_t n = all.len - at < steps[i] ? all.len - at : steps[i];
			stream->handler.output(stream->context, (struct str){all.data + at, n});
		}
		expect("HFFFFFFFF", "");
		assert_int_equal(heard.last, FRAME_END);
		link_free(link);
	}
}

/* A runner of another release is not listened to. */
static void test_another_version(void **state)
{
	(void)state;
	struct frame hello = hello_frame();
	static const int versions[] = {FRAME_VERSION_OLDEST - 1, FRAME_VERSION + 1};
	for (size_t i = 0; i < 2; i++) {
		struct link *link = start();
		cleanup_buffer struct buffer bytes = stream_encode(&hello);
		bytes.data[FRAME_HEADER_SIZE + 1] = (char)versions[i];
		stream->handler.output(stream->context, buffer_str(&bytes));
		expect("L", "version");
		assert_int_equal(heard.error.code, ERR_PROTOCOL);
		link_free(link);
	}
}

static void test_bytes_that_are_no_frames(void **state)
{
	(void)state;
	static const struct str bytes[] = {
	    {"\xff\xff\xff\xff\x10", 5},     /* 4 GiB are not waited for */
	    {"\x00\x02\x80\x01\x08", 5},     /* one byte above the maximum */
	    {"\x00\x00\x00\x00\x63", 5},     /* a type that there isn't */
	    {"\x00\x00\x00\x00\x06", 5},     /* START: only we say that */
	    {"\x00\x00\x00\x01\x01\x00", 6}, /* a HELLO that is cut */
	};
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		struct link *link = start();
		stream->handler.output(stream->context, bytes[i]);
		assert_string_equal(heard.calls, "L");
		assert_int_equal(heard.error.code, ERR_PROTOCOL);
		assert_null(stream);
		link_free(link);
	}
}

/* A handler may end it in the midst of what arrived together. */
static void test_nothing_is_heard_after_the_end(void **state)
{
	(void)state;
	static const struct {
		int then;
		const char *calls;
		bool is_open;
	} cases[] = {{GO_ON, "HFF", true}, {REFUSE, "HL", false}, {CLOSE, "H", false}, {MUTE, "H", true}};
	const struct frame frames[] = {hello_frame(), FROM_RUNNER(.type = FRAME_STARTED),
				       FROM_RUNNER(.type = FRAME_END)};
	cleanup_buffer struct buffer all = BUFFER(1 << 16);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		assert_int_equal(frame_encode(&frames[i], &all, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link *link = start();
		heard.then = (__typeof__(heard.then))cases[i].then;
		stream->handler.output(stream->context, buffer_str(&all));
		expect(cases[i].calls, cases[i].then == REFUSE ? "refused" : "");
		assert_int_equal(stream != NULL, cases[i].is_open);
		assert_int_equal(link_is_listening(link), cases[i].then == GO_ON);
		link_free(link);
	}
}

static void test_how_it_ends(void **state)
{
	(void)state;
	static const struct error refused = {ERR_FORBIDDEN, "pods/exec is forbidden"};
	static const struct {
		const struct error *problem;
		int exit_code;
		const char *relay;
		enum error_code code;
		const char *message;
	} cases[] = {
	    {&refused, 0, NULL, ERR_FORBIDDEN, "pods/exec is forbidden"},
	    {&refused, 0, "words", ERR_FORBIDDEN, "pods/exec is forbidden"},
	    {NULL, 7, NULL, ERR_UNAVAILABLE,
	     "the relay ended with exit code 7 before the result was complete"},
	    {NULL, 1, "no socket", ERR_UNAVAILABLE,
	     "the relay ended with exit code 1 before the result was complete: no socket"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link *link = start();
		if (cases[i].relay) {
			stream->handler.error_output(stream->context, str_of(cases[i].relay));
			stream->handler.error_output(stream->context, STR("later words"));
		}
		stream_end(cases[i].problem, cases[i].exit_code);
		expect("L", cases[i].message);
		assert_string_equal(heard.error.message, cases[i].message);
		assert_int_equal(heard.error.code, cases[i].code);
		assert_false(link_is_listening(link));
		link_free(link);
	}
}

/* However much the relay writes to its stderr, little of it is kept. */
static void test_a_relay_of_many_words(void **state)
{
	(void)state;
	static char words[100000];
	memset(words, 'w', sizeof(words));
	struct link *link = start();
	stream->handler.error_output(stream->context, STR(""));
	stream->handler.error_output(stream->context, (struct str){words, sizeof(words)});
	stream_end(NULL, 1);
	expect("L", "complete: wwww");
	assert_true(strlen(heard.error.message) < 400);
	link_free(link);
}

static void test_muted_is_muted(void **state)
{
	(void)state;
	struct link *link = start();
	link_mute(link);
	stream->handler.output(stream->context, STR("\xff\xff\xff\xff no frame"));
	stream_end(NULL, 1);
	expect("", "");
	link_free(link);
}

static void test_writing(void **state)
{
	(void)state;
	struct link *link = start();
	stream->room = 4;
	assert_int_equal(link_write(link, STR("abcdef")), 4);
	assert_int_equal(link_write(link, STR("ef")), 0);
	stream->handler.drained(stream->context);
	expect("D", "");
	link_close(link);
	assert_int_equal(link_write(link, STR("ef")), 0);
	link_close(link); /* again: nothing */
	link_free(link);
	assert_null(link_free(NULL));
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_token_is_said_first),
	    TEST(test_a_token_that_is_none),
	    TEST(test_a_stream_that_takes_nothing),
	    TEST(test_who_may_speak),
	    TEST(test_what_hello_tells),
	    TEST(test_pieces_of_every_size),
	    TEST(test_another_version),
	    TEST(test_bytes_that_are_no_frames),
	    TEST(test_nothing_is_heard_after_the_end),
	    TEST(test_how_it_ends),
	    TEST(test_a_relay_of_many_words),
	    TEST(test_muted_is_muted),
	    TEST(test_writing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
