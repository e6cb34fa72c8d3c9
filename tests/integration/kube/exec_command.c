/* exec: stdin to the command, its outputs to ours, its exit code as ours; a problem goes to stderr, with code
 * 125. latency: COUNT round trips of 100 bytes through `cat`; prints the median and the worst in
 * microseconds. */
#include "lib/kube/exec.h"
#include "tests/integration/kube/exercise.h"

#include <stdio.h>
#include <stdlib.h>

struct race;

#define OUTPUT_HIGH (1 << 20) /* unwritten output at which the stream is paused */

struct running {
	struct exercise *exercise;
	struct exec_stream *stream;
	uv_pipe_t input, output;
	struct buffer unsent;
	bool input_ended, input_paused, output_paused;
	size_t unwritten;
	/* latency */
	struct race *race;
	unsigned done;
	size_t round_bytes;
	uint64_t started_ns;
};

static void finish(struct running *r, int exit_code)
{
	if (!uv_is_closing((uv_handle_t *)&r->input)) {
		uv_close((uv_handle_t *)&r->input, NULL);
		uv_close((uv_handle_t *)&r->output, NULL);
	}
	buffer_free(&r->unsent);
	exercise_stop(r->exercise, exit_code);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	(void)handle;
	*ret = uv_buf_init(malloc(size), (unsigned)size);
}

static void send_more(struct running *r);

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct running *r = stream->data;

	if (n > 0)
		buffer_append(&r->unsent, bytes->base, (size_t)n);
	free(bytes->base);
	if (n < 0) {
		r->input_ended = true;
		uv_read_stop(stream);
	}
	send_more(r);
}

/* Read stdin only while the stream takes it. */
static void send_more(struct running *r)
{
	size_t taken = exec_stream_write(r->stream, buffer_str(&r->unsent));

	buffer_consume(&r->unsent, taken);
	if (r->unsent.len > 0) {
		uv_read_stop((uv_stream_t *)&r->input);
		return;
	}
	if (r->input_ended)
		exec_stream_end_input(r->stream);
	else
		uv_read_start((uv_stream_t *)&r->input, on_alloc, on_input);
}

static void on_drained(void *context)
{
	send_more(context);
}

struct write {
	uv_write_t request;
	struct running *running;
	size_t n;
	char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
	struct write *write = request->data;
	struct running *r = write->running;

	(void)status;
	r->unwritten -= write->n;
	if (r->output_paused && r->unwritten < OUTPUT_HIGH / 2 && r->stream) {
		r->output_paused = false;
		exec_stream_pause(r->stream, false);
	}
	free(write);
}

static void on_output(void *context, struct str data)
{
	struct running *r = context;
	struct write *write = malloc(sizeof *write + data.n);
	uv_buf_t bytes;

	write->running = r;
	write->n = data.n;
	write->request.data = write;
	memcpy(write->bytes, data.p, data.n);
	bytes = uv_buf_init(write->bytes, (unsigned)data.n);
	r->unwritten += data.n;
	uv_write(&write->request, (uv_stream_t *)&r->output, &bytes, 1, on_written);
	if (r->unwritten > OUTPUT_HIGH && !r->output_paused) {
		r->output_paused = true;
		exec_stream_pause(r->stream, true);
	}
}

static void on_error_output(void *context, struct str data)
{
	(void)context;
	fwrite(data.p, 1, data.n, stderr);
}

static void on_open(void *context)
{
	send_more(context);
}

static int end_code(const struct error *problem, int exit_code)
{
	if (!problem)
		return exit_code;
	fprintf(stderr, "%s: %s\n", error_code_name(problem->code), problem->message);
	return 125;
}

/* The reader may be slow: what it has not taken yet still goes to it. */
static void on_flush(uv_timer_t *timer)
{
	struct running *r = timer->data;

	if (r->unwritten > 0)
		return;
	uv_close((uv_handle_t *)timer, (uv_close_cb)free);
	finish(r, r->exercise->exit_code);
}

static void on_closed(void *context, const struct error *problem, int exit_code)
{
	struct running *r = context;
	uv_timer_t *timer = malloc(sizeof *timer);

	r->stream = NULL;
	r->exercise->exit_code = end_code(problem, exit_code);
	uv_timer_init(&r->exercise->loop, timer);
	timer->data = r;
	uv_timer_start(timer, on_flush, 0, 1);
}

