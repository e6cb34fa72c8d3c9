#include "lib/kube/reader.h"

#include <stdlib.h>
#include <sys/queue.h>

struct reading {
	TAILQ_ENTRY(reading) link;
	struct reader *reader;
	struct http_request *call; /* NULL: it waits */
	kube_done_cb done;
	void *context;
	char *path;
};

struct reader {
	struct kube_client *client;
	unsigned at_once, running;
	TAILQ_HEAD(reading_list, reading) waiting, under_way;
};

static void reading_free(struct reading *reading)
{
	struct reader *reader = reading->reader;
	if (reading->call) {
		TAILQ_REMOVE(&reader->under_way, reading, link);
		reader->running--;
	} else {
		TAILQ_REMOVE(&reader->waiting, reading, link);
	}
	free(reading->path);
	free(reading);
}

static void start_next(struct reader *reader);

static void on_read(void *context, const struct kube_response *response)
{
	struct reading *reading = context;
	struct reader *reader = reading->reader;
	kube_done_cb done = reading->done;
	void *whose = reading->context;
	reading_free(reading);
	start_next(reader); /* before the callback, which may free the reader */
	done(whose, response);
}

static int start(struct reading *reading, struct error *err)
{
	struct reader *reader = reading->reader;
	struct kube_call call = {.method = "GET", .path = reading->path, .done = on_read, .context = reading};
	struct http_request *request = kube_client_call(reader->client, &call, err);
	if (!request)
		return -1;
	TAILQ_REMOVE(&reader->waiting, reading, link);
	TAILQ_INSERT_TAIL(&reader->under_way, reading, link);
	reading->call = request;
	reader->running++;
	return 0;
}

/* From the loop. One that can't be started is told so; it may ask for more, or free the reader: no loop here.
 */
static void start_next(struct reader *reader)
{
	struct reading *reading = TAILQ_FIRST(&reader->waiting);
	struct error err;
	if (!reading || reader->running >= reader->at_once || start(reading, &err) == 0)
		return;
	on_read(reading, &(struct kube_response){.error = &err});
}

struct reading *reader_get(struct reader *reader, const char *path, kube_done_cb done, void *context,
			   struct error *err)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	if (!reading || !(reading->path = str_dup(str_of(path)))) {
		free(reading);
		error_no_memory(err);
		return NULL;
	}
	reading->reader = reader;
	reading->done = done;
	reading->context = context;
	TAILQ_INSERT_TAIL(&reader->waiting, reading, link);
	if (reader->running < reader->at_once && start(reading, err) != 0) {
		reading_free(reading);
		return NULL;
	}
	return reading;
}

void reading_cancel(struct reading *reading)
{
	if (!reading)
		return;
	struct reader *reader = reading->reader;
	if (reading->call)
		http_request_cancel(reading->call);
	reading_free(reading);
	start_next(reader);
}

size_t reader_waiting(const struct reader *reader)
{
	const struct reading *reading;
	size_t count = 0;
	TAILQ_FOREACH(reading, &reader->waiting, link)
		count++;
	return count;
}

struct reader *reader_new(struct kube_client *client, unsigned at_once, struct error *err)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	if (!reader) {
		error_no_memory(err);
		return NULL;
	}
	reader->client = client;
	reader->at_once = at_once;
	TAILQ_INIT(&reader->waiting);
	TAILQ_INIT(&reader->under_way);
	return reader;
}

struct reader *reader_free(struct reader *reader)
{
	if (!reader)
		return NULL;
	while (!TAILQ_EMPTY(&reader->waiting))
		reading_free(TAILQ_FIRST(&reader->waiting));
	while (!TAILQ_EMPTY(&reader->under_way)) {
		struct reading *reading = TAILQ_FIRST(&reader->under_way);
		http_request_cancel(reading->call);
		reading_free(reading);
	}
	free(reader);
	return NULL;
}
