#include "runner/channel/rendezvous.h"
#include "runner/init.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16 /* a script that floods the socket doesn't keep the loop from its deadline */
#define EVENTS_PER_TURN 16

enum source {
	LISTENER,
	SIGNALS,
	ECHO_WRITABLE,
	SCRIPT_LOGS,
	SCRIPT_STATUS,
	PARK_CHANNEL,
	CONNECTION /* + index: the last */
};

static int watch(struct init *init, int operation, int fd, unsigned events, unsigned source,
		 struct error *err)
{
	struct epoll_event event = {.events = events, .data.u32 = source};
	return epoll_ctl(init->epoll, operation, fd, &event) == 0 ? 0 : error_errno(err, "epoll_ctl");
}

/* The cell */

static int watch_cell(struct init *init, enum cell_watch wanted, struct error *err)
{
	const struct cell *cell = &init->cell;
	if (wanted == CELL_WATCH_NOTHING)
		return 0;
	init->logs_events = EPOLLIN;
	if (watch(init, EPOLL_CTL_ADD, cell->run.logs_epoll, EPOLLIN, SCRIPT_LOGS, err) != 0)
		return -1;
	return wanted == CELL_WATCH_PARK
		   ? watch(init, EPOLL_CTL_ADD, cell->park.channel_fd, EPOLLIN, PARK_CHANNEL, err)
		   : watch(init, EPOLL_CTL_ADD, cell->run.child.status_fd, EPOLLIN, SCRIPT_STATUS, err);
}

static void start_parked(struct init *init)
{
	struct error err = {0};
	enum cell_watch wanted;
	if (cell_park(&init->cell, &wanted, &err) != 0 || watch_cell(init, wanted, &err) != 0)
		cell_lose_parked(&init->cell, &err);
}

static void start_run(struct init *init)
{
	struct error err = {0};
	enum cell_watch wanted;
	if (cell_start(&init->cell, &wanted, &err) != 0 || watch_cell(init, wanted, &err) != 0)
		cell_abort(&init->cell, "io", &err);
}

/* Watch the script's pipes unless the reader of the container's log is behind. */
static int watch_logs(struct init *init, struct error *err)
{
	if (cell_state(&init->cell) != FRAME_STATE_RUNNING)
		return 0;
	/* A script that has ended has little time left, and must not lose it to the reader. */
	bool waits = echo_is_behind(&init->echo) && !init->cell.run.lingers;
	unsigned events = waits ? 0 : (unsigned)EPOLLIN;
	if (events == init->logs_events)
		return 0;
	init->logs_events = events;
	return watch(init, EPOLL_CTL_MOD, init->cell.run.logs_epoll, events, SCRIPT_LOGS, err);
}

/* Peers */

static void close_connection(struct init *init, struct connection *connection)
{
	bool was_known = connection->known;
	connection_close(connection);
	if (was_known)
		init->owes_hello = false;
	if (was_known && cell_state(&init->cell) == FRAME_STATE_LOADING)
		cell_forget_job(&init->cell);
}

static void say_hello(struct init *init, struct connection *connection)
{
	struct frame frame = {
	    .type = FRAME_HELLO,
	    .from_runner = true,
	    .hello =
		{
		    .version = connection->version,
		    .state = cell_state(&init->cell),
		    .execution_id = str_of(init->cell.job.execution_id),
		    .note = str_of(init->cell.job.note),
		    .runner_version = STR(SKILLBOX_VERSION),
		    .layer_count = FRAME_LAYER_COUNT,
		},
	};
	for (unsigned i = 0; i < FRAME_LAYER_COUNT; i++) {
		const struct layer *layer = &init->layers.of[i];
		frame.hello.layers[i] = (struct frame_layer){
		    str_of(frame_layer_name((enum frame_layer_kind)i)), layer->active, str_of(layer->detail)};
	}
	struct error err = {0};
	if (connection_send(connection, &frame, &err) != 0)
		connection_refuse(connection, "io", err.message);
}

static bool is_parking(const struct init *init)
{
	return park_is_open(&init->cell.park) && !init->cell.park.ready;
}

/* An interpreter that loads modules for it takes its time, and whoever takes the sandbox for ready counts on
 * them. */
static bool is_preloading(const struct init *init)
{
	return init->cell.park.preload[0] && is_parking(init);
}

static struct connection *known_connection(struct init *init)
{
	for (size_t i = 0; i < INIT_CONNECTIONS; i++)
		if (init->connections[i].known)
			return &init->connections[i];
	return NULL;
}

