#include "lib/base/jsontext.h"
#include "lib/kube/events.h"
#include "tests/unit/lib/http/scripted_server.h"

#include <stdio.h>

#define CREATED "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
#define CONFLICT "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}"
#define EXISTS                                                                                               \
	"HTTP/1.1 409 Conflict\r\nContent-Length: "                                                          \
	"42\r\n\r\n{\"kind\":\"Status\",\"reason\":\"AlreadyExists\"}"
#define NOT_FOUND "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
#define FORBIDDEN "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}"

struct fixture {
	uv_loop_t loop;
	struct scripted_server server;
	struct kube_client *client;
	struct event_recorder *recorder;
	char address[64];
};

static const struct event_object about = {"skillbox.dev/v1alpha1", "Execution", "tenant", "run-1", "uid-1"};

static struct fixture *start(const struct script_step *steps)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err;
	uv_loop_init(&f->loop);
	scripted_server_start(&f->server, &f->loop, steps);
	snprintf(f->address, sizeof(f->address), "http://127.0.0.1:%u", f->server.port);
	struct kube_config config = {.server = f->address};
	f->client = kube_client_new(&f->loop, &config, &err);
	assert_non_null(f->client);
	f->recorder = event_recorder_new(f->client, "skillbox.dev/controller", "pod-1", &err);
	assert_non_null(f->recorder);
	return f;
}

static void finish(struct fixture *f)
{
	event_recorder_free(f->recorder);
	kube_client_free(f->client);
	scripted_server_stop(&f->server);
	loop_end(&f->loop);
	free(f);
}

static void record(struct fixture *f, const char *note)
{
	event_record(f->recorder, &about, "Warning", "SandboxLost", "Run", note);
}

static void wait_for(struct fixture *f, unsigned requests)
{
	LOOP_UNTIL(&f->loop,
		   f->server.request_count >= requests && event_recorder_in_flight(f->recorder) == 0);
	assert_int_equal(f->server.request_count, requests);
}

static struct str body_of(const char *request)
{
	return str_of(strstr(request, "\r\n\r\n") + 4);
}

static void expect_member(struct str object, const char *key, const char *raw)
{
	struct str value;
	if (!jsontext_member(object, str_of(key), &value))
		fail_msg("no %s in %.*s", key, (int)object.n, object.p);
	if (!str_eq(value, str_of(raw)))
		fail_msg("%s is %.*s, not %s", key, (int)value.n, value.p, raw);
}

static void test_create(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{CREATED, SCRIPT_KEEP}, {0}});
	record(f, "it \"broke\"\n");
	wait_for(f, 1);
	const char *request = f->server.requests[0];
	assert_ptr_equal(strstr(request, "POST /apis/events.k8s.io/v1/namespaces/tenant/events HTTP/1.1\r\n"),
			 request);
	struct str body = body_of(request), value;
	assert_int_equal(jsontext_check(body, &(struct jsontext_rules){.refuse_duplicates = true}, NULL), 0);
	expect_member(body, "apiVersion", "\"events.k8s.io/v1\"");
	expect_member(body, "kind", "\"Event\"");
	expect_member(body, "reportingController", "\"skillbox.dev/controller\"");
	expect_member(body, "reportingInstance", "\"pod-1\"");
	expect_member(body, "type", "\"Warning\"");
	expect_member(body, "reason", "\"SandboxLost\"");
	expect_member(body, "action", "\"Run\"");
	expect_member(body, "note", "\"it \\\"broke\\\"\\n\"");
	assert_true(jsontext_member(body, STR("regarding"), &value));
	expect_member(value, "apiVersion", "\"skillbox.dev/v1alpha1\"");
	expect_member(value, "kind", "\"Execution\"");
	expect_member(value, "namespace", "\"tenant\"");
	expect_member(value, "name", "\"run-1\"");
	expect_member(value, "uid", "\"uid-1\"");
	assert_true(jsontext_member(body, STR("metadata"), &value));
	expect_member(value, "namespace", "\"tenant\"");
	assert_true(jsontext_member(value, STR("name"), &value));
	assert_true(str_starts_with(value, STR("\"run-1.")));
	assert_true(kube_name_is_valid((struct str){value.p + 1, value.n - 2}));
	assert_true(jsontext_member(body, STR("eventTime"), &value));
	assert_int_equal(value.n, strlen("\"2026-11-24T10:58:24.123000Z\""));
	finish(f);
}

