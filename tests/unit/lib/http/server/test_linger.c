/* Early answers reach clients that are in the middle of their upload. */
#include "tests/unit/lib/http/test_app.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define UPLOAD (8 << 20)
#define HOST "Host: h\r\n"

static char upload_path[] = "/tmp/skillbox-upload-XXXXXX";
static char upload_argument[64];

static void expect_curl(struct app *app, const char *path, const char *expected, char *option, char *value)
{
	char url[128];
	struct curl_run run;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", app->port, path);
	char *arguments[] = {(char *)"curl",
			     (char *)"-sS",
			     (char *)"-X",
			     (char *)"POST",
			     (char *)"--data-binary",
			     upload_argument,
			     (char *)"-w",
			     (char *)" %{http_code}",
			     (char *)"-H",
			     (char *)"Content-Type: application/zip",
			     url,
			     option,
			     value,
			     NULL};
	curl_run(&run, &app->loop, arguments);
	assert_int_equal(run.status, 0);
	assert_string_equal(run.text.data, expected);
	buffer_free(&run.text);
}

static void test_curl(void **state)
{
	(void)state;
	struct app *app = app_start();
	for (int i = 0; i < 10; i++) {
		expect_curl(app, "/early", "who are you 401", (char *)"-H", (char *)"Expect:");
		expect_curl(app, "/early", "who are you 401", (char *)"-H",
			    (char *)"Transfer-Encoding: chunked");
		expect_curl(app, "/early", "who are you 401", NULL, NULL); /* with Expect: 100-continue */
		expect_curl(app, "/early", "who are you 401", (char *)"-0", NULL);
	}
	assert_int_equal(app->body_bytes, 0);
	/* and the same uploads arrive whole when they are wanted */
	expect_curl(app, "/middle", "too much 413", (char *)"-H", (char *)"Expect:");
	expect_curl(app, "/middle", "too much 413", (char *)"-H", (char *)"Transfer-Encoding: chunked");
	app_finish(app);
	app = app_start();
	struct curl_run run;
	char url[128];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", app->port);
	char *arguments[] = {(char *)"curl",
			     (char *)"-sS",
			     (char *)"--data-binary",
			     upload_argument,
			     (char *)"-o",
			     (char *)"/dev/null",
			     (char *)"-w",
			     (char *)"%{http_code} %{size_download}",
			     url,
			     (char *)"-H",
			     (char *)"Transfer-Encoding: chunked",
			     NULL};
	curl_run(&run, &app->loop, arguments);
	assert_string_equal(run.text.data, "200 8388608");
	buffer_free(&run.text);
	app_finish(app);
}

/* A client that doesn't look at the answer before all is sent: closing early would make the kernel reset it.
 */
static void send_all_then_read(const char *path, const char *expected, size_t size, bool chunked)
{
	struct app *app = app_start();
	struct raw_client client;
	char *body = malloc(size);
	memset(body, 'b', size);
	char head[256];
	if (chunked)
		snprintf(head, sizeof(head),
			 "POST %s HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", path, size);
	else
		snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", path,
			 size);
	raw_connect(&client, &app->loop, app->port);
	raw_send(&client, head);
	raw_send_bytes(&client, body, size);
	if (chunked)
		raw_send(&client, "\r\n0\r\n\r\n");
	free(body);
	LOOP_UNTIL(&app->loop, client.writes == 0);
	assert_int_equal(app->begins, 1);
	raw_read(&client);
	LOOP_UNTIL(&app->loop, raw_has(&client, expected) || client.ended);
	assert_true(raw_has(&client, expected));
	assert_false(client.reset);
	raw_close(&client);
	app_finish(app);
}

static void test_client_that_sends_all_first(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		send_all_then_read("/early", "who are you", UPLOAD, false);
		send_all_then_read("/early", "who are you", UPLOAD, true);
		send_all_then_read("/middle", "too much", UPLOAD, false);
		send_all_then_read("/middle", "too much", UPLOAD, true);
	}
}