static int start(struct running *r, char **arguments, const char *const *command,
		 const struct exec_handler *handler)
{
	struct exec_options options = {
	    .namespace = arguments[0],
	    .pod = arguments[1],
	    .container = arguments[2],
	    .command = command,
	    .handler = *handler,
	    .context = r,
	};
	struct error err;

	r->stream = exec_stream_open(r->exercise->ws, &options, &err);
	if (r->stream)
		return 0;
	fprintf(stderr, "%s: %s\n", error_code_name(err.code), err.message);
	return -1;
}

int exec_command(struct exercise *exercise, int count, char **arguments)
{
	static struct running running;
	static const struct exec_handler handler = {on_open, on_output, on_error_output, on_drained,
						    on_closed};

	if (count < 4)
		return -1;
	running = (struct running){.exercise = exercise, .unsent = BUFFER(1 << 20)};
	uv_pipe_init(&exercise->loop, &running.input, 0);
	uv_pipe_init(&exercise->loop, &running.output, 0);
	if (uv_pipe_open(&running.input, 0) != 0 || uv_pipe_open(&running.output, 1) != 0)
		return -1; /* stdin and stdout must be pipes */
	running.input.data = running.output.data = &running;
	return start(&running, arguments, (const char *const *)arguments + 3, &handler);
}

/* Latency */

static const char round_trip[100] = "x";

struct race {
	struct exercise *exercise;
	struct running *runners;
	unsigned streams, opened, closed;
	unsigned rounds, done; /* of each; of all */
	uint64_t *took_ns;     /* of all */
	int exit_code;
};

static void send_round(struct running *r)
{
	r->round_bytes = 0;
	r->started_ns = uv_hrtime();
	exec_stream_write(r->stream, (struct str){round_trip, sizeof round_trip});
}

static int by_size(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void on_round_open(void *context)
{
	struct race *race = ((struct running *)context)->race;

	if (++race->opened == race->streams)
		for (unsigned i = 0; i < race->streams; i++)
			if (race->runners[i].stream)
				send_round(&race->runners[i]);
}

static void on_round_output(void *context, struct str data)
{
	struct running *r = context;

	r->round_bytes += data.n;
	if (r->round_bytes < sizeof round_trip)
		return;
	r->race->took_ns[r->race->done++] = uv_hrtime() - r->started_ns;
	if (++r->done < r->race->rounds)
		send_round(r);
	else
		exec_stream_end_input(r->stream);
}

static void on_rounds_closed(void *context, const struct error *problem, int exit_code)
{
	struct running *r = context;
	struct race *race = r->race;

	r->stream = NULL;
	if (problem || exit_code != 0)
		race->exit_code = end_code(problem, exit_code);
	if (++race->closed < race->streams)
		return;
	qsort(race->took_ns, race->done, sizeof *race->took_ns, by_size);
	if (race->done > 0)
		printf("%u rounds, median %llu us, worst %llu us\n", race->done,
		       (unsigned long long)race->took_ns[race->done / 2] / 1000,
		       (unsigned long long)race->took_ns[race->done - 1] / 1000);
	free(race->took_ns);
	free(race->runners);
	exercise_stop(race->exercise, race->exit_code);
}

int latency_command(struct exercise *exercise, int count, char **arguments)
{
	static struct race race;
	static const struct exec_handler handler = {on_round_open, on_round_output, NULL, NULL,
						    on_rounds_closed};
	static const char *const command[] = {"cat", NULL};
	int64_t rounds, streams;

	if (count != 5 || !str_to_i64(str_of(arguments[3]), 1, 1000000, &rounds) ||
	    !str_to_i64(str_of(arguments[4]), 1, 1000, &streams))
		return -1;
	race = (struct race){.exercise = exercise, .rounds = (unsigned)rounds, .streams = (unsigned)streams};
	race.took_ns = calloc((size_t)(rounds * streams), sizeof *race.took_ns);
	race.runners = calloc((size_t)streams, sizeof *race.runners);
	for (unsigned i = 0; i < race.streams; i++) {
		race.runners[i].exercise = exercise;
		race.runners[i].race = &race;
		if (start(&race.runners[i], arguments, command, &handler) < 0)
			return -1;
	}
	return 0;
}
