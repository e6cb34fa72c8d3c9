/* lib/blob/signed_url.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/blob/blob_internal.h"

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define KEY STR("0123456789abcdef")

static const struct blob_key key = {BLOB_EXECUTIONS, "tenant-a", "sha256:" HEX};

/* The URL's path and query, for the time 1000 s. */
static struct buffer url;
static struct str path, query;

static void make_url(const char *filename, const char *method)
{
	struct error err;
	buffer_reset(&url);
	url.max = 4096;
	if (signed_url_append(&url, "http://h:1/", &key, filename, method, 1000, KEY, &err) != 0)
		fail_msg("%s", err.message);
	struct str all = buffer_str(&url);
	assert_true(str_starts_with(all, STR("http://h:1/blobs/")));
	all = (struct str){all.p + 10, all.n - 10};
	assert_true(str_split_once(all, '?', &path, &query));
}

static int free_url(void **state)
{
	(void)state;
	buffer_free(&url);
	return 0;
}

static void refused(struct str secret, const char *method, struct str p, struct str q, int64_t now_ms,
		    enum error_code code, const char *message)
{
	struct blob_request request = {.tenant = "untouched"};
	struct error err = {0};
	if (blob_request_verify(secret, method, p, q, now_ms, &request, &err) == 0)
		fail_msg("accepted %.*s?%.*s", (int)p.n, p.p, (int)q.n, q.p);
	assert_int_equal(err.code, code);
	assert_string_equal(err.message, message);
	assert_string_equal(request.tenant, "untouched");
}

#define SIGNATURE_WRONG "the link's signature is wrong; read the record again for a fresh link"
#define UNSIGNED "the link is not signed; read the record again for a fresh link"

static void a_signed_url_is_accepted_until_it_expires(void **state)
{
	(void)state;
	struct blob_request request;
	make_url("files.tar.gz", "GET");
	assert_true(str_eq(path, STR("/blobs/executions/tenant-a/" HEX "/files.tar.gz")));
	assert_int_equal(blob_request_verify(KEY, "GET", path, query, 999999, &request, NULL), 0);
	assert_int_equal(request.bucket, BLOB_EXECUTIONS);
	assert_string_equal(request.tenant, "tenant-a");
	assert_string_equal(request.digest, "sha256:" HEX);
	assert_string_equal(request.filename, "files.tar.gz");
	refused(KEY, "GET", path, query, 1000000, ERR_FORBIDDEN,
		"the link has expired; read the record again for a fresh one");
	make_url(NULL, "PUT");
	assert_int_equal(blob_request_verify(KEY, "PUT", path, query, 1, &request, NULL), 0);
	assert_string_equal(request.filename, "");
}

static void odd_file_names_survive(void **state)
{
	(void)state;
	static const char *const names[] = {"a b&c=d?e#f%g+h", "caf\xc3\xa9.tar.gz", "~.-_", "%2e%2e"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct blob_request request;
		make_url(names[i], "GET");
		assert_null(memchr(path.p, ' ', path.n));
		assert_int_equal(blob_request_verify(KEY, "GET", path, query, 1, &request, NULL), 0);
		assert_string_equal(request.filename, names[i]);
	}
	static const char *const bad[] = {"a/b", "..", ".", "a\"b", "a\nb", "a\\b", "\xff"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err;
		buffer_reset(&url);
		assert_int_equal(signed_url_append(&url, "http://h", &key, bad[i], "GET", 1, KEY, &err), -1);
		assert_string_equal(err.message, "blob: invalid file name");
		assert_int_equal(url.len, 0);
	}
	char longest[200];
	memset(longest, 'n', sizeof(longest));
	longest[128] = '\0';
	assert_int_equal(signed_url_append(&url, "http://h", &key, longest, "GET", 1, KEY, NULL), -1);
	longest[127] = '\0';
	make_url(longest, "GET");
	struct blob_request request;
	assert_int_equal(blob_request_verify(KEY, "GET", path, query, 1, &request, NULL), 0);
}

