#include "apiserver/execution/texts.h"

#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "apiserver/usage.h"
#include "lib/base/mapping.h"

#include <stdlib.h>

#define URL_MAX 4096

enum part { PART_INPUT, PART_OUTPUT, PART_LOGS, PART_COUNT };
static const struct {
	unsigned wanted;
	const char *what_failed;
} parts[PART_COUNT] = {
    [PART_INPUT] = {TEXTS_INPUT, "the execution's input could not be read from storage"},
    [PART_OUTPUT] = {TEXTS_OUTPUT, "the execution's output could not be read from storage"},
    [PART_LOGS] = {TEXTS_LOGS, "the execution's log could not be read from storage"},
};

struct fetch {
	struct operation operation;
	struct shared_execution *shared;
	unsigned wanted;
	struct mapping texts[PART_COUNT]; /* of blobs */
	bool fetched[PART_COUNT];
	struct usage_hold hold; /* what is downloaded for it */
	enum part fetching;
	/* NULL: it was called. */
	texts_cb done;
	void *context;
};

static void fetch_next(struct fetch *fetch);

static struct fetch *of(struct operation *operation)
{
	return (struct fetch *)operation;
}

unsigned texts_of_form(enum render_form form)
{
	switch (form) {
	case RENDER_RECORD:
		return TEXTS_INPUT | TEXTS_OUTPUT | TEXTS_LOGS | TEXTS_FILES_URL;
	case RENDER_RESULT:
		return TEXTS_OUTPUT | TEXTS_LOGS | TEXTS_FILES_URL;
	case RENDER_SUMMARY:
		break;
	}
	return 0;
}

static void end(struct fetch *fetch, const struct render_texts *texts, const struct error *failure)
{
	texts_cb done = fetch->done;
	fetch->done = NULL;
	if (done)
		done(fetch->context, fetch->shared, texts, failure);
}

static void fail(struct fetch *fetch, const char *what_failed, const struct error *err)
{
	struct error failure;
	failure_of_fault(fetch->operation.caller, what_failed, err, &failure);
	end(fetch, NULL, &failure);
}

static void fetch_free(struct operation *operation)
{
	struct fetch *fetch = of(operation);
	struct error failure;
	failure_of_stop(&failure);
	end(fetch, NULL, &failure);
	for (int i = 0; i < PART_COUNT; i++)
		mapping_clear(&fetch->texts[i]);
	usage_release(&fetch->hold);
	shared_execution_unref(fetch->shared);
	free(fetch);
}

static const struct blob_ref *part_ref(const struct fetch *fetch, enum part part)
{
	const struct execution *execution = fetch->shared->execution;
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

static struct str part_text(const struct fetch *fetch, enum part part)
{
	const struct execution *execution = fetch->shared->execution;
	const char *inlined = part == PART_INPUT    ? execution->spec.input
			      : part == PART_OUTPUT ? execution->status.output
						    : execution->status.logs;
	return fetch->fetched[part] ? fetch->texts[part].text : str_of(inlined);
}

/* files_url into out, NUL-terminated; nothing if there are no files. */
static int presign(const struct fetch *fetch, struct buffer *out, struct error *err)
{
	const struct blob_ref *ref = &fetch->shared->execution->status.files_ref;
	struct blob_key key = {BLOB_EXECUTIONS, fetch->operation.caller->tenant, ref->digest};
	if (!ref->digest || !(fetch->wanted & TEXTS_FILES_URL))
		return 0;
	return blob_presign_get(fetch->operation.server->blobs, &key, TEXTS_FILES_NAME, TEXTS_FILES_SECONDS,
				out, err);
}

static void hand_over(struct fetch *fetch)
{
	struct error err;
	cleanup_buffer struct buffer url = BUFFER(URL_MAX);
	if (presign(fetch, &url, &err) != 0) {
		fail(fetch, "the URL of the execution's files could not be made", &err);
		return;
	}
	struct render_texts texts = {.input = part_text(fetch, PART_INPUT),
				     .output = part_text(fetch, PART_OUTPUT),
				     .logs = part_text(fetch, PART_LOGS),
				     .files_url = url.len ? url.data : NULL};
	end(fetch, &texts, NULL);
}

/* A blob of the embedded store is read where it lies; of S3 it becomes a temporary file. */
static int take_room(struct fetch *fetch, int64_t size, struct error *err)
{
	const struct operation *operation = &fetch->operation;
	if (!operation->server->s3_client || size <= 0 ||
	    usage_take(operation->server->usage, operation->caller->tenant, USAGE_FILES, size, &fetch->hold,
		       err) == 0)
		return 0;
	err->code = ERR_UNAVAILABLE; /* nothing is wrong with what was asked for */
	return -1;
}

static void on_fetched(struct operation *operation, const struct error *error, int fd, int64_t size)
{
	struct fetch *fetch = of(operation);
	struct error err;
	enum part part = fetch->fetching;
	if (!error && mapping_take(&fetch->texts[part], fd, size, &err) != 0)
		error = &err;
	if (error) {
		fail(fetch, parts[part].what_failed, error);
		return;
	}
	fetch->fetched[part] = true;
	fetch_next(fetch);
}

/* One blob after the other; more than one is rare. */
static void fetch_next(struct fetch *fetch)
{
	struct error err;
	for (int i = 0; i < PART_COUNT; i++) {
		enum part part = (enum part)i;
		const struct blob_ref *ref = part_ref(fetch, part);
		if (fetch->fetched[part] || !ref->digest || !(fetch->wanted & parts[part].wanted))
			continue;
		struct blob_key key = {BLOB_EXECUTIONS, fetch->operation.caller->tenant, ref->digest};
		fetch->fetching = part;
		if (take_room(fetch, ref->size, &err) != 0) {
			end(fetch, NULL, &err);
			return;
		}
		if (operation_blob_get(&fetch->operation, &key, (int64_t)TEXTS_MAX, on_fetched, &err) != 0)
			fail(fetch, parts[part].what_failed, &err);
		return;
	}
	hand_over(fetch);
}

void texts_fetch(struct apiserver *server, struct caller *caller, const struct shared_execution *execution,
		 unsigned wanted, texts_cb done, void *context)
{
	struct error err;
	struct fetch *fetch = calloc(1, sizeof(*fetch));
	if (!fetch) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, execution, NULL, &err);
		return;
	}
	operation_init(&fetch->operation, server, caller, fetch_free);
	fetch->shared = shared_execution_ref(execution);
	fetch->wanted = wanted;
	fetch->done = done;
	fetch->context = context;
	fetch_next(fetch);
	operation_unref(&fetch->operation);
}
