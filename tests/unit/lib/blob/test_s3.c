/* lib/blob/s3*.c against a server that answers by a script: what is asked, and what becomes of each answer.
 * (Against real servers: tests/s3.) */
#include "lib/blob/s3.h"
#include "tests/unit/lib/blob/blob_util.h"
#include "tests/unit/lib/http/scripted_server.h"

#define EMPTY "Content-Length: 0\r\n\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\n" EMPTY
#define NOT_FOUND "HTTP/1.1 404 Not Found\r\n" EMPTY
#define FORBIDDEN "HTTP/1.1 403 Forbidden\r\n" EMPTY
#define TAGGED(tag) "HTTP/1.1 200 OK\r\nETag: " tag "\r\n" EMPTY
#define BUCKETS                                                                                              \
	{OK_EMPTY, SCRIPT_KEEP},                                                                             \
	{                                                                                                    \
		OK_EMPTY, SCRIPT_KEEP                                                                        \
	}
#define PART_SIZE (16 << 20)

#define HELLO_HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO "sha256:" HELLO_HEX
#define HELLO_PATH "/executions/tenant-a/2c/f24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static const struct blob_key hello = {BLOB_EXECUTIONS, "tenant-a", HELLO};

static uv_loop_t loop;
static struct http_client *client;
static struct scripted_server server;
static struct blob_store *store;
static char endpoint[64], answers[64][1024];
static int64_t now_us;

static int64_t wall_ms(void *context)
{
	(void)context;
	return INT64_C(1795516704000); /* 2026-11-24T10:38:24Z */
}

static int64_t monotonic_us(void *context)
{
	(void)context;
	return now_us;
}

static const struct clock stepped = {wall_ms, monotonic_us, NULL};

static struct s3_options usual_options(void)
{
	return (struct s3_options){.endpoint = endpoint,
				   .access_key = "test-access",
				   .secret_key = "test-secret",
				   .clock = &stepped};
}

/* An answer with a body; n: a place of its own for its text. */
static const char *answer_with(size_t n, const char *status, const char *headers, const char *body)
{
	snprintf(answers[n], sizeof(answers[n]), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status,
		 headers, strlen(body), body);
	return answers[n];
}

static void start_with(const struct script_step *steps, struct s3_options options)
{
	struct error err;
	scripted_server_start(&server, &loop, steps);
	snprintf(endpoint, sizeof(endpoint), "127.0.0.1:%u", server.port);
	store = blob_store_s3(&loop, client, &options, &err);
	if (!store)
		fail_msg("%s", err.message);
}

