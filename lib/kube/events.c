/* Events: created when something is new, and counted into a series when it comes again within ten minutes.
 * Best effort: a lost event costs nothing, so the number of remembered events and of calls in flight is
 * small. */
#include "lib/kube/events.h"

#include "lib/base/buffer.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#include <stdlib.h>
#include <sys/queue.h>

#define SERIES_MS (10 * 60 * 1000)
#define FLUSH_MS 10000 /* counts are written at most this often */
#define MAX_EVENTS 256 /* remembered */
#define MAX_IN_FLIGHT 32
#define MAX_NOTE 1024 /* the API's bounds */
#define MAX_REASON 128
#define MAX_BODY (32 << 10)
#define MAX_COUNT_BODY 256 /* of a series: the count and the time */
#define MAX_NAME 253
#define MAX_PATH 1024
#define MAX_KEY 4096
#define MAX_OBJECT_NAME 200 /* of an event's name, which has a random part behind it */

struct event {
	TAILQ_ENTRY(event) link; /* newest first */
	struct event_recorder *recorder;
	char *key;  /* object, type, reason, action and note: what makes two events equal */
	char *path; /* "/apis/events.k8s.io/v1/namespaces/NS/events/NAME" */
	struct http_request *request;
	uint64_t seen_at_ms;
	int64_t seen_at_wall_ms;
	unsigned count;
	bool created; /* the API server has it */
	bool counted; /* count isn't written yet */
};

struct event_recorder {
	struct kube_client *client;
	char *component, *instance;
	uv_timer_t timer;
	TAILQ_HEAD(event_list, event) events;
	unsigned event_count, in_flight;
};

static void event_forget(struct event *event)
{
	struct event_recorder *recorder = event->recorder;
	if (event->request) {
		http_request_cancel(event->request);
		recorder->in_flight--;
	}
	TAILQ_REMOVE(&recorder->events, event, link);
	recorder->event_count--;
	free(event->key);
	free(event->path);
	free(event);
}

static void on_answer(void *context, const struct kube_response *response)
{
	struct event *event = context;
	event->request = NULL;
	event->recorder->in_flight--;
	/* A create that was repeated may meet its own event. A series whose event has expired says 404: begin
	 * anew. */
	if (response->error && (event->created || !response->already_exists))
		event_forget(event);
	else
		event->created = true;
}

/* What is sent */

static const char *namespace_of(const struct event_object *about)
{
	return about->namespace && *about->namespace ? about->namespace
						     : "default"; /* of cluster-wide objects */
}

static void event_name(const struct event_object *about, struct buffer *out)
{
	unsigned char random[8];
	char hex[2 * sizeof(random) + 1];
	struct str base = utf8_cut(str_of(about->name), MAX_OBJECT_NAME);
	while (base.n && (base.p[base.n - 1] == '-' || base.p[base.n - 1] == '.'))
		base.n--;
	id_random(random, sizeof(random));
	id_hex(random, sizeof(random), hex);
	buffer_appendf(out, "%.*s.%s", (int)base.n, base.p, hex);
}

static void put_regarding(struct buffer *out, const struct event_object *about)
{
	json_key(out, "regarding");
	json_open(out, '{');
	json_put_string(out, "apiVersion", about->api_version);
	json_put_string(out, "kind", about->kind);
	if (about->namespace && *about->namespace)
		json_put_string(out, "namespace", about->namespace);
	json_put_string(out, "name", about->name);
	if (about->uid && *about->uid)
		json_put_string(out, "uid", about->uid);
	json_close(out, '}');
}

struct words {
	const char *type, *reason, *action, *note;
};