static void test_equal_ones_become_a_series(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{CREATED, SCRIPT_KEEP}, {OK, SCRIPT_KEEP}, {0}});
	record(f, "same");
	record(f, "same");
	record(f, "same");
	wait_for(f, 1);
	event_recorder_flush(f->recorder);
	wait_for(f, 2);
	const char *request = f->server.requests[1];
	struct str name, value;
	assert_true(jsontext_member(body_of(f->server.requests[0]), STR("metadata"), &value));
	assert_true(jsontext_member(value, STR("name"), &name));
	char line[256];
	snprintf(line, sizeof(line),
		 "PATCH /apis/events.k8s.io/v1/namespaces/tenant/events/%.*s HTTP/1.1\r\n", (int)name.n - 2,
		 name.p + 1);
	assert_ptr_equal(strstr(request, line), request);
	assert_non_null(strstr(request, "Content-Type: application/merge-patch+json\r\n"));
	assert_true(jsontext_member(body_of(request), STR("series"), &value));
	expect_member(value, "count", "3");
	assert_true(jsontext_member(value, STR("lastObservedTime"), &value));
	/* nothing new: nothing is written */
	event_recorder_flush(f->recorder);
	wait_for(f, 2);
	record(f, "same");
	event_recorder_flush(f->recorder);
	wait_for(f, 3);
	assert_true(jsontext_member(body_of(f->server.requests[2]), STR("series"), &value));
	expect_member(value, "count", "4");
	finish(f);
}

static void test_different_ones_are_created(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{CREATED, SCRIPT_KEEP}, {0}});
	struct event_object other = about;
	record(f, "one");
	record(f, "two");
	other.uid = "uid-2";
	event_record(f->recorder, &other, "Warning", "SandboxLost", "Run", "one");
	event_record(f->recorder, &about, "Normal", "SandboxLost", "Run", "one");
	event_record(f->recorder, &about, "Warning", "Other", "Run", "one");
	wait_for(f, 5);
	finish(f);
}

static void test_cluster_wide_object(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{CREATED, SCRIPT_KEEP}, {0}});
	struct event_object node = {"v1", "Node", NULL, "node-1", NULL};
	event_record(f->recorder, &node, "Normal", "Seen", "Look", "hello");
	wait_for(f, 1);
	assert_non_null(strstr(f->server.requests[0], "/namespaces/default/events HTTP"));
	struct str value, ignored;
	assert_true(jsontext_member(body_of(f->server.requests[0]), STR("regarding"), &value));
	assert_false(jsontext_member(value, STR("namespace"), &ignored));
	assert_false(jsontext_member(value, STR("uid"), &ignored));
	finish(f);
}

/* A create that met nothing but conflicts made no Event: what was counted for it was lost. */
static void test_conflicts_create_nothing(void **state)
{
	(void)state;
	const struct script_step conflict = {CONFLICT, SCRIPT_KEEP};
	struct fixture *f = start((struct script_step[]){
	    conflict, conflict, conflict, conflict, conflict, conflict, {CREATED, SCRIPT_KEEP}, {0}});
	record(f, "x");
	wait_for(f, 6);
	record(f, "x");
	wait_for(f, 7);
	assert_non_null(strstr(f->server.requests[6], "POST "));
	finish(f);
}