/* The files are there: what waits for them can start now. */
static void take_second_hello(struct init *init, struct connection *connection)
{
	struct park *park = &init->cell.park;
	if (park->after_files) {
		park->after_files = false;
		start_parked(init);
	}
	if (is_parking(init))
		init->owes_hello = true;
	else
		say_hello(init, connection);
}

static void read_park(struct init *init)
{
	cell_read_park(&init->cell);
	struct connection *connection = known_connection(init);
	if (!init->owes_hello || is_parking(init))
		return;
	init->owes_hello = false;
	if (connection)
		say_hello(init, connection);
}

/* A controller that was replaced and does not know it would take the sandbox from the one that works, again
 * and again. Before version 4 it would take FRAME_SUPERSEDED for the end of the run. */
static void send_away(struct connection *connection)
{
	connection_refuse(connection,
			  connection->version >= FRAME_VERSION_GENERATION ? FRAME_SUPERSEDED : "protocol",
			  "a newer controller has this sandbox");
}

/* The first frame of a peer. One that doesn't know the token is sent away without a word. */
static void take_hello(struct init *init, struct connection *connection, const struct frame *frame)
{
	if (frame->type != FRAME_HELLO ||
	    !str_eq_constant_time(frame->hello_request.token, str_of(init->token))) {
		close_connection(init, connection);
		return;
	}
	const struct frame_hello_request *hello = &frame->hello_request;
	connection->version = hello->version < FRAME_VERSION ? hello->version : FRAME_VERSION;
	if (hello->generation < init->generation) {
		send_away(connection);
		return;
	}
	init->generation = hello->generation;
	for (size_t i = 0; i < INIT_CONNECTIONS; i++)
		if (init->connections[i].known)
			close_connection(init, &init->connections[i]);
	connection->known = true;
	if (cell_state(&init->cell) == FRAME_STATE_WAITING && is_preloading(init))
		init->owes_hello = true;
	else
		say_hello(init, connection);
}

static void fail_job(struct init *init, struct connection *connection, const struct error *err)
{
	if (err->code == ERR_PROTOCOL) {
		connection_refuse(connection, "protocol", err->message);
		return;
	}
	connection->discards_job = true;
	cell_fail(&init->cell, job_failed_reason(err->code), err);
}

static void take_frame(struct init *init, struct connection *connection, const struct frame *frame)
{
	struct error err = {0};
	if (!connection->known) {
		take_hello(init, connection, frame);
		return;
	}
	struct cell *cell = &init->cell;
	if (frame->type == FRAME_CANCEL && cell_state(cell) == FRAME_STATE_RUNNING)
		cell_end(cell, FRAME_CANCELLED);
	else if (frame->type == FRAME_CANCEL && cell_state(cell) == FRAME_STATE_FINISHED)
		; /* it came too late */
	else if (connection->discards_job && frame->type != FRAME_JOB)
		; /* was on its way when the job failed */
	else if (frame->type == FRAME_HELLO && job_has_files(&cell->job))
		take_second_hello(init, connection);
	else {
		int r = cell_take(cell, frame, &err);
		if (r < 0)
			fail_job(init, connection, &err);
		else if (r == 1)
			start_run(init);
	}
}

static void read_connection(struct init *init, struct connection *connection)
{
	if (!connection_is_open(connection) || connection->ended || connection->closing)
		return;
	if (connection_read(connection) != 0) {
		close_connection(init, connection);
		return;
	}
	while (connection_is_open(connection) && !connection->closing) {
		struct frame frame;
		struct error err = {0};
		int r = connection_next(connection, &frame, &err);
		if (r == 0)
			break;
		if (r > 0)
			take_frame(init, connection, &frame);
		else if (connection->known)
			fail_job(init, connection, &err);
		else
			close_connection(init, connection);
	}
	/* A peer that says no more may still listen to the result of a job that runs; else there is nothing
	 * to wait for. */
	bool listens = connection->known && cell_state(&init->cell) >= FRAME_STATE_RUNNING;
	if (connection_is_open(connection) && connection->ended && !connection->closing && !listens)
		close_connection(init, connection);
}

