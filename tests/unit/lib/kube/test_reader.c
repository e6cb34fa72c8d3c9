#include "lib/kube/reader.h"

#include "tests/unit/lib/kube/fake_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define AT_ONCE 2

struct fixture {
	uv_loop_t loop;
	struct kube_client client;
	struct reader *reader;
	bool silent;           /* no answers */
	unsigned frees_reader; /* in this answer */
	char log[256];         /* paths that were answered, with their status */
	unsigned answers;
};

static int answer(void *context, const char *path, struct buffer *body)
{
	struct fixture *f = context;
	buffer_append_c(body, path);
	return f->silent ? 0 : strcmp(path, "/missing") == 0 ? 404 : 200;
}

static void on_read(void *context, const struct kube_response *response)
{
	struct fixture *f = context;
	size_t n = strlen(f->log);
	snprintf(f->log + n, sizeof(f->log) - n, "%.*s:%d ", (int)response->body.n, response->body.p,
		 response->status);
	if (++f->answers == f->frees_reader)
		f->reader = reader_free(f->reader);
}

static int setup(void **state)
{
	static struct fixture fixture;
	fixture = (struct fixture){0};
	assert_int_equal(uv_loop_init(&fixture.loop), 0);
	fake_client_init(&fixture.client, &fixture.loop, 1, answer, &fixture);
	fixture.reader = reader_new(&fixture.client, AT_ONCE, NULL);
	assert_non_null(fixture.reader);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	reader_free(f->reader);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	return uv_loop_close(&f->loop);
}

static struct reading *get(struct fixture *f, const char *path)
{
	struct reading *reading = reader_get(f->reader, path, on_read, f, NULL);
	assert_non_null(reading);
	return reading;
}

static void so_many_at_once_and_the_others_in_line(void **state)
{
	struct fixture *f = *state;
	get(f, "/a");
	get(f, "/missing");
	get(f, "/c");
	get(f, "/d");
	assert_int_equal(f->client.calls, AT_ONCE);
	assert_int_equal(reader_waiting(f->reader), 2);
	assert_string_equal(f->log, ""); /* never from inside */
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_string_equal(f->log, "/a:200 /missing:404 /c:200 /d:200 ");
	assert_int_equal(reader_waiting(f->reader), 0);
}

static void who_gives_up_makes_room(void **state)
{
	struct fixture *f = *state;
	f->silent = true;
	struct reading *first = get(f, "/a");
	get(f, "/b");
	struct reading *third = get(f, "/c");
	get(f, "/d");
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->client.waiting, 2);
	reading_cancel(third);
	assert_int_equal(f->client.cancelled, 0); /* it was not sent yet */
	f->silent = false;
	reading_cancel(first);
	assert_int_equal(f->client.cancelled, 1);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_string_equal(f->log, "/d:200 ");
	reading_cancel(NULL);
}

static void it_may_end_in_an_answer(void **state)
{
	struct fixture *f = *state;
	f->frees_reader = 1;
	get(f, "/a");
	get(f, "/b");
	get(f, "/c");
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_string_equal(f->log, "/a:200 ");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(so_many_at_once_and_the_others_in_line),
					   TEST(who_gives_up_makes_room), TEST(it_may_end_in_an_answer)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
