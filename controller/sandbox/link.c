#include "controller/sandbox/link.h"

#include "lib/kube/exec.h"
#include "lib/run/layers.h"

#include <stdlib.h>
#include <string.h>

/* A link; the rest of a job waits in its files. */
#define SEND_QUEUE_MAX (128 * 1024)
#define RECEIVE_MAX (2 * (FRAME_MAX_PAYLOAD + FRAME_HEADER_SIZE))
#define HELLO_MAX (FRAME_MAX_TOKEN + 64)
#define RELAY_WORDS_MAX 256

struct link {
	const struct session_services *services;
	struct link_handler handler;
	void *context;
	char *token;

	/* NULL: it is closed */
	struct exec_stream *stream;
	struct buffer in;
	bool hello_seen, muted;
	struct isolation *isolation;
	int64_t opened_us;
	/* What the relay wrote to its stderr first: the reason, when the stream ends. */
	char relay_words[RELAY_WORDS_MAX + 1];
};

void link_close(struct link *link)
{
	link->stream = exec_stream_close(link->stream);
}

static void lose(struct link *link, const struct error *err)
{
	link_close(link);
	link->handler.lost(link->context, err);
}

bool link_is_listening(const struct link *link)
{
	return link->stream && !link->muted;
}

/* Receiving */

static int keep_layers(struct link *link, const struct frame_hello *hello, struct error *err)
{
	link->isolation = isolation_new(hello->layer_count, err);
	if (!link->isolation)
		return -1;
	for (unsigned i = 0; i < hello->layer_count; i++) {
		struct execution_layer *layer = &link->isolation->layers[i];
		layer->active = hello->layers[i].active;
		layer->name = str_dup(hello->layers[i].name);
		layer->detail = str_dup(hello->layers[i].detail);
		if (!layer->name || !layer->detail)
			return error_no_memory(err);
	}
	link->isolation = isolation_share(link->isolation);
	return 0;
}

static int take_hello(struct link *link, const struct frame_hello *hello, struct error *err)
{
	struct error missing;
	link->hello_seen = true;
	link->opened_us = clock_monotonic_us(link->services->clock);
	if (keep_layers(link, hello, err) != 0)
		return -1;
	if (layers_check(&link->services->config->required_layers, hello, &missing) != 0) {
		link->handler.unfit(link->context, &missing);
		return 0;
	}
	return link->handler.hello(link->context, hello, err);
}

static int take_frame(struct link *link, const struct frame *frame, struct error *err)
{
	if (link->hello_seen || frame->type == FRAME_FAILED)
		return link->handler.frame(link->context, frame, err);
	if (frame->type == FRAME_HELLO)
		return take_hello(link, &frame->hello, err);
	return error_set(err, ERR_PROTOCOL, "sandbox did not say hello first");
}

/* Each frame that is whole. A handler may end the listening at any of them. */
static int take_frames(struct link *link, struct error *err)
{
	size_t used = 0;
	while (link_is_listening(link)) {
		struct frame frame;
		size_t frame_used = 0;
		struct str rest = {link->in.data + used, link->in.len - used};
		int got = frame_decode(rest, true, &frame, &frame_used, err);
		if (got == 0)
			break;
		if (got < 0 || take_frame(link, &frame, err) != 0)
			return -1;
		used += frame_used;
	}
	buffer_consume(&link->in, used);
	return 0;
}

static void on_output(void *context, struct str data)
{
	struct link *link = context;
	struct error err;
	while (data.n > 0 && link_is_listening(link)) {
		/* As much as there is room for: whole frames make room. */
		size_t room = link->in.max - link->in.len;
		size_t n = data.n < room ? data.n : room;
		int status = buffer_append(&link->in, data.p, n) == 0 ? 0 : error_no_memory(&err);
		if (status != 0 || take_frames(link, &err) != 0) {
			lose(link, &err);
			return;
		}
		data.p += n;
		data.n -= n;
	}
}

static void on_error_output(void *context, struct str data)
{
	struct link *link = context;
	if (link->relay_words[0])
		return;
	size_t n = data.n < RELAY_WORDS_MAX ? data.n : RELAY_WORDS_MAX;
	memcpy(link->relay_words, data.p, n);
	link->relay_words[n] = '\0';
}

/* The stream */

int link_put_hello(const struct link *link, struct buffer *out, struct error *err)
{
	struct frame frame = {
	    .type = FRAME_HELLO,
	    .hello_request = {FRAME_VERSION, str_of(link->token), link->services->generation}};
	return frame_encode(&frame, out, err);
}

size_t link_write(struct link *link, struct str bytes)
{
	return link->stream ? exec_stream_write(link->stream, bytes) : 0;
}

static void on_open(void *context)
{
	struct link *link = context;
	cleanup_buffer struct buffer hello = BUFFER(HELLO_MAX);
	struct error err;
	int status = link_put_hello(link, &hello, &err);
	if (status == 0 && link_write(link, buffer_str(&hello)) != hello.len)
		status = error_set(&err, ERR_INTERNAL, "a new stream took no hello");
	if (status != 0)
		lose(link, &err);
}

static void on_drained(void *context)
{
	struct link *link = context;
	link->handler.drained(link->context);
}

static void on_closed(void *context, const struct error *problem, int exit_code)
{
	struct link *link = context;
	struct error err;
	link->stream = NULL; /* freed by itself */
	if (link->muted)
		return;
	if (problem)
		err = *problem;
	else
		error_set(&err, ERR_UNAVAILABLE,
			  "the relay ended with exit code %d before the result was complete%s%s", exit_code,
			  link->relay_words[0] ? ": " : "", link->relay_words);
	lose(link, &err);
}

/* Life */

static int open_stream(struct link *link, const struct pod *pod, struct error *err)
{
	static const char *const command[] = {"/skillbox/runner", "relay", NULL};
	struct exec_options options = {
	    .namespace = pod->meta.namespace,
	    .pod = pod->meta.name,
	    .container = POD_CONTAINER,
	    .command = command,
	    .handler = {on_open, on_output, on_error_output, on_drained, on_closed},
	    .context = link,
	    .max_queue = SEND_QUEUE_MAX,
	};
	link->stream = exec_stream_open(link->services->ws, &options, err);
	return link->stream ? 0 : -1;
}

struct link *link_open(const struct session_services *services, const struct pod *pod,
		       const struct link_handler *handler, void *context, struct error *err)
{
	if (!pod->token) {
		error_set(err, ERR_PROTOCOL, "Pod %s has no token", pod->meta.name);
		return NULL;
	}
	struct link *link = calloc(1, sizeof(*link));
	if (!link || !(link->token = str_dup(str_of(pod->token)))) {
		error_no_memory(err);
		return link_free(link);
	}
	link->services = services;
	link->handler = *handler;
	link->context = context;
	link->in = BUFFER(RECEIVE_MAX);
	return open_stream(link, pod, err) == 0 ? link : link_free(link);
}

struct link *link_free(struct link *link)
{
	if (!link)
		return NULL;
	link_close(link);
	isolation_unref(link->isolation);
	buffer_free(&link->in);
	if (link->token)
		explicit_bzero(link->token, strlen(link->token));
	free(link->token);
	free(link);
	return NULL;
}

void link_mute(struct link *link)
{
	link->muted = true;
}

struct isolation *link_isolation(const struct link *link)
{
	return link->isolation;
}

int64_t link_opened_us(const struct link *link)
{
	return link->opened_us;
}