static void event_body(const struct event_recorder *recorder, const struct event_object *about,
		       const struct words *words, struct str name, int64_t wall_ms, struct buffer *out)
{
	char time[CLOCK_MICRO_TIME_SIZE];
	clock_format_micro_time(wall_ms, time);
	json_open(out, '{');
	json_put_string(out, "apiVersion", "events.k8s.io/v1");
	json_put_string(out, "kind", "Event");
	json_key(out, "metadata");
	json_open(out, '{');
	json_put_str(out, "name", name);
	json_put_string(out, "namespace", namespace_of(about));
	json_close(out, '}');
	json_put_string(out, "eventTime", time);
	json_put_string(out, "reportingController", recorder->component);
	json_put_str(out, "reportingInstance", utf8_cut(str_of(recorder->instance), MAX_REASON));
	json_put_string(out, "type", words->type);
	json_put_str(out, "reason", utf8_cut(str_of(words->reason), MAX_REASON));
	json_put_str(out, "action", utf8_cut(str_of(words->action), MAX_REASON));
	json_put_str(out, "note", utf8_cut(str_of(words->note), MAX_NOTE));
	put_regarding(out, about);
	json_close(out, '}');
}

static int call(struct event *event, const char *method, const char *path, const char *content_type,
		const struct buffer *body)
{
	struct event_recorder *recorder = event->recorder;
	struct kube_call kube_call = {
	    .method = method,
	    .path = path,
	    .content_type = content_type,
	    .body = buffer_str(body),
	    .done = on_answer,
	    .context = event,
	};
	if (body->failed || event->request || recorder->in_flight >= MAX_IN_FLIGHT)
		return -1;
	event->request = kube_client_call(recorder->client, &kube_call, NULL);
	if (!event->request)
		return -1;
	recorder->in_flight++;
	return 0;
}

/* Series */

static void write_count(struct event *event)
{
	cleanup_buffer struct buffer body = BUFFER(MAX_COUNT_BODY);
	char time[CLOCK_MICRO_TIME_SIZE];
	clock_format_micro_time(event->seen_at_wall_ms, time);
	buffer_appendf(&body, "{\"series\":{\"count\":%u,\"lastObservedTime\":\"%s\"}}", event->count, time);
	if (call(event, "PATCH", event->path, KUBE_MERGE_PATCH, &body) == 0)
		event->counted = false;
}

static void on_flush(uv_timer_t *timer)
{
	event_recorder_flush(timer->data);
}

void event_recorder_flush(struct event_recorder *recorder)
{
	struct event *event;
	bool more = false;
	TAILQ_FOREACH(event, &recorder->events, link) {
		if (event->counted && event->created)
			write_count(event);
		more = more || event->counted;
	}
	if (more)
		uv_timer_start(&recorder->timer, on_flush, FLUSH_MS, 0);
	else
		uv_timer_stop(&recorder->timer);
}

static void count_again(struct event *event, uint64_t now, int64_t wall_ms)
{
	struct event_recorder *recorder = event->recorder;
	event->count++;
	event->counted = true;
	event->seen_at_ms = now;
	event->seen_at_wall_ms = wall_ms;
	TAILQ_REMOVE(&recorder->events, event, link);
	TAILQ_INSERT_HEAD(&recorder->events, event, link);
	if (!uv_is_active((uv_handle_t *)&recorder->timer))
		uv_timer_start(&recorder->timer, on_flush, FLUSH_MS, 0);
}

/* Recording */

static void event_key(const struct event_object *about, const struct words *words, struct buffer *out)
{
	buffer_appendf(out, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n", about->kind, namespace_of(about), about->name,
		       about->uid ? about->uid : "", words->type, words->reason, words->action);
	buffer_append_str(out, utf8_cut(str_of(words->note), MAX_NOTE));
}

static struct event *find(struct event_recorder *recorder, const char *key)
{
	struct event *event;
	TAILQ_FOREACH(event, &recorder->events, link) {
		if (strcmp(event->key, key) == 0)
			return event;
	}
	return NULL;
}

