/* What a sandbox is sent, over a link of the test's own: all that is needed first, in whatever order it
 * comes, and nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../lib/frame/taker.h"
#include "controller/sandbox/job.h"
#include "controller/sandbox/sender.h"
#include "lib/base/temporary.h"
#include "lib/blob/blob_internal.h"
#include "tests/unit/lib/kube/fake_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The link: takes `room` bytes */

struct link {
	struct buffer written;
	size_t room;
	bool closed;
};

static struct link the_link;

bool link_is_listening(const struct link *link)
{
	return !link->closed;
}

size_t link_write(struct link *link, struct str bytes)
{
	size_t n = bytes.n < link->room ? bytes.n : link->room;
	link->room -= link->room == SIZE_MAX ? 0 : n;
	assert_int_equal(buffer_append(&link->written, bytes.p, n), 0);
	return n;
}

int link_put_hello(const struct link *link, struct buffer *out, struct error *err)
{
	struct frame frame = {.type = FRAME_HELLO, .hello_request = {FRAME_VERSION, STR("secret"), 1}};
	(void)link;
	return frame_encode(&frame, out, err);
}

/* The store: keeps what was asked for until the test answers */

struct fake_store {
	struct blob_store base;
	blob_done_cb done;
	void *context;
	bool refuses;
};

static int fake_get(struct blob_store *base, const struct blob_key *key, int64_t max, blob_done_cb done,
		    void *context, struct error *err)
{
	struct fake_store *store = (struct fake_store *)base;
	assert_int_equal(key->bucket, BLOB_EXECUTIONS);
	assert_string_equal(key->tenant, "acme");
	assert_true(max > 0 && max <= (int64_t)FRAME_MAX_INPUT);
	if (store->refuses)
		return error_set(err, ERR_UNAVAILABLE, "the store is full");
	store->done = done;
	store->context = context;
	return 0;
}

static const struct blob_operations operations = {.get = fake_get};
static struct fake_store store;

/* What is sent */

static uv_loop_t loop;
static const struct controller_config config = {.policy.max_output_size = 1 << 20,
						.max_logs = 1 << 20,
						.policy.max_files_size = 1 << 20,
						.max_files_count = 10};
static struct session_services services = {
    .loop = &loop, .store = &store.base, .config = &config, .clock = &clock_system};
static struct skill_file files[] = {{(char *)"data.txt", NULL}, {(char *)"main.py", (char *)"print()"}};
static const struct skill skill = {.meta = {.uid = (char *)"s", .generation = 1},
				   .spec = {.lang = (char *)"python", .files = files, .file_count = 2}};
/* There is no script in it. */
static const struct skill broken_skill = {.meta = {.uid = (char *)"t", .generation = 1},
					  .spec = {.lang = (char *)"node", .files = files, .file_count = 2}};
static const struct execution inline_input = {.meta = {.name = (char *)"e", .uid = (char *)"u"},
					      .spec = {.input = (char *)"[1]"}};
static const struct execution input_by_reference = {
    .meta = {.name = (char *)"e", .uid = (char *)"u"},
    .spec = {.input_ref = {(char *)"sha256:"
				   "0000000000000000000000000000000000000000000000000000000000000000",
			   5}}};
static const struct run_shape shape = {
    .image = "i", .timeout_ms = 1000, .skill_version = "1.0.0", .skill_digest = "d"};

static struct {
	unsigned unavailable, broken;
	struct error error;
} told;

static void on_unavailable(void *context, const struct error *err)
{
	(void)context;
	told.unavailable++;
	told.error = *err;
}

static void on_broken(void *context, const struct error *err)
{
	(void)context;
	told.broken++;
	told.error = *err;
}

static const struct sender_handler handler = {on_unavailable, on_broken};

static struct sender *make(void)
{
	struct sender *sender = sender_new(&services, &the_link, &handler, NULL, NULL);
	assert_non_null(sender);
	return sender;
}

static void load(struct sender *sender, const struct execution *execution, const struct skill *of)
{
	struct error err;
	if (sender_load_job(sender, execution, of, &shape, "acme", &err) != 0)
		fail_msg("%s", err.message);
}

static void run_loop(void)
{
	while (uv_run(&loop, UV_RUN_NOWAIT))
		;
}

