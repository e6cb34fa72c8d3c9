#include "apiserver/execution/result.h"

#include "apiserver/http/call.h"
#include "lib/base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX                                                                                             \
	((size_t)80                                                                                          \
	 << 20) /* bytes of an input, output or log in the blob store: the largest that is ever put there */
#define URL_MAX 4096

enum part { PART_INPUT, PART_OUTPUT, PART_LOGS, PART_COUNT };
static const char *const part_names[] = {"the execution's input could not be read from storage",
					 "the execution's output could not be read from storage",
					 "the execution's log could not be read from storage"};

struct result {
	struct record *record;
	enum render_form form;
	int status;
	bool only_logs;
	struct buffer texts[PART_COUNT]; /* of blobs */
	bool fetched[PART_COUNT];
	enum part fetching;
};

static void result_free(void *state)
{
	struct result *result = state;
	for (int i = 0; i < PART_COUNT; i++)
		buffer_free(&result->texts[i]);
	record_unref(result->record);
	free(result);
}

static const struct blob_ref *part_ref(const struct result *result, enum part part)
{
	const struct execution *execution = result->record->execution;
	switch (part) {
	case PART_INPUT:
		return &execution->spec.input_ref;
	case PART_OUTPUT:
		return &execution->status.output_ref;
	case PART_LOGS:
	case PART_COUNT:
		break;
	}
	return &execution->status.logs_ref;
}

static bool part_is_wanted(const struct result *result, enum part part)
{
	if (result->only_logs)
		return part == PART_LOGS;
	return result->form == RENDER_RECORD || (result->form == RENDER_RESULT && part != PART_INPUT);
}

static struct str part_text(const struct result *result, enum part part)
{
	const struct execution *execution = result->record->execution;
	const char *inlined = part == PART_INPUT    ? execution->spec.input
			      : part == PART_OUTPUT ? execution->status.output
						    : execution->status.logs;
	return result->fetched[part] ? buffer_str(&result->texts[part]) : str_of(inlined);
}

int result_read_fd(int fd, int64_t size, struct buffer *out, struct error *err)
{
	char *at = buffer_reserve(out, (size_t)size);
	int64_t done = 0;
	ssize_t n = 0;
	while (at && done < size && (n = pread(fd, at + done, (size_t)(size - done), done)) > 0)
		done += n;
	int saved = errno;
	close(fd);
	errno = saved;
	if (!at)
		return error_no_memory(err);
	if (n < 0)
		return error_errno(err, "reading a fetched blob");
	if (done < size)
		return error_set(err, ERR_IO, "a fetched blob ends early");
	out->len += (size_t)size;
	out->data[out->len] = '\0';
	return 0;
}

/* files_url into out, NULL-terminated; nothing if there are no files. */
static int presign(struct request *request, const struct result *result, struct buffer *out,
		   struct error *err)
{
	const struct blob_ref *ref = &result->record->execution->status.files_ref;
	struct blob_key key = {BLOB_EXECUTIONS, request->tenant, ref->digest};
	if (!ref->digest || result->form == RENDER_SUMMARY)
		return 0;
	return blob_presign_get(request->server->blobs, &key, RESULT_FILES_NAME, RESULT_FILES_SECONDS, out,
				err);
}

static void answer(struct request *request, const struct result *result)
{
	struct error err;
	cleanup_buffer struct buffer body = BUFFER(REQUEST_ANSWER_MAX), url = BUFFER(URL_MAX);
	if (result->only_logs) {
		utf8_append_clean(&body, part_text(result, PART_LOGS));
		if (body.failed)
			request_refuse(request, ERR_UNAVAILABLE,
				       "the log is too large for this server's memory");
		else
			request_answer_text(request, 200, "text/plain; charset=utf-8", buffer_str(&body));
		return;
	}
	if (presign(request, result, &url, &err) != 0) {
		request_answer_fault(request, "the URL of the execution's files could not be made", &err);
		return;
	}
	struct render_texts texts = {.input = part_text(result, PART_INPUT),
				     .output = part_text(result, PART_OUTPUT),
				     .logs = part_text(result, PART_LOGS),
				     .files_url = url.len ? url.data : NULL};
	render_execution(result->record, result->form, request->tenant, &texts, &body);
	request_answer_json(request, result->status, &body);
}

static void fetch_next(struct request *request);

static void on_fetched(struct request *request, const struct error *error, int fd, int64_t size)
{
	struct result *result = request->state;
	struct error err;
	enum part part = result->fetching;
	if (!error && result_read_fd(fd, size, &result->texts[part], &err) != 0)
		error = &err;
	if (error) {
		request_answer_fault(request, part_names[part], error);
		return;
	}
	result->fetched[part] = true;
	fetch_next(request);
}

/* One blob after the other; more than one is rare. */
static void fetch_next(struct request *request)
{
	struct result *result = request->state;
	struct error err;
	for (int i = 0; i < PART_COUNT; i++) {
		enum part part = (enum part)i;
		const struct blob_ref *ref = part_ref(result, part);
		if (result->fetched[part] || !ref->digest || !part_is_wanted(result, part))
			continue;
		struct blob_key key = {BLOB_EXECUTIONS, request->tenant, ref->digest};
		result->fetching = part;
		if (call_blob_get(request, &key, (int64_t)TEXT_MAX, on_fetched, &err) != 0)
			request_answer_fault(request, part_names[part], &err);
		return;
	}
	answer(request, result);
}

static void start(struct request *request, const struct record *record, const struct result *template)
{
	if (!request->exchange) /* nobody listens any more */
		return;
	struct result *result = calloc(1, sizeof(*result));
	if (!result) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	*result = *template;
	result->record = record_ref(record); /* before the old state goes, which may hold the same */
	for (int i = 0; i < PART_COUNT; i++)
		result->texts[i] = BUFFER(TEXT_MAX);
	request_set_state(request, result, result_free);
	fetch_next(request);
}

void result_send(struct request *request, const struct record *record, enum render_form form, int status)
{
	start(request, record, &(struct result){.form = form, .status = status});
}

void result_send_logs(struct request *request, const struct record *record)
{
	start(request, record, &(struct result){.only_logs = true, .status = 200});
}
