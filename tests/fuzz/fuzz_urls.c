/* Signed URLs: nothing that we didn't sign is taken, and what we sign is taken for what it is. The first byte
 * of the input chooses: any URL; a URL of ours with a byte changed; a presigned S3 URL. */
#include "lib/base/utf8.h"
#include "lib/blob/blob_internal.h"
#include "lib/blob/sigv4.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char digest[] = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const struct str key = STR("a-key-of-at-least-thirty-two-bytes");

static int verify(struct str url, struct blob_request *ret)
{
	struct str path, query;
	struct error err = {0};
	str_split_once(url, '?', &path, &query);
	int result = blob_request_verify(key, "GET", path, query, 1000, ret, &err);
	if (result != 0 && ((err.code != ERR_FORBIDDEN && err.code != ERR_NOT_FOUND) ||
			    !utf8_is_valid(str_of(err.message), NULL)))
		abort();
	return result;
}

/* Only what is equal in meaning may pass, as %4a does for %4A. */
static void changed(struct str filename, unsigned position, unsigned char with)
{
	const struct blob_key blob = {BLOB_EXECUTIONS, "acme", digest};
	cleanup_buffer struct buffer url = BUFFER(4096);
	cleanup_free char *name = str_dup(filename);
	struct blob_request got = {0};
	if (!name || strlen(name) != filename.n ||
	    signed_url_append(&url, "", &blob, name, "GET", 1000000, key, NULL) != 0)
		return;
	if (verify(buffer_str(&url), &got) != 0 || strcmp(got.filename, name) != 0)
		abort();
	url.data[position % url.len] = (char)with;
	if (verify(buffer_str(&url), &got) == 0 &&
	    (got.bucket != blob.bucket || strcmp(got.tenant, blob.tenant) != 0 ||
	     strcmp(got.digest, digest) != 0 || strcmp(got.filename, name) != 0))
		abort();
}

static bool is_url_text(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7f || strchr("\"<>\\^`{|}", text.p[i]))
			return false;
	return true;
}

static void presigned(struct str text)
{
	const struct sigv4_key credentials = {STR("access"), STR("secret"), STR("us-east-1"), STR("s3")};
	const struct sigv4_pair headers[] = {{STR("Host"), STR("s3.example.com")}};
	struct str path, name, value;
	str_split_once(text, '?', &path, &text);
	str_split_once(text, '=', &name, &value);
	const struct sigv4_pair query[] = {{name, value}};
	const struct sigv4_request request = {.method = "GET",
					      .path = path,
					      .query = query,
					      .query_count = 1,
					      .headers = headers,
					      .header_count = 1,
					      .payload_hash = SIGV4_UNSIGNED_PAYLOAD,
					      .time_ms = 1790000000000};
	cleanup_buffer struct buffer url = BUFFER(65536), header = BUFFER(65536), encoded = BUFFER(65536);
	struct error err = {0};
	sigv4_append_path(&encoded, path);
	if (!encoded.failed && !is_url_text(buffer_str(&encoded)))
		abort();
	if (sigv4_presign(&credentials, &request, 60, &url, &err) == 0 && !is_url_text(buffer_str(&url)))
		abort();
	if (sigv4_sign(&credentials, &request, &header, &err) == 0 && strpbrk(header.data, "\r\n"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 3)
		return 0;
	struct str rest = {(const char *)data + 3, size - 3};
	struct blob_request got;
	if (data[0] % 3 == 0) {
		if (verify(rest, &got) == 0)
			abort(); /* a signature was guessed */
	} else if (data[0] % 3 == 1) {
		changed(rest, data[1], data[2]);
	} else {
		presigned(rest);
	}
	return 0;
}