static struct event *event_new(struct event_recorder *recorder, const char *key, struct str collection,
			       struct str name)
{
	cleanup_buffer struct buffer path = BUFFER(MAX_PATH);
	struct event *event = calloc(1, sizeof(*event));
	buffer_appendf(&path, "%.*s/%.*s", (int)collection.n, collection.p, (int)name.n, name.p);
	if (!event)
		return NULL;
	event->key = str_dup(str_of(key));
	event->path = buffer_steal(&path);
	if (!event->key || !event->path) {
		free(event->key);
		free(event->path);
		free(event);
		return NULL;
	}
	event->recorder = recorder;
	event->count = 1;
	TAILQ_INSERT_HEAD(&recorder->events, event, link);
	if (++recorder->event_count > MAX_EVENTS)
		event_forget(TAILQ_LAST(&recorder->events, event_list));
	return event;
}

static void create(struct event_recorder *recorder, const struct event_object *about,
		   const struct words *words, const char *key, int64_t wall_ms)
{
	cleanup_buffer struct buffer collection = BUFFER(MAX_PATH), name = BUFFER(MAX_NAME),
				     body = BUFFER(MAX_BODY);
	buffer_appendf(&collection, "/apis/events.k8s.io/v1/namespaces/%s/events", namespace_of(about));
	event_name(about, &name);
	event_body(recorder, about, words, buffer_str(&name), wall_ms, &body);
	if (collection.failed || name.failed)
		return;
	struct event *event = event_new(recorder, key, buffer_str(&collection), buffer_str(&name));
	if (!event)
		return;
	event->seen_at_ms = uv_now(kube_client_loop(recorder->client));
	event->seen_at_wall_ms = wall_ms;
	if (call(event, "POST", collection.data, NULL, &body) != 0)
		event_forget(event);
}

void event_record(struct event_recorder *recorder, const struct event_object *about, const char *type,
		  const char *reason, const char *action, const char *note)
{
	const struct words words = {type, reason, action, note};
	cleanup_buffer struct buffer key = BUFFER(MAX_KEY);
	uint64_t now = uv_now(kube_client_loop(recorder->client));
	int64_t wall_ms = clock_wall_ms(&clock_system);
	event_key(about, &words, &key);
	if (key.failed)
		return;
	struct event *event = find(recorder, key.data);
	if (event && now - event->seen_at_ms < SERIES_MS) {
		count_again(event, now, wall_ms);
		return;
	}
	if (event)
		event_forget(event);
	create(recorder, about, &words, key.data, wall_ms);
}

unsigned event_recorder_in_flight(const struct event_recorder *recorder)
{
	return recorder->in_flight;
}

/* Life */

struct event_recorder *event_recorder_new(struct kube_client *client, const char *component,
					  const char *instance, struct error *err)
{
	struct event_recorder *recorder = calloc(1, sizeof(*recorder));
	if (!recorder) {
		error_no_memory(err);
		return NULL;
	}
	recorder->client = client;
	recorder->component = str_dup(str_of(component));
	recorder->instance = str_dup(str_of(instance));
	if (!recorder->component || !recorder->instance ||
	    uv_timer_init(kube_client_loop(client), &recorder->timer) != 0) {
		free(recorder->component);
		free(recorder->instance);
		free(recorder);
		error_no_memory(err);
		return NULL;
	}
	recorder->timer.data = recorder;
	/* Counts that wait to be written keep no process alive. */
	uv_unref((uv_handle_t *)&recorder->timer);
	TAILQ_INIT(&recorder->events);
	return recorder;
}

static void on_closed(uv_handle_t *handle)
{
	struct event_recorder *recorder = handle->data;
	free(recorder->component);
	free(recorder->instance);
	free(recorder);
}

struct event_recorder *event_recorder_free(struct event_recorder *recorder)
{
	if (!recorder)
		return NULL;
	while (!TAILQ_EMPTY(&recorder->events))
		event_forget(TAILQ_FIRST(&recorder->events));
	uv_close((uv_handle_t *)&recorder->timer, on_closed);
	return NULL;
}
