/* watch PATH PAGE-SIZE: a watch and the informer that it feeds. Prints a line for each thing that happens:
 *   LIST, LISTED n, SYNCED, ADDED key version, MODIFIED key version, DELETED key, PROBLEM code message
 * and "AGAIN key version" for an event that tells what is known already (outside a list). On the line "dump"
 * of stdin: "HAVE key version" for each object of the cache, then "END". The end of stdin ends it. */
#include "lib/base/buffer.h"
#include "lib/base/jsontext.h"
#include "lib/kube/informer.h"
#include "tests/integration/kube/exercise.h"

#include <stdio.h>
#include <stdlib.h>

struct object {
	char *key, *version;
};

struct watching {
	struct exercise *exercise;
	struct watch *watch;
	struct informer *informer;
	bool listing;
	unsigned listed;
	uv_pipe_t input;
	struct buffer line;
};

static void free_object(void *object)
{
	struct object *o = object;

	free(o->key);
	free(o->version);
	free(o);
}

static char *text_of(struct str object, struct str key)
{
	struct buffer text = BUFFER(4096);
	struct str value;

	if (jsontext_member(object, key, &value))
		jsontext_decode_string(value, &text, NULL);
	return buffer_steal(&text);
}

static void *parse(struct str json, struct error *err)
{
	struct object *object = calloc(1, sizeof *object);
	cleanup_free char *namespace = NULL, *name = NULL;
	struct str metadata;
	size_t size;

	if (!object || !jsontext_member(json, STR("metadata"), &metadata)) {
		free(object);
		error_set(err, ERR_PROTOCOL, "no metadata");
		return NULL;
	}
	namespace = text_of(metadata, STR("namespace"));
	name = text_of(metadata, STR("name"));
	object->version = text_of(metadata, STR("resourceVersion"));
	size = strlen(namespace) + strlen(name) + 2;
	object->key = malloc(size);
	snprintf(object->key, size, "%s%s%s", namespace, *namespace ? "/" : "", name);
	return object;
}

static void key_of(const void *object, struct buffer *out)
{
	buffer_append_c(out, ((const struct object *)object)->key);
}

static void on_changed(void *context, const void *old, const void *fresh)
{
	struct watching *w = context;
	const struct object *before = old, *after = fresh;

	if (!after)
		printf("DELETED %s\n", before->key);
	else if (!before)
		printf("ADDED %s %s\n", after->key, after->version);
	else if (!str_eq(str_of(before->version), str_of(after->version)))
		printf("MODIFIED %s %s\n", after->key, after->version);
	else if (!w->listing)
		printf("AGAIN %s %s\n", after->key, after->version);
}

static void on_problem(void *context, const struct error *problem)
{
	(void)context;
	printf("PROBLEM %s %s\n", error_code_name(problem->code), problem->message);
}

static void on_event(void *context, enum watch_event_type type, struct str object)
{
	struct watching *w = context;

	if (type == WATCH_LIST_BEGIN) {
		w->listing = true;
		w->listed = 0;
		printf("LIST\n");
	}
	w->listed += type == WATCH_LISTED;
	informer_handle(w->informer, type, object);
	if (type == WATCH_LIST_END) {
		w->listing = false;
		printf("LISTED %u\n", w->listed);
	}
}

static void on_synced(void *context)
{
	(void)context;
	printf("SYNCED\n");
}

static bool print_object(void *context, const void *object)
{
	const struct object *o = object;

	(void)context;
	printf("HAVE %s %s\n", o->key, o->version);
	return true;
}

static void stop(struct watching *w)
{
	watch_stop(w->watch);
	informer_stop(w->informer);
	uv_close((uv_handle_t *)&w->input, NULL);
	exercise_stop(w->exercise, 0);
	buffer_free(&w->line);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	(void)handle;
	*ret = uv_buf_init(malloc(size), (unsigned)size);
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct watching *w = stream->data;

	if (n > 0)
		buffer_append(&w->line, bytes->base, (size_t)n);
	free(bytes->base);
	if (n < 0) {
		stop(w);
		return;
	}
	while (w->line.len >= 5) {
		buffer_consume(&w->line, 5); /* "dump\n" is all there is */
		informer_each(w->informer, print_object, NULL);
		printf("END\n");
	}
}

int watch_command(struct exercise *exercise, int count, char **arguments)
{
	static struct watching watching;
	struct informer_options informer = {
	    .parse = parse,
	    .free_object = free_object,
	    .key = key_of,
	    .changed = on_changed,
	    .synced = on_synced,
	    .context = &watching,
	    .watch.problem = on_problem,
	};
	struct watch_options watch = {.event = on_event, .problem = on_problem, .context = &watching};
	int64_t page;

	if (count != 2 || !str_to_i64(str_of(arguments[1]), 1, 100000, &page))
		return -1;
	uv_pipe_init(&exercise->loop, &watching.input, 0);
	if (uv_pipe_open(&watching.input, 0) != 0)
		return -1; /* stdin must be a pipe */
	setvbuf(stdout, NULL, _IOLBF, 0);
	watch.path = informer.watch.path = arguments[0];
	watch.page_size = (unsigned)page;
	watching.exercise = exercise;
	watching.line = BUFFER(4096);
	watching.informer = informer_new(&informer, NULL);
	watching.watch = watch_start(exercise->ws, &watch, NULL);
	watching.input.data = &watching;
	uv_read_start((uv_stream_t *)&watching.input, on_alloc, on_input);
	return 0;
}