static void whatever_is_changed_breaks_it(void **state)
{
	(void)state;
	make_url("f", "GET");
	refused(STR("another key"), "GET", path, query, 1, ERR_FORBIDDEN, SIGNATURE_WRONG);
	refused(KEY, "PUT", path, query, 1, ERR_FORBIDDEN, SIGNATURE_WRONG);
	refused(KEY, "DELETE", path, query, 1, ERR_FORBIDDEN, SIGNATURE_WRONG);
	char text[1024];
	static const char *const changes[][2] = {
	    {"executions", "skills"},
	    {"tenant-a", "tenant-b"},
	    {"/ba78", "/aa78"},
	    {"/f?", "/g?"},
	    {"/f?", "?"},
	    {"expires=1000", "expires=1001"},
	    {"expires=1000", "expires=01000000"},
	    {"method=GET", "method=PUT"},
	};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		make_url("f", "GET");
		char *at = strstr(url.data, changes[i][0]);
		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - url.data), url.data, changes[i][1],
			 at + strlen(changes[i][0]));
		struct str all = str_of(text + 10), p, q;
		assert_true(str_split_once(all, '?', &p, &q));
		refused(KEY, "GET", p, q, 1, ERR_FORBIDDEN, SIGNATURE_WRONG);
	}
	make_url("f", "GET"); /* each digit of the signature counts, and its case */
	for (size_t i = query.n - 64; i < query.n; i++) {
		char *digit = url.data + (query.p - url.data) + i, saved = *digit;
		*digit = saved == '0' ? '1' : '0';
		refused(KEY, "GET", path, query, 1, ERR_FORBIDDEN, SIGNATURE_WRONG);
		*digit = saved;
	}
	refused(KEY, "GET", path, (struct str){query.p, query.n - 1}, 1, ERR_FORBIDDEN, SIGNATURE_WRONG);
}

static void queries_that_are_not_whole(void **state)
{
	(void)state;
	make_url("f", "GET");
	static const char *const bad[] = {
	    "",
	    "expires=1000",
	    "expires=1000&method=GET",
	    "expires=1000&method=GET&signature=",
	    "expires=1000&expires=1000&method=GET&signature=" HEX,
	    "expires=1000&method=GET&method=GET&signature=" HEX,
	    "expires=-1&method=GET&signature=" HEX,
	    "expires=99999999999999999999&method=GET&signature=" HEX,
	    "expires=9223372036854775807&method=GET&signature=" HEX,
	    "expires=x&method=GET&signature=" HEX,
	    "&&&&=&=&",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(KEY, "GET", path, str_of(bad[i]), 1, ERR_FORBIDDEN, UNSIGNED);
	refused(KEY, "GET", path, (struct str){NULL, 0}, 1, ERR_FORBIDDEN, UNSIGNED);
	char more[1024];
	struct blob_request request;
	snprintf(more, sizeof(more), "utm=1&%.*s&x", (int)query.n,
		 query.p); /* what isn't ours means nothing */
	assert_int_equal(blob_request_verify(KEY, "GET", path, str_of(more), 1, &request, NULL), 0);
}

static void paths_that_name_no_blob(void **state)
{
	(void)state;
	make_url("f", "GET");
	static const char *const bad[] = {
	    "",
	    "/",
	    "/blobs",
	    "/blobs/",
	    "/blobs/executions",
	    "/blobs/executions/tenant-a",
	    "/blobs/executions/tenant-a/",
	    "/blobs/other/tenant-a/" HEX,
	    "/blobs/executions//" HEX,
	    "/blobs/executions/../" HEX,
	    "/blobs/executions/Tenant/" HEX,
	    "/blobs/executions/-a/" HEX,
	    "/blobs/executions/a%2fb/" HEX,
	    "/blobs/executions/tenant-a/" HEX "0",
	    "/blobs/executions/tenant-a/BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "/blobs/executions/tenant-a/..",
	    "/blobs/executions/tenant-a/" HEX "/",
	    "/blobs/executions/tenant-a/" HEX "/a/b",
	    "/blobs/executions/tenant-a/" HEX "/a%2fb",
	    "/blobs/executions/tenant-a/" HEX "/%2e%2e",
	    "/blobs/executions/tenant-a/" HEX "/a%00b",
	    "/blobs/executions/tenant-a/" HEX "/a%4",
	    "/blobs/executions/tenant-a/" HEX "/a%zz",
	    "/blobs/executions/tenant-a/" HEX "/a%0ab",
	    "blobs/executions/tenant-a/" HEX,
	    "/blobs/executions/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/" HEX,
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(KEY, "GET", str_of(bad[i]), query, 1, ERR_NOT_FOUND, "there is no such blob");
}

static void without_a_key_nothing_is_valid(void **state)
{
	(void)state;
	make_url("f", "GET");
	struct blob_request request;
	assert_int_equal(blob_request_verify((struct str){NULL, 0}, "GET", path, query, 1, &request, NULL),
			 -1);
	assert_int_equal(
	    signed_url_append(&url, "http://h", &key, NULL, "GET", 1, (struct str){NULL, 0}, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_signed_url_is_accepted_until_it_expires),
	    cmocka_unit_test(odd_file_names_survive),
	    cmocka_unit_test(whatever_is_changed_breaks_it),
	    cmocka_unit_test(queries_that_are_not_whole),
	    cmocka_unit_test(paths_that_name_no_blob),
	    cmocka_unit_test(without_a_key_nothing_is_valid),
	};
	return cmocka_run_group_tests(tests, NULL, free_url);
}