static void test_expect(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	/* refused: the answer instead of "100 Continue" */
	app_exchange(app, &client,
		     "POST /early HTTP/1.1\r\n" HOST
		     "Expect: 100-continue\r\nContent-Length: 8388608\r\n\r\n",
		     "who are you");
	assert_ptr_equal(strstr(client.received.data, "HTTP/1.1 401 Unauthorized\r\n"), client.received.data);
	assert_true(raw_has(&client, "WWW-Authenticate: Bearer\r\n"));
	assert_true(raw_has(&client, "Connection: close\r\n"));
	LOOP_UNTIL(&app->loop, client.ended);
	assert_false(client.reset);
	raw_close(&client);
	/* wanted */
	app_exchange(app, &client,
		     "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
		     "HTTP/1.1 100 Continue\r\n\r\n");
	raw_send(&client, "ok");
	LOOP_UNTIL(&app->loop, raw_has(&client, "HTTP/1.1 200 OK\r\n"));
	raw_close(&client);
	app_finish(app);
}

static void test_early_answer_without_body_keeps_the_connection(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	app_exchange(app, &client, "GET /early HTTP/1.1\r\n" HOST "\r\n", "who are you");
	assert_false(raw_has(&client, "Connection: close"));
	raw_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	LOOP_UNTIL(&app->loop, raw_has(&client, "hello"));
	raw_close(&client);
	app_finish(app);
}

static void test_endless_upload_is_cut(void **state)
{
	(void)state;
	struct app *app = app_start();
	struct raw_client client;
	static char piece[1 << 20];
	memset(piece, 'p', sizeof(piece));
	raw_connect(&client, &app->loop, app->port);
	raw_read(&client);
	raw_send(&client, "POST /middle HTTP/1.1\r\n" HOST "Content-Length: 1000000000\r\n\r\n");
	unsigned sent = 0;
	while (!client.ended && sent < 1000) {
		if (client.writes < 4) {
			raw_send_bytes(&client, piece, sizeof(piece));
			sent++;
		}
		uv_run(&app->loop, UV_RUN_NOWAIT);
	}
	assert_true(client.ended);
	assert_true(sent >= 64 && sent < 128);
	assert_true(app->body_bytes <= 1 << 20);
	raw_close(&client);
	LOOP_UNTIL(&app->loop, app->ends == 1);
	app_finish(app);
}

static void test_lingering_connections_are_bounded(void **state)
{
	(void)state;
	/* a quarter and one: three */
	struct app *app = app_start_with((struct http_server_options){.max_connections = 8});
	struct raw_client clients[5];
	for (int i = 0; i < 5; i++) {
		app_exchange(app, &clients[i],
			     "POST /early HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\npart",
			     "who are you");
		LOOP_UNTIL(&app->loop, clients[i].ended);
		assert_false(clients[i].reset);
	}
	/* the first two were given up for the last two: what they send is answered with a reset */
	for (int i = 0; i < 5; i++)
		raw_send(&clients[i], "more of the body");
	for (int i = 0; i < 5; i++) {
		uv_os_fd_t fd;
		uv_fileno((uv_handle_t *)&clients[i].tcp, &fd);
		struct pollfd poll_fd = {.fd = fd};
		LOOP_UNTIL(&app->loop, clients[i].writes == 0);
		assert_int_equal(poll(&poll_fd, 1, i < 2 ? 5000 : 0), i < 2 ? 1 : 0);
	}
	for (int i = 0; i < 5; i++)
		raw_close(&clients[i]);
	app_finish(app); /* with connections that linger */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_curl),
	    cmocka_unit_test(test_client_that_sends_all_first),
	    cmocka_unit_test(test_expect),
	    cmocka_unit_test(test_early_answer_without_body_keeps_the_connection),
	    cmocka_unit_test(test_endless_upload_is_cut),
	    cmocka_unit_test(test_lingering_connections_are_bounded),
	};
	int fd = mkostemp(upload_path, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, UPLOAD) != 0)
		return 1;
	close(fd);
	snprintf(upload_argument, sizeof(upload_argument), "@%s", upload_path);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(upload_path);
	return failed;
}
