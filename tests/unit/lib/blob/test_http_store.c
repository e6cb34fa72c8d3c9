/* lib/blob/http_store.c against a real listener that serves /blobs/… from a directory store, as the API
 * server does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "blob_util.h"

#include "lib/base/clock.h"
#include "lib/base/temporary.h"
#include "lib/http/server/server.h"

static uv_loop_t loop;
static char root[] = "/tmp/skillbox-blob-XXXXXX", base_url[64], digest[DIGEST_TEXT_SIZE];
static struct blob_store *store, *behind;
static struct http_client *client;
static struct http_server *server;
static struct blob_key key = {BLOB_SKILLS, "tenant-a", digest};

/* What the listener does instead of the honest thing. */
static struct {
	int status; /* of every answer, with `body` */
	const char *body;
	bool silent; /* never answers */
	unsigned requests;
} fake;

struct call {
	struct http_exchange *exchange; /* NULL: hung up */
	struct blob_request request;
	int fd;
	int64_t size;
	bool pending; /* the store has it */
};

static void call_done(void *context, const struct error *error, int fd, int64_t size)
{
	struct call *call = context;
	call->pending = false;
	if (!call->exchange) {
		if (fd >= 0)
			close(fd);
		free(call);
	} else if (error) {
		http_exchange_answer(call->exchange, error_code_http_status(error->code), "application/json",
				     STR("{\"error\":\"x\",\"message\":\"it \\u0026 that\"}"));
	} else if (fd >= 0) {
		http_exchange_answer_file(call->exchange, 200, "application/octet-stream", fd, size);
	} else {
		http_exchange_answer(call->exchange, 204, NULL, STR(""));
	}
}

static struct str query_of(struct http_exchange *exchange, struct buffer *text)
{
	static const char *const names[] = {"expires", "method", "signature"};
	for (size_t i = 0; i < 3; i++) {
		struct str value;
		if (!http_exchange_query(exchange, names[i], &value))
			continue;
		buffer_appendf(text, "%s%s=%.*s", i ? "&" : "", names[i], (int)value.n, value.p);
	}
	return buffer_str(text);
}

static bool on_begin(void *context, struct http_exchange *exchange)
{
	(void)context;
	cleanup_buffer struct buffer text = BUFFER(1000);
	cleanup_free char *method = str_dup(http_exchange_method(exchange));
	struct call *call = calloc(1, sizeof(*call));
	struct error err;
	assert_non_null(call);
	fake.requests++;
	call->exchange = exchange;
	call->fd = temporary_file(NULL);
	http_exchange_set_data(exchange, call);
	if (blob_request_verify(SIGNING_KEY, method, http_exchange_path(exchange), query_of(exchange, &text),
				clock_wall_ms(&clock_system), &call->request, &err) == 0)
		return true;
	http_exchange_answer(exchange, error_code_http_status(err.code), "text/plain", STR("no JSON"));
	return false;
}

static void on_body(void *context, struct http_exchange *exchange, struct str piece)
{
	(void)context;
	struct call *call = http_exchange_data(exchange);
	assert_int_equal(write(call->fd, piece.p, piece.n), (ssize_t)piece.n);
	call->size += (int64_t)piece.n;
}

static void on_complete(void *context, struct http_exchange *exchange)
{
	(void)context;
	struct call *call = http_exchange_data(exchange);
	struct str method = http_exchange_method(exchange);
	struct blob_key asked = {call->request.bucket, call->request.tenant, call->request.digest};
	if (fake.silent)
		return;
	if (fake.status) {
		http_exchange_answer(exchange, fake.status, "application/json", str_of(fake.body));
		return;
	}
	call->pending = true;
	int status;
	if (str_eq(method, STR("PUT")))
		status = blob_put(behind, &asked, call->fd, call->size, call_done, call, NULL);
	else if (str_eq(method, STR("GET")))
		status = blob_get(behind, &asked, INT64_MAX, call_done, call, NULL);
	else
		status = blob_delete(behind, &asked, call_done, call, NULL);
	assert_int_equal(status, 0);
}

static void on_end(void *context, struct http_exchange *exchange)
{
	(void)context;
	struct call *call = http_exchange_data(exchange);
	if (!call)
		return;
	close(call->fd);
	call->exchange = NULL;
	if (!call->pending)
		free(call);
}

