/* Answers of S3 servers: headers, an empty line, a body. What we say of them is always text of one line. */
#include "lib/blob/s3_internal.h"

#include "lib/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char host[] = "s3.example.com:9000", bucket[] = "executions", region[] = "us-east-1";
	struct s3_store store = {.clock = &clock_system, .endpoint = {.host = host}, .region = region};
	struct str all = {(const char *)data, size};
	const char *empty_line = size ? memmem(data, size, "\r\n\r\n", 4) : NULL;
	size_t headers = empty_line ? (size_t)(empty_line - all.p) + 4 : 0;
	struct http_response response = {.status = size ? 200 + data[0] * 2 : 404,
					 .headers = {all.p, headers},
					 .body = {all.p + headers, size - headers}};
	cleanup_buffer struct buffer id = BUFFER(1024);
	struct error err = {0};
	store.buckets[0] = store.buckets[1] = bucket;
	if (s3_refusal(&store, BLOB_EXECUTIONS, &response, &err) != -1 || err.code == ERR_NONE ||
	    !utf8_is_valid(str_of(err.message), NULL) || strpbrk(err.message, "\r\n"))
		abort();
	if (s3_xml_text(response.body, "UploadId", &id) && id.len > response.body.n)
		abort();
	return 0;
}
