/* lib/blob/sigv4.c against what AWS publishes: the Signature Version 4 test suite and the examples of the S3
 * documentation. (The suite's cases of path normalisation are left out: S3 doesn't normalise.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/blob/sigv4.h"

#define PAIR(n, v)                                                                                           \
	{                                                                                                    \
		{n, sizeof(n) - 1},                                                                          \
		{                                                                                            \
			v, sizeof(v) - 1                                                                     \
		}                                                                                            \
	}
#define PAIRS(...)                                                                                           \
	(const struct sigv4_pair[])                                                                          \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* The test suite */

static const struct sigv4_key suite_key = {
    {"AKIDEXAMPLE", 11}, {"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 40}, {"us-east-1", 9}, {"service", 7}};

struct suite_case {
	const char *name, *method, *path;
	struct sigv4_pair query[8];
	struct sigv4_pair headers[8];
	const char *body;
	const char *signed_names, *signature;
};

#define HOST PAIR("Host", "example.amazonaws.com")
#define DATE PAIR("X-Amz-Date", "20150830T123600Z")
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const struct suite_case suite[] = {
    {.name = "get-vanilla", .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-vanilla-query-order-key-case",
     .query = {PAIR("Param2", "value2"), PAIR("Param1", "value1")},
     .signature = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {.name = "get-vanilla-query-order-key",
     .query = {PAIR("Param1", "value2"), PAIR("Param1", "Value1")},
     .signature = "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
    {.name = "get-vanilla-query-order-value",
     .query = {PAIR("Param1", "value2"), PAIR("Param1", "value1")},
     .signature = "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {.name = "get-vanilla-empty-query-key",
     .query = {PAIR("Param1", "value1")},
     .signature = "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {.name = "get-vanilla-query-unreserved",
     .query = {PAIR(UNRESERVED, UNRESERVED)},
     .signature = "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {.name = "get-vanilla-utf8-query",
     .query = {PAIR("\xe1\x88\xb4", "bar")},
     .signature = "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {.name = "get-unreserved",
     .path = "/" UNRESERVED,
     .signature = "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {.name = "get-utf8",
     .path = "/\xe1\x88\xb4",
     .signature = "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {.name = "get-space",
     .path = "/example space/",
     .signature = "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {.name = "get-header-key-duplicate",
     .headers = {HOST, PAIR("My-Header1", "value2"), PAIR("My-Header1", "value2"),
		 PAIR("My-Header1", "value1"), DATE},
     .signed_names = "host;my-header1;x-amz-date",
     .signature = "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {.name = "get-header-value-order",
     .headers = {HOST, PAIR("My-Header1", "value4"), PAIR("My-Header1", "value1"),
		 PAIR("My-Header1", "value3"), PAIR("My-Header1", "value2"), DATE},
     .signed_names = "host;my-header1;x-amz-date",
     .signature = "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {.name = "get-header-value-trim",
     .headers = {HOST, PAIR("My-Header1", " value1"), PAIR("My-Header2", " \"a   b   c\""), DATE},
     .signed_names = "host;my-header1;my-header2;x-amz-date",
     .signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {.name = "post-vanilla",
     .method = "POST",
     .signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {.name = "post-vanilla-query",
     .method = "POST",
     .query = {PAIR("Param1", "value1")},
     .signature = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {.name = "post-header-key-sort",
     .method = "POST",
     .headers = {HOST, PAIR("My-Header1", "value1"), DATE},
     .signed_names = "host;my-header1;x-amz-date",
     .signature = "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {.name = "post-header-value-case",
     .method = "POST",
     .headers = {HOST, PAIR("My-Header1", "VALUE1"), DATE},
     .signed_names = "host;my-header1;x-amz-date",
     .signature = "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {.name = "post-x-www-form-urlencoded",
     .method = "POST",
     .headers = {PAIR("Content-Type", "application/x-www-form-urlencoded"), HOST, DATE},
     .body = "Param1=value1",
     .signed_names = "content-type;host;x-amz-date",
     .signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {.name = "post-x-www-form-urlencoded-parameters",
     .method = "POST",
     .headers = {PAIR("Content-Type", "application/x-www-form-urlencoded; charset=utf8"), HOST, DATE},
     .body = "Param1=value1",
     .signed_names = "content-type;host;x-amz-date",
     .signature = "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
};

static size_t count_pairs(const struct sigv4_pair pairs[8])
{
	size_t n = 0;
	while (n < 8 && pairs[n].name.n)
		n++;
	return n;
}

static void the_test_suite(void **state)
{
	(void)state;
	static const struct sigv4_pair usual[] = {HOST, DATE};
	int64_t time_ms;
	assert_true(clock_parse_rfc3339(STR("2015-08-30T12:36:00Z"), &time_ms));
	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++) {
		const struct suite_case *c = &suite[i];
		cleanup_buffer struct buffer got = BUFFER(1000), expected = BUFFER(1000);
		char hash[DIGEST_HEX_SIZE];
		digest_sha256_hex(str_of(c->body), hash, NULL);
		struct sigv4_request request = {.method = c->method ? c->method : "GET",
						.path = c->path ? str_of(c->path) : STR("/"),
						.query = c->query,
						.query_count = count_pairs(c->query),
						.headers = c->headers,
						.header_count = count_pairs(c->headers),
						.payload_hash = hash,
						.time_ms = time_ms};
		if (request.header_count == 0) {
			request.headers = usual;
			request.header_count = 2;
		}
		buffer_appendf(
		    &expected,
		    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
		    "SignedHeaders=%s, Signature=%s",
		    c->signed_names ? c->signed_names : "host;x-amz-date", c->signature);
		assert_int_equal(sigv4_sign(&suite_key, &request, &got, NULL), 0);
		if (strcmp(got.data, expected.data) != 0)
			fail_msg("%s: %s instead of %s", c->name, got.data, expected.data);
	}
}

/* The examples of the S3 documentation */

static const struct sigv4_key s3_key = {{"AKIAIOSFODNN7EXAMPLE", 20},
					{"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40},
					{"us-east-1", 9},
					{"s3", 2}};

#define S3_HOST PAIR("Host", "examplebucket.s3.amazonaws.com")
#define S3_DATE PAIR("x-amz-date", "20130524T000000Z")
#define S3_EMPTY PAIR("x-amz-content-sha256", EMPTY_HASH)

static int64_t s3_time(void)
{
	int64_t time_ms = 0;
	assert_true(clock_parse_rfc3339(STR("2013-05-24T00:00:00Z"), &time_ms));
	return time_ms;
}

static void expect_s3(struct sigv4_request request, const char *names, const char *signature)
{
	cleanup_buffer struct buffer got = BUFFER(1000), expected = BUFFER(1000);
	request.time_ms = s3_time();
	buffer_appendf(&expected,
		       "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
		       "SignedHeaders=%s, Signature=%s",
		       names, signature);
	assert_int_equal(sigv4_sign(&s3_key, &request, &got, NULL), 0);
	assert_string_equal(got.data, expected.data);
}

static void get_object(void **state)
{
	(void)state;
	const struct sigv4_pair headers[] = {S3_HOST, PAIR("Range", "bytes=0-9"), S3_EMPTY, S3_DATE};
	expect_s3((struct sigv4_request){.method = "GET",
					 .path = STR("/test.txt"),
					 .headers = headers,
					 .header_count = 4,
					 .payload_hash = EMPTY_HASH},
		  "host;range;x-amz-content-sha256;x-amz-date",
		  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void put_object(void **state)
{
	(void)state;
	const char *hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
	const struct sigv4_pair headers[] = {S3_DATE,
					     PAIR("x-amz-storage-class", "REDUCED_REDUNDANCY"),
					     PAIR("Date", "Fri, 24 May 2013 00:00:00 GMT"),
					     {STR("x-amz-content-sha256"), str_of(hash)},
					     S3_HOST};
	expect_s3((struct sigv4_request){.method = "PUT",
					 .path = STR("/test$file.text"),
					 .headers = headers,
					 .header_count = 5,
					 .payload_hash = hash},
		  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void bucket_requests(void **state)
{
	(void)state;
	const struct sigv4_pair headers[] = {S3_HOST, S3_EMPTY, S3_DATE};
	const struct sigv4_pair lifecycle[] = {PAIR("lifecycle", "")};
	const struct sigv4_pair list[] = {PAIR("prefix", "J"), PAIR("max-keys", "2")};
	struct sigv4_request request = {.method = "GET",
					.path = STR("/"),
					.query = lifecycle,
					.query_count = 1,
					.headers = headers,
					.header_count = 3,
					.payload_hash = EMPTY_HASH};
	expect_s3(request, "host;x-amz-content-sha256;x-amz-date",
		  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
	request.query = list;
	request.query_count = 2;
	expect_s3(request, "host;x-amz-content-sha256;x-amz-date",
		  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void presigned_url(void **state)
{
	(void)state;
	const struct sigv4_pair headers[] = {S3_HOST};
	struct sigv4_request request = {.method = "GET",
					.path = STR("/test.txt"),
					.headers = headers,
					.header_count = 1,
					.payload_hash = SIGV4_UNSIGNED_PAYLOAD,
					.time_ms = s3_time()};
	cleanup_buffer struct buffer query = BUFFER(1000);
	assert_int_equal(sigv4_presign(&s3_key, &request, 86400, &query, NULL), 0);
	assert_string_equal(
	    query.data,
	    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%"
	    "2Fs3%"
	    "2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-"
	    "Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

/* Encoding, order, bounds */

static void expect_query(const struct sigv4_pair *pairs, size_t count, const char *expected)
{
	cleanup_buffer struct buffer query = BUFFER(1000);
	assert_int_equal(sigv4_append_query(&query, pairs, count, NULL), 0);
	assert_string_equal(query.data ? query.data : "", expected);
}

static void queries_are_sorted_in_encoded_form(void **state)
{
	(void)state;
	expect_query(NULL, 0, "");
	/* A shorter name comes first, though '=' is greater than '-'. */
	expect_query(PAIRS(PAIR("a-b", "1"), PAIR("a", "2"), PAIR("a1", "0")), 3, "a=2&a-b=1&a1=0");
	expect_query(PAIRS(PAIR("partNumber", "10"), PAIR("uploadId", "a/b+c==")), 2,
		     "partNumber=10&uploadId=a%2Fb%2Bc%3D%3D");
	/* '%' of an encoded byte comes before letters, though the byte itself comes after. */
	expect_query(PAIRS(PAIR("a", "1"), PAIR("\xc3\xa9", "2"), PAIR("B", " ")), 3, "%C3%A9=2&B=%20&a=1");
	expect_query(PAIRS(PAIR("k", "b"), PAIR("k", ""), PAIR("k", "a")), 3, "k=&k=a&k=b");
}

static void paths_are_encoded_once(void **state)
{
	(void)state;
	cleanup_buffer struct buffer path = BUFFER(1000);
	sigv4_append_path(&path, STR("/a b/../%41/\"+&=?#"));
	assert_string_equal(path.data, "/a%20b/../%2541/%22%2B%26%3D%3F%23");
	buffer_reset(&path);
	sigv4_append_path(&path, STR(""));
	assert_string_equal(path.data, "/");
	buffer_reset(&path);
	sigv4_append_encoded(&path, STR("a/b\x00~"), false);
	assert_string_equal(path.data, "a%2Fb%00~");
}

static void what_is_too_much_is_refused(void **state)
{
	(void)state;
	struct error err;
	struct sigv4_pair many[SIGV4_MAX_PAIRS + 1];
	for (size_t i = 0; i <= SIGV4_MAX_PAIRS; i++)
		many[i] = (struct sigv4_pair){STR("name"), STR("value")};
	struct sigv4_request request = {.method = "GET",
					.path = STR("/"),
					.headers = many,
					.header_count = SIGV4_MAX_PAIRS + 1,
					.payload_hash = EMPTY_HASH};
	cleanup_buffer struct buffer out = BUFFER(100000), small = BUFFER(20);
	assert_int_equal(sigv4_sign(&s3_key, &request, &out, &err), -1);
	assert_string_equal(err.message, "signature: more than 32 headers");
	request.header_count = 1;
	request.query = many;
	request.query_count = SIGV4_MAX_PAIRS + 1;
	assert_int_equal(sigv4_sign(&s3_key, &request, &out, &err), -1);
	assert_string_equal(err.message, "signature: more than 32 query parameters");
	request.query_count = SIGV4_MAX_PAIRS - 4;
	assert_int_equal(sigv4_presign(&s3_key, &request, 1, &out, &err), -1);
	assert_string_equal(err.message, "signature: more than 27 query parameters");
	request.query_count = SIGV4_MAX_PAIRS - 5;
	assert_int_equal(sigv4_presign(&s3_key, &request, 1, &out, &err), 0);
	assert_int_equal(sigv4_presign(&s3_key, &request, 1, &small, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_int_equal(sigv4_sign(&s3_key, &request, &small, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	static char long_path[70000] = "/";
	memset(long_path + 1, 'a', sizeof(long_path) - 2);
	request.path = str_of(long_path);
	assert_int_equal(sigv4_sign(&s3_key, &request, &out, &err), -1);
	assert_string_equal(err.message, "signature: the request has no room");
}

static void dates(void **state)
{
	(void)state;
	char date[SIGV4_DATE_SIZE];
	sigv4_date(0, date);
	assert_string_equal(date, "19700101T000000Z");
	sigv4_date(s3_time() + 86399999, date);
	assert_string_equal(date, "20130524T235959Z");
	sigv4_date(INT64_C(253402300800000), date); /* year 10000 */
	assert_string_equal(date, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_test_suite),
	    cmocka_unit_test(get_object),
	    cmocka_unit_test(put_object),
	    cmocka_unit_test(bucket_requests),
	    cmocka_unit_test(presigned_url),
	    cmocka_unit_test(queries_are_sorted_in_encoded_form),
	    cmocka_unit_test(paths_are_encoded_once),
	    cmocka_unit_test(what_is_too_much_is_refused),
	    cmocka_unit_test(dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