/* The store's answer: a file with this text; the sender closes it. */
/* The file of the last input. */
static struct stat given;

static int give_input(const char *text)
{
	int fd = temporary_file(NULL);
	assert_true(fd >= 0);
	assert_int_equal(temporary_write(fd, str_of(text), NULL), 0);
	assert_int_equal(fstat(fd, &given), 0);
	store.done(store.context, NULL, fd, (int64_t)strlen(text));
	return fd;
}

/* Its number may be another file's by now: one that the thread pool has open. */
static void assert_input_closed(int fd)
{
	struct stat now;
	assert_true(fstat(fd, &now) != 0 || now.st_dev != given.st_dev || now.st_ino != given.st_ino);
}

/* All that was written, as frames: each must be whole. */
struct seen {
	unsigned of[FRAME_PACKED + 1];
	uint64_t data;
	enum frame_type last;
	struct frame_start start;
};

static struct seen written(void)
{
	struct seen seen = {0};
	struct taker taker = taker_of(buffer_str(&the_link.written));
	struct frame frame;
	while (taker_next(&taker, &frame)) {
		seen.of[frame.type]++;
		seen.last = frame.type;
		seen.data += frame.type == FRAME_DATA ? frame.data.n : 0;
		if (frame.type == FRAME_START)
			seen.start = frame.start;
	}
	buffer_free(&taker.unpacked);
	buffer_reset(&the_link.written);
	return seen;
}

static uint64_t bytes_of_files(void)
{
	return strlen(files[0].text) + strlen(files[1].text);
}

static int set_up(void **state)
{
	(void)state;
	static char text[300001];
	taker_fill(text, sizeof(text) - 1);
	files[0].text = text;
	memset(&told, 0, sizeof(told));
	reading_count = readings_cancelled = 0;
	reader_refuses = false;
	store = (struct fake_store){.base = {&operations}};
	the_link = (struct link){BUFFER(64 << 20), SIZE_MAX, false};
	services.bundles = bundle_cache_new(&loop, &store.base, NULL, NULL);
	return services.bundles ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	run_loop();
	services.bundles = bundle_cache_free(services.bundles);
	buffer_free(&the_link.written);
	return 0;
}

/* Tests */

/* The job goes out when the sandbox waits and bundle and input are here, whichever is last. */
static void test_every_order(void **state)
{
	(void)state;
	static const char *const orders[] = {"sbi", "sib", "bsi", "bis", "isb", "ibs"};
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		tear_down(NULL); /* an empty cache: the bundle is made on the thread pool */
		set_up(NULL);
		struct sender *sender = make();
		load(sender, &input_by_reference, &skill);
		for (const char *event = orders[i]; *event; event++) {
			assert_int_equal(the_link.written.len, 0);
			assert_int_equal(sender_begun_us(sender), 0);
			if (*event == 's')
				sender_start(sender);
			else if (*event == 'b')
				run_loop();
			else
				give_input("[2,3]");
		}
		struct seen seen = written();
		assert_int_equal(seen.of[FRAME_JOB], 1);
		assert_int_equal(seen.of[FRAME_FILE], 2);
		assert_int_equal(seen.of[FRAME_INPUT], 1);
		assert_int_equal(seen.last, FRAME_START);
		assert_int_equal(seen.data, bytes_of_files() + 5);
		assert_int_equal(seen.start.file_count, 2);
		assert_int_equal(seen.start.byte_count, seen.data);
		assert_true(sender_begun_us(sender) > 0);
		sender_start(sender);
		sender_drain(sender);
		assert_int_equal(the_link.written.len, 0); /* nothing twice */
		sender_free(sender);
	}
	assert_int_equal(told.unavailable + told.broken, 0);
}

static void test_a_slow_link(void **state)
{
	(void)state;
	struct sender *sender = make();
	load(sender, &inline_input, &skill);
	the_link.room = 0;
	sender_start(sender);
	run_loop();
	unsigned turns = 0;
	for (size_t before = SIZE_MAX; before != the_link.written.len; turns++) {
		before = the_link.written.len;
		the_link.room = 1000;
		sender_drain(sender);
	}
	assert_true(turns > 300);
	struct seen seen = written();
	assert_int_equal(seen.last, FRAME_START);
	assert_int_equal(seen.data, bytes_of_files() + 3);
	sender_free(sender);
}