static int setup(void **state)
{
	(void)state;
	struct error err;
	memset(&fake, 0, sizeof(fake));
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(root));
	assert_int_equal(uv_loop_init(&loop), 0);
	behind = blob_store_directory(&loop, root, SIGNING_KEY, "http://unused", &err);
	assert_non_null(behind);
	const struct http_handler handler = {
	    .begin = on_begin, .body = on_body, .complete = on_complete, .end = on_end};
	const struct http_server_options options = {.address = "127.0.0.1"};
	server = http_server_new(&loop, &options, &handler, &err);
	if (!server)
		fail_msg("%s", err.message);
	snprintf(base_url, sizeof(base_url), "http://127.0.0.1:%u/", http_server_port(server));
	const struct http_client_options client_options = {0};
	client = http_client_new(&loop, &client_options, &err);
	assert_non_null(client);
	store = blob_store_http(&loop, client, base_url, SIGNING_KEY, &err);
	assert_non_null(store);
	digest_text(STR("hello"), digest, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store = blob_store_free(store);
	client = http_client_free(client);
	server = http_server_free(server);
	behind = blob_store_free(behind);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	remove_tree(root);
	return 0;
}

static void what_is_put_can_be_got(void **state)
{
	(void)state;
	struct answer answer = put(&loop, store, &key, "hello", 5);
	assert_string_equal(answer.error.message, "");
	answer = get(&loop, store, &key, 5);
	expect_bytes(&answer, "hello", 5);
	answer = get(&loop, behind, &key, 5);
	expect_bytes(&answer, "hello", 5);
	answer = delete (&loop, store, &key);
	assert_string_equal(answer.error.message, "");
	answer = delete (&loop, store, &key);
	assert_string_equal(answer.error.message, "");
	char message[200];
	answer = get(&loop, store, &key, 5);
	snprintf(message, sizeof(message), "blob %s: the API server answered 404: it & that", digest);
	expect_error(&answer, ERR_NOT_FOUND, message);
	assert_int_equal(blob_check(store, NULL), 0);
}

static void large_and_empty_ones(void **state)
{
	(void)state;
	size_t size = 3000001;
	char *data = malloc(size);
	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 % 253);
	digest_text((struct str){data, size}, digest, NULL);
	struct answer answer = put(&loop, store, &key, data, size);
	assert_string_equal(answer.error.message, "");
	answer = get(&loop, store, &key, (int64_t)size);
	expect_bytes(&answer, data, size);
	answer = get(&loop, store, &key, (int64_t)size - 1);
	assert_int_equal(answer.error.code, ERR_TOO_LARGE);
	assert_int_equal(answer.fd, -1);
	free(data);
	digest_text(STR(""), digest, NULL);
	answer = put(&loop, store, &key, "", 0);
	assert_string_equal(answer.error.message, "");
	answer = get(&loop, store, &key, 0);
	expect_bytes(&answer, "", 0);
	digest_text(STR("x"), digest, NULL);
	put(&loop, store, &key, "x", 1);
	answer = get(&loop, store, &key, 0);
	assert_int_equal(answer.error.code, ERR_TOO_LARGE);
}

static void a_wrong_digest_is_not_stored(void **state)
{
	(void)state;
	struct answer answer = put(&loop, store, &key, "other", 5);
	assert_int_equal(answer.error.code, ERR_BAD_REQUEST);
	answer = get(&loop, behind, &key, 5);
	assert_int_equal(answer.error.code, ERR_NOT_FOUND);
}

static void what_comes_is_verified(void **state)
{
	(void)state;
	char message[300], other[DIGEST_TEXT_SIZE];
	fake.status = 200;
	fake.body = "other";
	digest_text(STR("other"), other, NULL);
	struct answer answer = get(&loop, store, &key, 5);
	snprintf(message, sizeof(message), "the content has the digest %s, not %s", other, digest);
	expect_error(&answer, ERR_IO, message);
}