static void test_after_a_failure(void **state)
{
	(void)state;
	/* refused: the next equal one is created again */
	struct fixture *f =
	    start((struct script_step[]){{FORBIDDEN, SCRIPT_KEEP}, {CREATED, SCRIPT_KEEP}, {0}});
	record(f, "x");
	wait_for(f, 1);
	record(f, "x");
	wait_for(f, 2);
	assert_non_null(strstr(f->server.requests[1], "POST "));
	finish(f);
	/* a create that was repeated: it is there */
	f = start((struct script_step[]){{EXISTS, SCRIPT_KEEP}, {OK, SCRIPT_KEEP}, {0}});
	record(f, "x");
	wait_for(f, 1);
	record(f, "x");
	event_recorder_flush(f->recorder);
	wait_for(f, 2);
	assert_non_null(strstr(f->server.requests[1], "PATCH "));
	finish(f);
	/* a quota of Events that others write, too: it is not there, and is tried again */
	f = start((struct script_step[]){{CONFLICT, SCRIPT_KEEP}, {CREATED, SCRIPT_KEEP}, {0}});
	record(f, "x");
	wait_for(f, 2);
	assert_non_null(strstr(f->server.requests[1], "POST "));
	finish(f);
	/* the event has expired: the next equal one is created */
	f = start((struct script_step[]){
	    {CREATED, SCRIPT_KEEP}, {NOT_FOUND, SCRIPT_KEEP}, {CREATED, SCRIPT_KEEP}, {0}});
	record(f, "x");
	wait_for(f, 1);
	record(f, "x");
	event_recorder_flush(f->recorder);
	wait_for(f, 2);
	record(f, "x");
	wait_for(f, 3);
	assert_non_null(strstr(f->server.requests[2], "POST "));
	finish(f);
}

static void test_bounds(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{CREATED, SCRIPT_KEEP}, {0}});
	char note[3001], name[254];
	/* 1,023 bytes, then a character of two bytes across the bound */
	memset(note, 'n', sizeof(note) - 1);
	note[3000] = '\0';
	memcpy(note + 1023, "\xc3\xa4", 2);
	memset(name, 'o', 253);
	name[253] = '\0';
	memcpy(name + 198, ".-", 2);
	struct event_object long_name = about;
	long_name.name = name;
	event_record(f->recorder, &long_name, "Normal", "R", "A", note);
	wait_for(f, 1);
	struct str value, body = body_of(f->server.requests[0]);
	assert_true(jsontext_member(body, STR("note"), &value));
	assert_int_equal(value.n, 1023 + 2);
	assert_true(jsontext_member(body, STR("metadata"), &value));
	assert_true(jsontext_member(value, STR("name"), &value));
	assert_true(kube_name_is_valid((struct str){value.p + 1, value.n - 2}));
	/* calls in flight are bounded, what is beyond is dropped */
	for (int i = 0; i < 200; i++) {
		snprintf(note, sizeof(note), "flood %d", i);
		record(f, note);
	}
	wait_for(f, 33);
	/* far more than are remembered */
	for (int i = 0; i < 600; i += 20) {
		for (int j = 0; j < 5; j++) {
			snprintf(note, sizeof(note), "more %d", i + j);
			record(f, note);
		}
		wait_for(f, f->server.request_count + 5);
	}
	finish(f);
}

static void test_free_in_flight(void **state)
{
	(void)state;
	struct fixture *f = start((struct script_step[]){{NULL, SCRIPT_KEEP}, {0}});
	record(f, "x");
	record(f, "x");
	LOOP_UNTIL(&f->loop, f->server.request_count == 1);
	finish(f);
	assert_null(event_recorder_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_create),
	    cmocka_unit_test(test_equal_ones_become_a_series),
	    cmocka_unit_test(test_different_ones_are_created),
	    cmocka_unit_test(test_cluster_wide_object),
	    cmocka_unit_test(test_after_a_failure),
	    cmocka_unit_test(test_conflicts_create_nothing),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_free_in_flight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