/* What can't be had is told when the sandbox waits for it, and then no job is sent. */
static void test_what_is_not_there(void **state)
{
	(void)state;
	static const struct error gone = {ERR_NOT_FOUND, "no such blob"},
				  away = {ERR_UNAVAILABLE, "no route"};
	static const struct {
		const struct skill *skill;
		const struct error *input;
		enum error_code code;
		const char *words;
	} cases[] = {
	    {&broken_skill, NULL, ERR_INVALID_SKILL, "no entrypoint"},
	    {NULL, NULL, ERR_NOT_FOUND, "the skill was deleted"},
	    {&skill, &gone, ERR_NOT_FOUND, "the input could not be fetched: no such blob"},
	    {&skill, &away, ERR_UNAVAILABLE, "the input could not be fetched: no route"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sender *sender = make();
		memset(&told, 0, sizeof(told));
		load(sender, cases[i].input ? &input_by_reference : &inline_input, cases[i].skill);
		if (cases[i].input)
			store.done(store.context, cases[i].input, -1, 0);
		run_loop();
		assert_int_equal(told.unavailable, 0);
		sender_start(sender);
		assert_int_equal(told.unavailable, 1);
		assert_int_equal(told.error.code, cases[i].code);
		if (!strstr(told.error.message, cases[i].words))
			fail_msg("'%s' lacks '%s'", told.error.message, cases[i].words);
		assert_int_equal(the_link.written.len, 0);
		sender_free(sender);
	}
}

/* The caches have outlines of both: what is missing is read, and nothing is sent before. */
static const struct execution outline = {
    .meta = {.name = (char *)"e", .namespace = (char *)"ns", .uid = (char *)"u"}, .is_outline = true};
static const struct skill outline_skill = {
    .meta = {.name = (char *)"s", .namespace = (char *)"ns", .uid = (char *)"s", .generation = 1},
    .is_outline = true,
    .spec = {.lang = (char *)"python", .files = files, .file_count = 2}};
#define WHOLE(input)                                                                                         \
	"{\"metadata\":{\"name\":\"e\",\"uid\":\"u\"},\"spec\":{\"skillRef\":{\"name\":\"a\"},"              \
	"\"inputText\":\"" input "\",\"env\":[{\"name\":\"A\",\"value\":\"1\"}]}}"
#define WHOLE_SKILL                                                                                          \
	"{\"metadata\":{\"name\":\"s\",\"uid\":\"s\"},\"spec\":{\"name\":\"a\",\"version\":\"1.0\","         \
	"\"instructions\":\"Say it.\",\"source\":{\"files\":{\"main.py\":\"print()\"}}}}"

static void test_outlines(void **state)
{
	(void)state;
	static const char *const orders[] = {"s0b1", "01bs", "s10b"};
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		tear_down(NULL);
		set_up(NULL);
		struct sender *sender = make();
		load(sender, &outline, &outline_skill);
		assert_int_equal(reading_count, 3);
		assert_string_equal(readings[0].path, API_BASE_PATH "/namespaces/ns/executions/e");
		assert_string_equal(readings[1].path, API_BASE_PATH "/namespaces/ns/skills/s");
		assert_string_equal(readings[2].path, readings[1].path); /* its files, for the bundle */
		for (const char *event = orders[i]; *event; event++) {
			assert_int_equal(the_link.written.len, 0);
			if (*event == 's') {
				sender_start(sender);
			} else if (*event == 'b') {
				answer_reading(2, WHOLE_SKILL);
				run_loop();
			} else if (*event == '0' || *event == '1') {
				answer_reading((unsigned)(*event - '0'),
					       *event == '0' ? WHOLE("[1,2]") : WHOLE_SKILL);
			}
		}
		struct seen seen = written();
		assert_int_equal(seen.last, FRAME_START);
		assert_int_equal(seen.of[FRAME_ENV], 2); /* SKILL_INSTRUCTIONS and A */
		assert_int_equal(seen.data, strlen("[1,2]") + strlen("print()"));
		sender_free(sender);
		assert_int_equal(readings_cancelled, 0);
	}
}