/* A free place, or that of the peer that has kept its HELLO back longest. */
static size_t choose_place(const struct init *init)
{
	size_t best = INIT_CONNECTIONS;
	for (size_t i = 0; i < INIT_CONNECTIONS; i++) {
		const struct connection *connection = &init->connections[i];
		if (!connection_is_open(connection))
			return i;
		if (!connection->known &&
		    (best == INIT_CONNECTIONS || connection->number < init->connections[best].number))
			best = i;
	}
	return best; /* there is one: at most one connection is known */
}

static int accept_peers(struct init *init, struct error *err)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = rendezvous_accept(init->listener);
		if (fd < 0 && errno != EACCES)
			return 0; /* EAGAIN, or the peer is gone already */
		if (fd < 0)
			continue;
		size_t index = choose_place(init);
		struct connection *connection = &init->connections[index];
		if (connection_is_open(connection))
			close_connection(init, connection);
		connection_open(connection, fd, ++init->accepted);
		connection->events = EPOLLIN;
		if (watch(init, EPOLL_CTL_ADD, fd, EPOLLIN, CONNECTION + (unsigned)index, err) != 0)
			return -1;
	}
	return 0;
}

static int pump_connections(struct init *init, struct error *err)
{
	for (size_t i = 0; i < INIT_CONNECTIONS; i++) {
		struct connection *connection = &init->connections[i];
		if (!connection_is_open(connection))
			continue;
		if (connection_pump(connection, &init->cell.result, &init->cell.logs) != 0) {
			close_connection(init, connection);
			continue;
		}
		unsigned events = connection_events(connection);
		if (events == connection->events)
			continue;
		connection->events = events;
		if (watch(init, EPOLL_CTL_MOD, connection->fd, events, CONNECTION + (unsigned)i, err) != 0)
			return -1;
	}
	return 0;
}

/* The loop */

/* True: SIGTERM from outside of the sandbox. */
static bool take_signals(struct init *init)
{
	struct signalfd_siginfo info;
	bool terminate = false;
	while (read(init->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGTERM && info.ssi_pid == 0) /* the script's own kill(1) has a pid */
			terminate = true;
	cell_reap(&init->cell);
	return terminate;
}

static int start_watching(struct init *init, struct error *err)
{
	if (watch(init, EPOLL_CTL_ADD, init->listener, EPOLLIN, LISTENER, err) != 0 ||
	    watch(init, EPOLL_CTL_ADD, init->signals, EPOLLIN, SIGNALS, err) != 0)
		return -1;
	/* A stdout that is a plain file can't be watched, and never needs to be waited for. */
	if (watch(init, EPOLL_CTL_ADD, STDOUT_FILENO, EPOLLOUT | EPOLLET, ECHO_WRITABLE, err) != 0 &&
	    errno != EPERM)
		return -1;
	return 0;
}

int loop_start(struct init *init, struct error *err)
{
	if (start_watching(init, err) != 0)
		return -1;
	if (!init->cell.park.after_files)
		start_parked(init);
	return 0;
}

/* False: the end, as loop_turn's 0. */
static bool take_event(struct init *init, unsigned source)
{
	struct cell *cell = &init->cell;
	switch (source) {
	case SIGNALS:
		return !take_signals(init);
	case ECHO_WRITABLE:
		echo_flush(&init->echo);
		return true;
	case SCRIPT_LOGS:
		if (cell->run.logs_epoll >= 0)
			run_read_logs(&cell->run, &init->echo);
		return true;
	case SCRIPT_STATUS:
		cell_read_status(cell);
		return true;
	case PARK_CHANNEL:
		read_park(init);
		return true;
	default:
		read_connection(init, &init->connections[source - CONNECTION]);
		return true;
	}
}

int loop_turn(struct init *init, struct error *err)
{
	int timeout_ms = cell_check_deadline(&init->cell);
	if (watch_logs(init, err) != 0 || pump_connections(init, err) != 0)
		return -1;
	struct epoll_event events[EVENTS_PER_TURN];
	int count = epoll_wait(init->epoll, events, EVENTS_PER_TURN, timeout_ms);
	if (count < 0 && errno != EINTR)
		return error_errno(err, "epoll_wait");
	for (int i = 0; i < count; i++) {
		unsigned source = events[i].data.u32;
		if (source == LISTENER) {
			if (accept_peers(init, err) != 0)
				return -1;
		} else if (!take_event(init, source)) {
			return 0;
		}
	}
	return 1;
}

int loop_run(struct init *init, struct error *err)
{
	if (loop_start(init, err) != 0)
		return -1;
	int r;
	do
		r = loop_turn(init, err);
	while (r == 1);
	return r;
}
