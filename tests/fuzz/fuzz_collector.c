/* What a sandbox that is no friend of ours may say after EXIT, as the bytes of its stream: it is refused, or
 * becomes a result that a custom resource can hold. */
#include "controller/sandbox/collector.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"
#include "lib/blob/blob_internal.h"

#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct arrival_limits limits = {
    .max_output = 4096, .max_logs = 4096, .max_files_bytes = 8192, .max_files_count = 4};

/* A store that looks at what it gets. */
static int put(struct blob_store *store, const struct blob_key *key, int fd, int64_t size, blob_done_cb done,
	       void *context, struct error *err)
{
	struct stat status;
	(void)store;
	if (fstat(fd, &status) != 0 || status.st_size != size ||
	    blob_copy_verified(fd, size, key->digest, -1, err) != 0)
		abort();
	done(context, NULL, -1, 0);
	return 0;
}

static const struct blob_operations operations = {.put = put};

static void check_text(const char *text, size_t max)
{
	if (text && (strlen(text) > max || !utf8_is_valid(str_of(text), NULL)))
		abort();
}

static void on_stored(void *context, const struct error *error)
{
	bool *done = context;
	if (error)
		abort();
	*done = true;
}

static void check_result(const struct run_result *result)
{
	check_text(result->output, EXECUTION_INLINE_OUTPUT);
	check_text(result->output_problem, SIZE_MAX);
	check_text(result->logs, EXECUTION_INLINE_LOGS);
	check_text(result->reason_text, FRAME_MAX_REASON);
	if (result->reason_text && strpbrk(result->reason_text, "\n\r\t\x1b"))
		abort();
	if (result->output && jsontext_check(str_of(result->output), NULL, NULL) != 0)
		abort();
	if (result->file_count > (size_t)limits.max_files_count ||
	    (result->file_count && !result->files_ref.digest))
		abort();
	for (size_t i = 0; i < result->file_count; i++)
		check_text(result->files[i], UTF8_CLEAN_GROWTH * FRAME_MAX_PATH);
}

static void store(struct collector *collector, uv_loop_t *loop)
{
	bool done = false;
	collector_store(collector, on_stored, &done);
	while (!done)
		uv_run(loop, UV_RUN_ONCE);
	check_result(collector_result(collector));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uv_loop_t loop;
	struct blob_store blobs = {&operations};
	struct error err = {0};
	if (uv_loop_init(&loop) != 0)
		abort();
	struct collector *collector = collector_new(&loop, &blobs, "acme", &limits, &err);
	struct str left = {(const char *)data, size};
	struct frame frame;
	size_t used;
	while (frame_decode(left, true, &frame, &used, &err) == 1) {
		left = (struct str){left.p + used, left.n - used};
		if (collector_frame(collector, &frame, &err) != 0) {
			if (err.code != ERR_PROTOCOL)
				abort();
			break;
		}
	}
	if (collector_is_complete(collector))
		store(collector, &loop);
	collector_free(collector);
	uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop) != 0)
		abort();
	return 0;
}