/* An input that was read waits in a file. */
static void test_a_large_input_that_was_read(void **state)
{
	(void)state;
	static char json[2 * JOB_MAX_WAITING_INPUT];
	struct sender *sender = make();
	load(sender, &outline, &skill);
	assert_int_equal(reading_count, 1); /* the skill is whole */
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"e\",\"uid\":\"u\"},\"spec\":{\"skillRef\":{\"name\":\"a\"},"
		 "\"inputText\":\"[%*d]\"}}",
		 JOB_MAX_WAITING_INPUT, 1);
	answer_reading(0, json);
	run_loop();
	sender_start(sender);
	struct seen seen = written();
	assert_int_equal(seen.last, FRAME_START);
	assert_int_equal(seen.data, bytes_of_files() + JOB_MAX_WAITING_INPUT + 2);
	sender_free(sender);
}

static void test_an_object_that_is_gone(void **state)
{
	(void)state;
	static const struct error away = {ERR_UNAVAILABLE, "no route"};
	static const struct {
		struct kube_response response;
		enum error_code code;
		const char *words;
	} cases[] = {
	    {{.error = &away}, ERR_UNAVAILABLE, "input could not be read: no route"},
	    {{.body = {"{\"metadata\":{\"name\":\"e\",\"uid\":\"other\"}}", 39}},
	     ERR_NOT_FOUND,
	     "the execution was deleted"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tear_down(NULL);
		set_up(NULL);
		struct sender *sender = make();
		load(sender, &outline, &skill);
		readings[0].done(readings[0].context, &cases[i].response);
		run_loop();
		sender_start(sender);
		assert_int_equal(told.unavailable, 1);
		assert_int_equal(told.error.code, cases[i].code);
		assert_non_null(strstr(told.error.message, cases[i].words));
		assert_int_equal(the_link.written.len, 0);
		sender_free(sender);
	}
}

static void test_freed_while_it_reads(void **state)
{
	(void)state;
	struct sender *sender = make();
	load(sender, &outline, &outline_skill);
	sender_free(sender);
	assert_int_equal(readings_cancelled, 2);
	sender = make();
	reader_refuses = true;
	assert_int_equal(sender_load_job(sender, &outline, &skill, &shape, "acme", NULL), -1);
	sender_free(sender);
}

static void test_a_store_that_refuses(void **state)
{
	(void)state;
	struct sender *sender = make();
	struct error err = {0};
	store.refuses = true;
	assert_int_equal(sender_load_job(sender, &input_by_reference, &skill, &shape, "acme", &err), -1);
	assert_string_equal(err.message, "the store is full");
	sender_free(sender);
}

static void test_files_ahead(void **state)
{
	(void)state;
	struct sender *sender = make();
	assert_int_equal(sender_load_files(sender, &skill, "acme", NULL), 0);
	sender_start(sender);
	assert_int_equal(the_link.written.len, 0);
	the_link.room = 100000;
	run_loop();
	assert_false(sender_has_asked(sender));
	the_link.room = SIZE_MAX;
	sender_drain(sender);
	assert_true(sender_has_asked(sender));
	struct seen seen = written();
	assert_int_equal(seen.of[FRAME_FILE], 2);
	assert_int_equal(seen.of[FRAME_JOB] + seen.of[FRAME_START], 0);
	assert_int_equal(seen.data, bytes_of_files());
	assert_int_equal(seen.last, FRAME_HELLO);

	assert_int_equal(sender_confirm_files(sender, NULL), 0);
	assert_false(sender_has_asked(sender));
	sender_start(sender);
	assert_int_equal(the_link.written.len, 0);
	load(sender, &inline_input, NULL);
	sender_start(sender);
	seen = written();
	assert_int_equal(seen.of[FRAME_FILE], 0);
	assert_int_equal(seen.data, 3);
	assert_int_equal(seen.start.file_count, 2); /* they count */
	assert_int_equal(seen.start.byte_count, bytes_of_files() + 3);
	sender_free(sender);
}

/* Files are for a sandbox that waits for somebody: why wait to tell? */
static void test_files_that_are_not_there(void **state)
{
	(void)state;
	struct sender *sender = make();
	assert_int_equal(sender_load_files(sender, &broken_skill, "acme", NULL), 0);
	assert_int_equal(told.unavailable, 0);
	run_loop();
	assert_int_equal(told.unavailable, 1);
	assert_int_equal(told.error.code, ERR_INVALID_SKILL);
	sender_free(sender);
}

/* CANCEL was put into the midst of a bundle: its pieces don't end where its frames do, and what followed was
 * no frame to the sandbox. */
static void test_cancel_at_any_byte(void **state)
{
	(void)state;
	for (size_t sent = 0; sent < 310000; sent += sent < 1000 ? 97 : 30011) {
		struct sender *sender = make();
		load(sender, &inline_input, &skill);
		the_link.room = sent;
		sender_start(sender);
		run_loop();
		assert_int_equal(sender_cancel(sender, NULL), 0);
		the_link.room = SIZE_MAX;
		sender_drain(sender);
		struct seen seen = written();
		assert_int_equal(seen.of[FRAME_START], 1);
		assert_int_equal(seen.of[FRAME_CANCEL], 1);
		assert_int_equal(seen.last, FRAME_CANCEL);
		assert_int_equal(seen.data, bytes_of_files() + 3);
		sender_free(sender);
	}
}

static void test_cancel_alone(void **state)
{
	(void)state;
	struct sender *sender = make();
	load(sender, &inline_input, NULL); /* it has the job already: it never waits */
	assert_int_equal(sender_cancel(sender, NULL), 0);
	struct seen seen = written();
	assert_int_equal(seen.of[FRAME_CANCEL], 1);
	assert_int_equal(seen.last, FRAME_CANCEL);
	sender_free(sender);

	sender = make();
	load(sender, &input_by_reference, &skill);
	sender_start(sender);
	assert_int_equal(sender_cancel(sender, NULL), 0);
	give_input("[2]");
	run_loop();
	seen = written();
	assert_int_equal(seen.of[FRAME_CANCEL], 1);
	assert_int_equal(seen.of[FRAME_JOB], 0); /* not any more */
	sender_free(sender);
}

static void test_a_file_that_was_cut(void **state)
{
	(void)state;
	struct sender *sender = make();
	load(sender, &input_by_reference, &skill);
	sender_start(sender);
	run_loop();
	int fd = temporary_file(NULL);
	store.done(store.context, NULL, fd, 9); /* it is empty */
	assert_int_equal(told.broken, 1);
	assert_int_equal(told.error.code, ERR_IO);
	assert_non_null(strstr(told.error.message, "was cut"));
	sender_free(sender);
}

static void test_a_link_that_is_closed(void **state)
{
	(void)state;
	struct sender *sender = make();
	load(sender, &inline_input, &skill);
	sender_start(sender);
	the_link.closed = true;
	run_loop();
	sender_drain(sender);
	assert_int_equal(the_link.written.len, 0);
	assert_int_equal(told.unavailable + told.broken, 0);
	sender_free(sender);
}

static void test_freed_at_any_time(void **state)
{
	(void)state;
	struct sender *sender = make();
	load(sender, &input_by_reference, &skill);
	sender_free(sender); /* bundle and input are on their way */
	int fd = give_input("[2]");
	assert_input_closed(fd); /* nobody wants it */

	sender = make();
	load(sender, &input_by_reference, &skill);
	sender_free(sender);
	static const struct error away = {ERR_UNAVAILABLE, "no route"};
	store.done(store.context, &away, -1, 0);

	sender = make();
	load(sender, &input_by_reference, &skill);
	fd = give_input("[2]");
	sender_free(sender); /* with all that was there */
	assert_input_closed(fd);
	assert_int_equal(told.unavailable + told.broken, 0);
	assert_null(sender_free(NULL));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	if (uv_loop_init(&loop) != 0)
		return 1;
	const struct CMUnitTest tests[] = {
	    TEST(test_every_order),
	    TEST(test_a_slow_link),
	    TEST(test_what_is_not_there),
	    TEST(test_a_store_that_refuses),
	    TEST(test_files_ahead),
	    TEST(test_files_that_are_not_there),
	    TEST(test_cancel_at_any_byte),
	    TEST(test_cancel_alone),
	    TEST(test_a_file_that_was_cut),
	    TEST(test_a_link_that_is_closed),
	    TEST(test_freed_at_any_time),
	    TEST(test_outlines),
	    TEST(test_a_large_input_that_was_read),
	    TEST(test_an_object_that_is_gone),
	    TEST(test_freed_while_it_reads),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return uv_loop_close(&loop) == 0 ? failed : 1;
}