/* A store whose buckets were found good. */
static void start(const struct script_step *steps)
{
	start_with(steps, usual_options());
	while (blob_check(store, NULL) != 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(server.request_count, 2);
}

static int setup(void **state)
{
	(void)state;
	now_us = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	client = http_client_new(&loop, &(struct http_client_options){0}, NULL);
	assert_non_null(client);
	store = NULL;
	return 0;
}

static void stop(void)
{
	store = blob_store_free(store);
	scripted_server_stop(&server);
	while (server.open > 0)
		uv_run(&loop, UV_RUN_ONCE);
	uv_run(&loop, UV_RUN_NOWAIT); /* the next test of the same loop uses the listener's memory again */
}

static int teardown(void **state)
{
	(void)state;
	client = http_client_free(client);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static void expect_request(unsigned index, const char *begin)
{
	assert_true(index < server.request_count);
	if (strncmp(server.requests[index], begin, strlen(begin)) != 0)
		fail_msg("request %u: %.200s", index, server.requests[index]);
}

static const char *body_of(unsigned index)
{
	return strstr(server.requests[index], "\r\n\r\n") + 4;
}

/* Put */

static void a_small_blob_goes_at_once(void **state)
{
	(void)state;
	start((struct script_step[]){BUCKETS, {OK_EMPTY, SCRIPT_KEEP}, {0}});
	char line[200];
	expect_request(0, "HEAD /");
	struct answer answer = put(&loop, store, &hello, "hello", 5);
	assert_string_equal(answer.error.message, "");
	assert_int_equal(server.request_count, 3);
	expect_request(2, "PUT " HELLO_PATH " HTTP/1.1\r\n");
	const char *request = server.requests[2];
	snprintf(line, sizeof(line), "\r\nHost: %s\r\n", endpoint);
	assert_non_null(strstr(request, line));
	assert_non_null(strstr(request, "\r\nx-amz-date: 20261124T103824Z\r\n"));
	assert_non_null(strstr(request, "\r\nx-amz-content-sha256: " HELLO_HEX "\r\n"));
	assert_non_null(strstr(request, "\r\nAuthorization: AWS4-HMAC-SHA256 "
					"Credential=test-access/20261124/us-east-1/s3/aws4_request, "
					"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="));
	assert_null(strstr(request, "test-secret"));
	assert_string_equal(body_of(2), "hello");
	stop();
}

static void a_wrong_digest_is_not_even_sent(void **state)
{
	(void)state;
	start((struct script_step[]){BUCKETS, {OK_EMPTY, SCRIPT_KEEP}, {0}});
	struct answer answer = put(&loop, store, &hello, "other", 5);
	assert_int_equal(answer.error.code, ERR_BAD_REQUEST);
	assert_int_equal(server.request_count, 2);
	stop();
}

static struct answer put_zeros(size_t size, char digest[DIGEST_TEXT_SIZE])
{
	char *zeros = calloc(1, size);
	assert_non_null(zeros);
	digest_text((struct str){zeros, size}, digest, NULL);
	const struct blob_key key = {BLOB_EXECUTIONS, "tenant-a", digest};
	struct answer answer = put(&loop, store, &key, zeros, size);
	free(zeros);
	return answer;
}

/* Stored at that time of a day, asked for at noon. */
#define THERE(size, time)                                                                                    \
	"HTTP/1.1 200 OK\r\nContent-Length: " size "\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n"             \
	"Last-Modified: Tue, 24 Nov 2026 " time " GMT\r\n\r\n"

static void what_is_there_is_not_sent(void **state)
{
	(void)state;
	char digest[DIGEST_TEXT_SIZE];
	start((struct script_step[]){BUCKETS,
				     {THERE("70000", "00:00:01"), SCRIPT_KEEP},
				     {THERE("69999", "00:00:01"), SCRIPT_KEEP},
				     {OK_EMPTY, SCRIPT_KEEP},
				     {FORBIDDEN, SCRIPT_KEEP},
				     {OK_EMPTY, SCRIPT_KEEP},
				     {THERE("70000", "00:00:00"), SCRIPT_KEEP},
				     {OK_EMPTY, SCRIPT_KEEP},
				     {"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n", SCRIPT_KEEP},
				     {OK_EMPTY, SCRIPT_KEEP},
				     {0}});
	assert_int_equal(put_zeros(70000, digest).error.code, ERR_NONE);
	assert_int_equal(server.request_count, 3);
	expect_request(2, "HEAD /executions/tenant-a/");
	/* Another size, or no clear answer: it is sent. */
	assert_int_equal(put_zeros(70000, digest).error.code, ERR_NONE);
	expect_request(4, "PUT /executions/tenant-a/");
	assert_int_equal(put_zeros(70000, digest).error.code, ERR_NONE);
	expect_request(6, "PUT /executions/tenant-a/");
	/* So old that a rule of the bucket may let it expire soon, or of unknown age: it is sent. */
	assert_int_equal(put_zeros(70000, digest).error.code, ERR_NONE);
	expect_request(8, "PUT /executions/tenant-a/");
	assert_int_equal(put_zeros(70000, digest).error.code, ERR_NONE);
	expect_request(10, "PUT /executions/tenant-a/");
	stop();
}

#define BEGUN "<InitiateMultipartUploadResult><UploadId>id/1&amp;2</UploadId></InitiateMultipartUploadResult>"
#define COMPLETED "<CompleteMultipartUploadResult xmlns=\"x\"><ETag>y</ETag></CompleteMultipartUploadResult>"
#define ERROR_XML(code) "<?xml version=\"1.0\"?>\n<Error><Code>" code "</Code><Message>M</Message></Error>"
#define QUERY "uploadId=id%2F1%262"

static void a_large_blob_goes_in_parts(void **state)
{
	(void)state;
	char digest[DIGEST_TEXT_SIZE], line[300];
	start((struct script_step[]){BUCKETS,
				     {NOT_FOUND, SCRIPT_KEEP},
				     {answer_with(0, "200 OK", "", BEGUN), SCRIPT_KEEP},
				     {TAGGED("\"one\""), SCRIPT_KEEP},
				     {TAGGED("two"), SCRIPT_KEEP},
				     {answer_with(1, "200 OK", "", COMPLETED), SCRIPT_KEEP},
				     {0}});
	struct answer answer = put_zeros(PART_SIZE + 1, digest);
	assert_string_equal(answer.error.message, "");
	assert_int_equal(server.request_count, 7);
	const char *hex = digest + strlen("sha256:");
	snprintf(line, sizeof(line), "POST /executions/tenant-a/%.2s/%s?uploads= HTTP/1.1\r\n", hex, hex + 2);
	expect_request(3, line);
	for (unsigned i = 1; i <= 2; i++) {
		snprintf(line, sizeof(line), "PUT /executions/tenant-a/%.2s/%s?partNumber=%u&%s HTTP/1.1\r\n",
			 hex, hex + 2, i, QUERY);
		expect_request(i + 3, line);
	}
	assert_non_null(strstr(server.requests[4], "\r\nContent-Length: 16777216\r\n"));
	assert_non_null(strstr(server.requests[5], "\r\nContent-Length: 1\r\n"));
	/* SHA-256 of one zero byte */
	assert_non_null(strstr(server.requests[5],
			       "\r\nx-amz-content-sha256: "
			       "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d\r\n"));
	snprintf(line, sizeof(line), "POST /executions/tenant-a/%.2s/%s?%s HTTP/1.1\r\n", hex, hex + 2,
		 QUERY);
	expect_request(6, line);
	assert_string_equal(
	    body_of(6), "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
			"<Part><PartNumber>1</PartNumber><ETag>\"one\"</ETag></Part>"
			"<Part><PartNumber>2</PartNumber><ETag>two</ETag></Part></CompleteMultipartUpload>");
	stop();
}

/* After two parts the completion is answered so; what follows, and the error. */
static void expect_ending(const char *completion, const char *then, const char *request, const char *message)
{
	char digest[DIGEST_TEXT_SIZE], expected[600];
	start((struct script_step[]){BUCKETS,
				     {NOT_FOUND, SCRIPT_KEEP},
				     {answer_with(0, "200 OK", "", BEGUN), SCRIPT_KEEP},
				     {TAGGED("\"one\""), SCRIPT_KEEP},
				     {TAGGED("two"), SCRIPT_KEEP},
				     {completion, SCRIPT_KEEP},
				     {then, SCRIPT_KEEP},
				     {0}});
	struct answer answer = put_zeros(PART_SIZE + 1, digest);
	assert_int_equal(server.request_count, 8);
	expect_request(7, request);
	if (request[0] == 'D')
		assert_non_null(strstr(server.requests[7], "?" QUERY " HTTP/1.1"));
	snprintf(expected, sizeof(expected), "blob %s: S3 at %s, bucket executions: %s", digest, endpoint,
		 message);
	assert_string_equal(answer.error.message, message[0] ? expected : "");
	stop();
}

static void completions_that_fail(void **state)
{
	(void)state;
	expect_ending(answer_with(1, "200 OK", "", ERROR_XML("InternalError")), OK_EMPTY,
		      "DELETE /executions/", "the answer is 200 InternalError: M");
	/* The first error counts, also where the end of the upload fails. */
	expect_ending(answer_with(1, "400 Bad", "", ERROR_XML("InvalidPart")), FORBIDDEN,
		      "DELETE /executions/", "the answer is 400 InvalidPart: M");
	/* The answer to a first try was lost: is it there? */
	const char *gone = answer_with(1, "404 Not Found", "", ERROR_XML("NoSuchUpload"));
	expect_ending(gone, "HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n", "HEAD /executions/", "");
	expect_ending(gone, NOT_FOUND, "HEAD /executions/", "the answer is 404 NoSuchUpload: M");
}

static void parts_that_fail(void **state)
{
	(void)state;
	char digest[DIGEST_TEXT_SIZE], expected[300];
	const char *const bad[] = {answer_with(1, "403 Forbidden", "", ERROR_XML("AccessDenied")), OK_EMPTY,
				   TAGGED("\"<\""), TAGGED("a b")};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start((struct script_step[]){BUCKETS,
					     {NOT_FOUND, SCRIPT_KEEP},
					     {answer_with(0, "200 OK", "", BEGUN), SCRIPT_KEEP},
					     {bad[i], SCRIPT_KEEP},
					     {OK_EMPTY, SCRIPT_KEEP},
					     {0}});
		struct answer answer = put_zeros(PART_SIZE + 1, digest);
		assert_int_equal(server.request_count, 6);
		expect_request(5, "DELETE /executions/tenant-a/");
		assert_int_equal(answer.error.code, i == 0 ? ERR_INTERNAL : ERR_PROTOCOL);
		snprintf(expected, sizeof(expected), "blob %s: S3 took a part, but gave no ETag for it",
			 digest);
		if (i > 0)
			assert_string_equal(answer.error.message, expected);
		else
			assert_non_null(strstr(answer.error.message, "the access key lacks the right"));
		stop();
	}
}

static void uploads_that_do_not_begin(void **state)
{
	(void)state;
	char digest[DIGEST_TEXT_SIZE];
	const char *const bodies[] = {"", "<UploadId></UploadId>", "<UploadId>", "<UploadId", "{}"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		start((struct script_step[]){BUCKETS,
					     {NOT_FOUND, SCRIPT_KEEP},
					     {answer_with(0, "200 OK", "", bodies[i]), SCRIPT_KEEP},
					     {0}});
		struct answer answer = put_zeros(PART_SIZE + 1, digest);
		assert_int_equal(answer.error.code, ERR_PROTOCOL);
		assert_non_null(strstr(answer.error.message, "named no UploadId"));
		assert_int_equal(server.request_count, 4);
		stop();
	}
}

/* Get, delete */

static void what_comes_is_verified(void **state)
{
	(void)state;
	char expected[300], other[DIGEST_TEXT_SIZE];
	start((struct script_step[]){BUCKETS,
				     {answer_with(0, "200 OK", "", "hello"), SCRIPT_KEEP},
				     {answer_with(1, "200 OK", "", "other"), SCRIPT_KEEP},
				     {answer_with(2, "200 OK", "", "hello2"), SCRIPT_KEEP},
				     {"HTTP/1.1 503 Slow Down\r\n" EMPTY, SCRIPT_KEEP},
				     {"HTTP/1.1 500 Oh\r\n" EMPTY, SCRIPT_KEEP},
				     {answer_with(0, "200 OK", "", "hello"), SCRIPT_KEEP},
				     {0}});
	struct answer answer = get(&loop, store, &hello, 5);
	expect_bytes(&answer, "hello", 5);
	expect_request(2, "GET " HELLO_PATH " HTTP/1.1\r\n");
	answer = get(&loop, store, &hello, 5);
	digest_text(STR("other"), other, NULL);
	snprintf(expected, sizeof(expected), "the content has the digest %s, not %s", other, HELLO);
	expect_error(&answer, ERR_IO, expected);
	answer = get(&loop, store, &hello, 5);
	expect_error(&answer, ERR_TOO_LARGE, "blob " HELLO " is larger than 5 bytes");
	answer = get(&loop, store, &hello, 5); /* after two retries */
	expect_bytes(&answer, "hello", 5);
	assert_int_equal(server.request_count, 8);
	stop();
}

static void deleting_what_is_absent_succeeds(void **state)
{
	(void)state;
	start((struct script_step[]){
	    BUCKETS,
	    {"HTTP/1.1 204 No Content\r\n\r\n", SCRIPT_KEEP},
	    {answer_with(0, "404 Not Found", "", ERROR_XML("NoSuchKey")), SCRIPT_KEEP},
	    {NOT_FOUND, SCRIPT_KEEP},
	    {answer_with(1, "404 Not Found", "", ERROR_XML("NoSuchBucket")), SCRIPT_KEEP},
	    {0}});
	for (int i = 0; i < 3; i++) {
		struct answer answer = delete (&loop, store, &hello);
		assert_string_equal(answer.error.message, "");
	}
	expect_request(2, "DELETE " HELLO_PATH " HTTP/1.1\r\n");
	struct answer answer = delete (&loop, store, &hello);
	assert_int_equal(answer.error.code, ERR_INTERNAL);
	assert_non_null(strstr(answer.error.message, "the bucket doesn't exist"));
	stop();
}

/* Refusals */

static void refusals_are_told_in_plain_words(void **state)
{
	(void)state;
	static const struct {
		const char *status, *headers, *body;
		enum error_code code;
		const char *words;
	} cases[] = {
	    {"404 Not Found", "", ERROR_XML("NoSuchKey"), ERR_NOT_FOUND,
	     "it isn't in the bucket (NoSuchKey)"},
	    {"404 Not Found", "", "", ERR_NOT_FOUND, "the answer is 404"},
	    {"404 Not Found", "", ERROR_XML("NoSuchBucket"), ERR_INTERNAL,
	     "the bucket doesn't exist: create it (NoSuchBucket)"},
	    {"403 Forbidden", "", ERROR_XML("AccessDenied"), ERR_INTERNAL,
	     "the access key lacks the right: it needs s3:ListBucket on the bucket and s3:GetObject, "
	     "s3:PutObject "
	     "and s3:DeleteObject on what is in it (AccessDenied)"},
	    {"403 Forbidden", "", ERROR_XML("SignatureDoesNotMatch") "<StringToSign>secret</StringToSign>",
	     ERR_INTERNAL,
	     "the signature is wrong: check SKILLBOX_S3_SECRET_KEY, and that nothing on the way changes the "
	     "Host "
	     "header (SignatureDoesNotMatch)"},
	    {"403 Forbidden", "Date: Tue, 24 Nov 2026 12:38:24 GMT\r\n", ERROR_XML("RequestTimeTooSkewed"),
	     ERR_INTERNAL,
	     "the clocks differ by too much (RequestTimeTooSkewed): it is 2026-11-24T10:38:24Z here and Tue, "
	     "24 Nov "
	     "2026 12:38:24 GMT there; set the wrong one right"},
	    {"403 Forbidden", "",
	     "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>2026-11-24T12:00:00Z</ServerTime></Error>",
	     ERR_INTERNAL,
	     "the clocks differ by too much (RequestTimeTooSkewed): it is 2026-11-24T10:38:24Z here and "
	     "2026-11-24T12:00:00Z there; set the wrong one right"},
	    {"400 Bad Request", "",
	     "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
	     ERR_INTERNAL,
	     "the region is eu-west-1, not us-east-1 (AuthorizationHeaderMalformed): set SKILLBOX_S3_REGION"},
	    {"418 Teapot", "", "<Error><Code>Odd</Code><Message>&lt;a&gt;\n\x01 b</Message></Error>",
	     ERR_INTERNAL, "the answer is 418 Odd: <a>   b"},
	    {"418 Teapot", "", "<Error><Code>Odd</Code><Message>\xff</Message></Error>", ERR_INTERNAL,
	     "the answer is 418 Odd"},
	    {"301 Moved", "Location: http://elsewhere/\r\n", "<html>", ERR_INTERNAL, "the answer is 301"},
	    {"507 Full", "", ERROR_XML("XMinioStorageFull"), ERR_UNAVAILABLE,
	     "the server's disks are full (XMinioStorageFull)"},
	    {"501 No", "", "", ERR_UNAVAILABLE, "the answer is 501"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[700];
		start((struct script_step[]){
		    BUCKETS,
		    {answer_with(0, cases[i].status, cases[i].headers, cases[i].body), SCRIPT_KEEP},
		    {0}});
		struct answer answer = get(&loop, store, &hello, 5);
		snprintf(expected, sizeof(expected), "blob " HELLO ": S3 at %s, bucket executions: %s",
			 endpoint, cases[i].words);
		expect_error(&answer, cases[i].code, expected);
		stop();
	}
}

static void long_words_are_cut_at_a_character(void **state)
{
	(void)state;
	char body[900] = "<Error><Code>Odd</Code><Message>x", expected[900];
	for (size_t n = strlen(body), i = 0; i < 200; i++, n += 2)
		memcpy(body + n, "\xc3\xa9", 3);
	memcpy(body + strlen(body), "</Message></Error>", 19);
	start((struct script_step[]){BUCKETS, {answer_with(0, "400 Bad", "", body), SCRIPT_KEEP}, {0}});
	struct answer answer = get(&loop, store, &hello, 5);
	snprintf(expected, sizeof(expected),
		 "blob " HELLO ": S3 at %s, bucket executions: the answer is 400 Odd: x", endpoint);
	for (size_t n = strlen(expected), i = 0; i < 149; i++, n += 2) /* 299 bytes */
		memcpy(expected + n, "\xc3\xa9", 3);
	expect_error(&answer, ERR_INTERNAL, expected);
	stop();
}

/* Buckets */

static void until_checked(struct error *ret)
{
	do {
		uv_run(&loop, UV_RUN_ONCE);
		*ret = (struct error){0};
	} while (blob_check(store, ret) != 0 && strstr(ret->message, "has not answered yet"));
}

static void a_missing_bucket_is_made(void **state)
{
	(void)state;
	struct error err;
	struct s3_options options = usual_options();
	options.region = "eu-west-1";
	start_with(
	    (struct script_step[]){
		{NOT_FOUND, SCRIPT_KEEP},
		{NOT_FOUND, SCRIPT_KEEP},
		{OK_EMPTY, SCRIPT_KEEP},
		{answer_with(0, "409 Conflict", "", ERROR_XML("BucketAlreadyOwnedByYou")), SCRIPT_KEEP},
		{0}},
	    options);
	assert_int_equal(blob_check(store, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	until_checked(&err);
	assert_string_equal(err.message, "");
	assert_int_equal(server.request_count, 4);
	expect_request(2, "PUT /");
	assert_string_equal(body_of(2),
			    "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
			    "<LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>");
	assert_non_null(strstr(server.requests[3], "/eu-west-1/s3/aws4_request"));
	stop();
}

static void a_missing_bucket_that_may_not_be_made(void **state)
{
	(void)state;
	struct error err;
	start_with((struct script_step[]){{NOT_FOUND, SCRIPT_KEEP},
					  {NOT_FOUND, SCRIPT_KEEP},
					  {answer_with(0, "403 Forbidden", "", ERROR_XML("AccessDenied")),
					   SCRIPT_KEEP},
					  {0}},
		   usual_options());
	until_checked(&err);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_true(
	    str_starts_with(str_of(err.message), STR("the bucket is missing, and making it failed: S3 at ")));
	assert_non_null(strstr(err.message, ", bucket skills: the access key lacks the right"));
	stop();
}

static void a_bucket_that_vanishes_is_not_made_again(void **state)
{
	(void)state;
	struct error err;
	start((struct script_step[]){
	    BUCKETS,
	    {NOT_FOUND, SCRIPT_KEEP},
	    {NOT_FOUND, SCRIPT_KEEP},
	    {answer_with(0, "404 Not Found", "", ERROR_XML("NoSuchBucket")), SCRIPT_KEEP},
	    {answer_with(0, "404 Not Found", "", ERROR_XML("NoSuchBucket")), SCRIPT_KEEP},
	    {OK_EMPTY, SCRIPT_KEEP},
	    {0}});
	now_us += 9 * 1000000; /* too early to ask again */
	assert_int_equal(blob_check(store, &err), 0);
	now_us += 1000000;
	while (blob_check(store, &err) == 0 || !strstr(err.message, ", bucket skills: "))
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.message, ": the bucket doesn't exist: create it (NoSuchBucket)"));
	while (server.request_count < 6)
		uv_run(&loop, UV_RUN_ONCE);
	for (unsigned i = 2; i < 6; i++)
		assert_true(strncmp(server.requests[i], "PUT", 3) != 0);
	/* It comes back, and is found some seconds later. */
	while (blob_check(store, &err) != 0) {
		now_us += 100000;
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	stop();
}

/* URLs and options */

static void urls(void **state)
{
	(void)state;
	struct error err;
	struct s3_options options = usual_options();
	cleanup_buffer struct buffer url = BUFFER(4000), small = BUFFER(100);
	options.public_endpoint = "https://files.example.com:443/";
	start_with((struct script_step[]){BUCKETS, {0}}, options);
	assert_int_equal(blob_presign_get(store, &hello, "a\"b", 60, &url, &err), -1);
	assert_string_equal(err.message, "blob: invalid file name");
	assert_int_equal(blob_presign_get(store, &hello, "files.tar.gz", 60, &small, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_int_equal(blob_presign_get(store, &hello, "files.tar.gz", 60, &url, &err), 0);
	assert_true(str_starts_with(
	    buffer_str(&url),
	    STR("https://files.example.com" HELLO_PATH "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
		"test-access%2F20261124%2Fus-east-1%2Fs3%2Faws4_"
		"request&X-Amz-Date=20261124T103824Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&response-"
		"content-"
		"disposition=attachment%3B%20filename%3D%22files.tar.gz%22&X-Amz-Signature=")));
	stop();
	buffer_reset(&url);
	options.public_endpoint = "s3.example.com";
	options.virtual_host = true;
	start_with((struct script_step[]){BUCKETS, {0}}, options);
	assert_int_equal(blob_presign_get(store, &hello, NULL, 60, &url, &err), 0);
	assert_true(
	    str_starts_with(buffer_str(&url), STR("http://executions.s3.example.com/tenant-a/2c/f24dba")));
	assert_null(strstr(url.data, "disposition"));
	stop();
}

static void wrong_options(void **state)
{
	(void)state;
	struct error err;
	const struct {
		struct s3_options change;
		const char *message;
	} cases[] = {
	    {{.endpoint = ""},
	     "SKILLBOX_S3_ENDPOINT is \"\": it must be host, host:port, or such a URL without a path"},
	    {{.endpoint = "http://h:1/path"},
	     "SKILLBOX_S3_ENDPOINT is \"http://h:1/path\": it must be host, host:port, or such a URL without "
	     "a path"},
	    {{.endpoint = "ftp://h"},
	     "SKILLBOX_S3_ENDPOINT is \"ftp://h\": it must be host, host:port, or such a URL without a path"},
	    {{.endpoint = "user@h"},
	     "SKILLBOX_S3_ENDPOINT is \"user@h\": it must be host, host:port, or such a URL without a path"},
	    {{.endpoint = "HTTP://h", .use_ssl = true},
	     "SKILLBOX_S3_ENDPOINT is an http URL, but SKILLBOX_S3_USE_SSL is true"},
	    {{.public_endpoint = "a b"},
	     "SKILLBOX_S3_PUBLIC_ENDPOINT is \"a b\": it must be host, host:port, or such a URL without a "
	     "path"},
	    {{.bucket_skills = "Upper"},
	     "SKILLBOX_S3_BUCKET_SKILLS is not the name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-'"},
	    {{.bucket_executions = "a/b"},
	     "SKILLBOX_S3_BUCKET_EXECUTIONS is not the name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-'"},
	    {{.bucket_executions = ".ab"},
	     "SKILLBOX_S3_BUCKET_EXECUTIONS is not the name of a bucket: 3 to 63 of a-z, 0-9, '.' and '-'"},
	    {{.bucket_skills = "one", .bucket_executions = "one"},
	     "SKILLBOX_S3_BUCKET_SKILLS and SKILLBOX_S3_BUCKET_EXECUTIONS must be two buckets: what one "
	     "deletes the "
	     "other may need"},
	    {{.region = "eu west"}, "SKILLBOX_S3_REGION is not the name of a region"},
	    {{.access_key = ""}, "SKILLBOX_S3_ACCESS_KEY is empty or not an access key"},
	    {{.access_key = "a/b"}, "SKILLBOX_S3_ACCESS_KEY is empty or not an access key"},
	    {{.secret_key = ""}, "SKILLBOX_S3_SECRET_KEY is empty"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct s3_options options = {.endpoint = "h:1", .access_key = "a", .secret_key = "s"};
		const struct s3_options *change = &cases[i].change;
		options.endpoint = change->endpoint ? change->endpoint : options.endpoint;
		options.access_key = change->access_key ? change->access_key : options.access_key;
		options.secret_key = change->secret_key ? change->secret_key : options.secret_key;
		options.public_endpoint = change->public_endpoint;
		options.bucket_skills = change->bucket_skills;
		options.bucket_executions = change->bucket_executions;
		options.region = change->region;
		options.use_ssl = change->use_ssl;
		assert_null(blob_store_s3(&loop, client, &options, &err));
		assert_string_equal(err.message, cases[i].message);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
}

/* The end of the store */

static void closing_at_every_moment(void **state)
{
	(void)state;
	bool answered = false;
	for (unsigned turns = 0; !answered; turns++) {
		struct answer got = {.fd = -1}, stored = {.fd = -1};
		start((struct script_step[]){
		    BUCKETS, {answer_with(0, "200 OK", "", "hello"), SCRIPT_KEEP}, {0}});
		int fd = file_with("hello", 5);
		assert_int_equal(blob_get(store, &hello, 5, on_answer, &got, NULL), 0);
		assert_int_equal(blob_put(store, &hello, fd, 5, on_answer, &stored, NULL), 0);
		close(fd);
		for (unsigned i = 0; i < turns && !answered; i++) {
			uv_run(&loop, UV_RUN_ONCE);
			answered = got.calls && stored.calls;
		}
		if (got.calls)
			expect_bytes(&got, "hello", 5);
		stop();
	}
}

static void close_store(void *context, const struct error *error, int fd, int64_t size)
{
	assert_null(error);
	on_answer(context, error, fd, size);
	store = blob_store_free(store);
}

static void closing_inside_a_callback(void **state)
{
	(void)state;
	struct answer answer = {.fd = -1}, other = {.fd = -1};
	start((struct script_step[]){BUCKETS, {answer_with(0, "200 OK", "", "hello"), SCRIPT_KEEP}, {0}});
	assert_int_equal(blob_get(store, &hello, 5, close_store, &answer, NULL), 0);
	wait_for(&loop, &answer);
	expect_bytes(&answer, "hello", 5);
	stop();
	start((struct script_step[]){BUCKETS, {OK_EMPTY, SCRIPT_KEEP}, {0}});
	answer = (struct answer){.fd = -1};
	int fd = file_with("hello", 5);
	assert_int_equal(blob_put(store, &hello, fd, 5, close_store, &answer, NULL), 0);
	assert_int_equal(blob_delete(store, &hello, on_answer, &other, NULL), 0);
	close(fd);
	while (answer.calls == 0 && other.calls == 0)
		uv_run(&loop, UV_RUN_ONCE);
	wait_for(&loop, &answer);
	stop();
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_small_blob_goes_at_once),
	    CASE(a_wrong_digest_is_not_even_sent),
	    CASE(what_is_there_is_not_sent),
	    CASE(a_large_blob_goes_in_parts),
	    CASE(completions_that_fail),
	    CASE(parts_that_fail),
	    CASE(uploads_that_do_not_begin),
	    CASE(what_comes_is_verified),
	    CASE(deleting_what_is_absent_succeeds),
	    CASE(refusals_are_told_in_plain_words),
	    CASE(long_words_are_cut_at_a_character),
	    CASE(a_missing_bucket_is_made),
	    CASE(a_missing_bucket_that_may_not_be_made),
	    CASE(a_bucket_that_vanishes_is_not_made_again),
	    CASE(urls),
	    CASE(wrong_options),
	    CASE(closing_at_every_moment),
	    CASE(closing_inside_a_callback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