static void refusals_are_told(void **state)
{
	(void)state;
	char message[300];
	fake.status = 413;
	fake.body = "{\"error\":\"too_large\",\"message\":\"too much\"}";
	struct answer answer = put(&loop, store, &key, "hello", 5);
	snprintf(message, sizeof(message), "blob %s: the API server answered 413: too much", digest);
	expect_error(&answer, ERR_TOO_LARGE, message);
	fake.status = 400;
	fake.body = "<html>";
	answer = delete (&loop, store, &key);
	snprintf(message, sizeof(message), "blob %s: the API server answered 400", digest);
	expect_error(&answer, ERR_BAD_REQUEST, message);
	fake.status = 400;
	fake.body = "{\"message\":7}";
	answer = get(&loop, store, &key, 5);
	expect_error(&answer, ERR_BAD_REQUEST, message);
}

/* Two ends with different keys: our configuration's fault, never the user's. */
static void another_key_is_an_internal_error(void **state)
{
	(void)state;
	struct error err;
	struct blob_store *wrong = blob_store_http(&loop, client, base_url, STR("another key"), &err);
	assert_non_null(wrong);
	struct answer answer = get(&loop, wrong, &key, 5);
	char message[200];
	snprintf(message, sizeof(message), "blob %s: the API server answered 403", digest);
	expect_error(&answer, ERR_INTERNAL, message);
	blob_store_free(wrong);
	assert_null(blob_store_http(&loop, client, base_url, (struct str){NULL, 0}, &err));
	assert_string_equal(err.message, "the blob store needs a signing key");
}

static void presigned_urls_have_the_base(void **state)
{
	(void)state;
	cleanup_buffer struct buffer url = BUFFER(1000);
	assert_int_equal(blob_presign_get(store, &key, NULL, 60, &url, NULL), 0);
	assert_true(str_starts_with(buffer_str(&url), str_of(base_url)));
	assert_non_null(strstr(url.data, "method=GET"));
}

static void closing_with_requests_in_flight(void **state)
{
	(void)state;
	struct answer answers[20] = {0};
	fake.silent = true;
	int fd = file_with("hello", 5);
	for (size_t i = 0; i < 20; i += 2) {
		assert_int_equal(blob_get(store, &key, 5, on_answer, &answers[i], NULL), 0);
		assert_int_equal(blob_put(store, &key, fd, 5, on_answer, &answers[i + 1], NULL), 0);
	}
	close(fd);
	while (fake.requests < 8)
		uv_run(&loop, UV_RUN_ONCE);
	store = blob_store_free(store);
	client = http_client_free(client);
	server = http_server_free(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(answers[i].calls, 0);
}

/* Closed at every turn of the loop in turn: somewhere among them is the digest's check on the pool. */
static void closing_at_every_moment(void **state)
{
	(void)state;
	put(&loop, store, &key, "hello", 5);
	bool answered = false;
	for (unsigned turns = 0; !answered; turns++) {
		struct answer answer = {.fd = -1};
		assert_int_equal(blob_get(store, &key, 5, on_answer, &answer, NULL), 0);
		for (unsigned i = 0; i < turns && answer.calls == 0; i++)
			uv_run(&loop, UV_RUN_ONCE);
		answered = answer.calls != 0;
		if (answered)
			expect_bytes(&answer, "hello", 5);
		blob_store_free(store);
		store = blob_store_http(&loop, client, base_url, SIGNING_KEY, NULL);
		assert_non_null(store);
	}
}

static void a_server_that_is_gone(void **state)
{
	(void)state;
	struct error err;
	struct answer answer = put(&loop, store, &key, "hello", 5);
	assert_int_equal(blob_check(store, &err), 0);
	server = http_server_free(server);
	answer = get(&loop, store, &key, 5); /* after its retries */
	assert_int_not_equal(answer.error.code, ERR_NONE);
	assert_int_equal(answer.fd, -1);
	assert_int_equal(blob_check(store, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_true(
	    str_starts_with(str_of(err.message), STR("the API server's blob store can't be reached: ")));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(what_is_put_can_be_got),
	    CASE(large_and_empty_ones),
	    CASE(a_wrong_digest_is_not_stored),
	    CASE(what_comes_is_verified),
	    CASE(refusals_are_told),
	    CASE(another_key_is_an_internal_error),
	    CASE(presigned_urls_have_the_base),
	    CASE(closing_with_requests_in_flight),
	    CASE(closing_at_every_moment),
	    CASE(a_server_that_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
