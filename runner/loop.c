#include "lib/base/clock.h"
#include "runner/channel/rendezvous.h"
#include "runner/init.h"
#include "runner/system/descriptor.h"
#include "runner/system/tree.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 16 /* a script that floods the socket doesn't keep the loop from its deadline */

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

/* The job is over, one way or the other. */
static void end_job(struct init *init, const char *failed_reason, const struct error *err)
{
	init->job.state = FRAME_STATE_FINISHED;
	if (failed_reason)
		result_fail(&init->result, failed_reason, err->message);
	else
		init->result.started = init->result.finished = true;
}

static void end_run(struct init *init, enum frame_exit_reason why)
{
	struct error err = {0};
	struct result *result = &init->result;
	const struct job *job = &init->job;
	const char *reason = NULL;
	struct frame_exit exit;
	if (run_end(&init->run, &init->echo, why, &exit, &reason, &err) != 0) {
		end_job(init, reason, &err);
		return;
	}
	if (collect(init->place.fd, job->max_files_bytes, job->max_files_count, &result->collection, &err) !=
	    0) {
		end_job(init, "io", &err);
		return;
	}
	exit.files_skipped = result->collection.skipped;
	exit.files_over_limit = result->collection.over_limit;
	result->exit = exit;
	end_job(init, NULL, NULL);
}

/* ---- a parked interpreter ---- */

/* No execution fails for it: the script starts cold then. So the word goes to the Pod's log. */
static void lose_parked(struct init *init, const struct error *err)
{
	char line[sizeof(err->message) + 64];
	int n = snprintf(line, sizeof(line), "skillbox-runner: parked %s: %s\n", park_name(&init->park),
			 err->message);
	if (n > 0)
		echo_write(&init->echo, (struct str){line, strlen(line)});
	park_close(&init->park);
}

static void read_park(struct init *init)
{
	struct error err = {0};
	const char *reason;
	if (!park_is_open(&init->park) || park_read(&init->park, &err) == 0)
		return;
	run_read_status(&init->run, &reason, &err); /* it may know better why */
	lose_parked(init, &err);
}

static int spawn_parked(struct init *init, struct error *err)
{
	const char *name = park_name(&init->park);
	cleanup_fd int child_fd = -1;
	struct spawn_request request = {
	    .interpreter = interpreters_path(&init->interpreters, str_of(name)),
	    .script = init->park.script,
	    .environment = init->park.environment.entries,
	    .directory_fd = init->place.directory_fd,
	    .lockdown = &init->lockdown,
	};
	if (!request.interpreter)
		return error_set(err, ERR_NOT_FOUND, "the image has none");
	if (park_open(&init->park, &init->place, init->search, &child_fd, err) != 0)
		return -1;
	request.channel_fd = child_fd;
	if (run_park(&init->run, &request, err) != 0 ||
	    watch(init, EPOLL_CTL_ADD, init->run.logs_epoll, EPOLLIN, SCRIPT_LOGS, err) != 0)
		return -1;
	return watch(init, EPOLL_CTL_ADD, init->park.channel_fd, EPOLLIN, PARK_CHANNEL, err);
}

static void start_parked(struct init *init)
{
	struct error err = {0};
	if (park_name(&init->park) && spawn_parked(init, &err) != 0)
		lose_parked(init, &err);
}

/* ---- the script's start ---- */

static bool begin_parked(struct init *init)
{
	struct error err = {0};
	if (!park_fits(&init->park, &init->job))
		return false;
	if (run_start_parked(&init->run, &init->park, &init->job, &init->echo, &err) == 0)
		return true;
	lose_parked(init, &err);
	return false;
}

static int begin_cold(struct init *init, struct error *err)
{
	const struct job *job = &init->job;
	const struct spawn_request request = {
	    .interpreter = job->interpreter,
	    .script = job->script,
	    .environment = job->environment.entries,
	    .directory_fd = init->place.directory_fd,
	    .lockdown = &init->lockdown,
	};
	park_close(&init->park);
	if (init->run.child.pid > 0 && run_unpark(&init->run, &init->echo, err) != 0)
		return -1;
	if (run_start(&init->run, &request, job->timeout_ms, job->max_logs, err) != 0 ||
	    watch(init, EPOLL_CTL_ADD, init->run.logs_epoll, EPOLLIN, SCRIPT_LOGS, err) != 0)
		return -1;
	return watch(init, EPOLL_CTL_ADD, init->run.child.status_fd, EPOLLIN, SCRIPT_STATUS, err);
}

static void start_run(struct init *init)
{
	struct job *job = &init->job;
	struct error err = {0};
	init->result.load_us = (uint64_t)(clock_monotonic_us(&clock_system) - job->begun_us);
	init->result.max_output = job->max_output;
	init->logs_events = EPOLLIN;
	init->result.started = begin_parked(init);
	if (!init->result.started && begin_cold(init, &err) != 0) {
		if (init->run.child.pid > 0) {
			struct error ignored;
			tree_end(init->run.child.pid, &init->run.status, &init->run.ended, &ignored);
		}
		end_job(init, "io", &err);
		return;
	}
	job->state = FRAME_STATE_RUNNING;
}

/* ---- peers ---- */

static void close_connection(struct init *init, struct connection *connection)
{
	bool was_known = connection->known;
	connection_close(connection);
	if (!was_known || init->job.state != FRAME_STATE_LOADING)
		return;
	struct error err = {0};
	if (job_discard(&init->job, &err) != 0) /* then this sandbox is of no use for another */
		end_job(init, "io", &err);
}

static void say_hello(struct init *init, struct connection *connection)
{
	struct frame frame = {
	    .type = FRAME_HELLO,
	    .from_runner = true,
	    .hello =
		{
		    .version = FRAME_VERSION,
		    .state = init->job.state,
		    .execution_id = str_of(init->job.execution_id),
		    .note = str_of(init->job.note),
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

/* The first frame of a peer. One that doesn't know the token is sent away without a word. */
static void take_hello(struct init *init, struct connection *connection, const struct frame *frame)
{
	if (frame->type != FRAME_HELLO ||
	    !str_eq_constant_time(frame->hello_request.token, str_of(init->token))) {
		close_connection(init, connection);
		return;
	}
	for (size_t i = 0; i < INIT_CONNECTIONS; i++)
		if (init->connections[i].known)
			close_connection(init, &init->connections[i]);
	connection->known = true;
	say_hello(init, connection);
}

static void fail_job(struct init *init, struct connection *connection, const struct error *err)
{
	if (err->code == ERR_PROTOCOL) {
		connection_refuse(connection, "protocol", err->message);
		return;
	}
	connection->discards_job = true;
	end_job(init, job_failed_reason(err->code), err);
}

static void take_frame(struct init *init, struct connection *connection, const struct frame *frame)
{
	struct error err = {0};
	if (!connection->known) {
		take_hello(init, connection, frame);
		return;
	}
	if (frame->type == FRAME_CANCEL && init->job.state == FRAME_STATE_RUNNING)
		end_run(init, FRAME_CANCELLED);
	else if (frame->type == FRAME_CANCEL && init->job.state == FRAME_STATE_FINISHED)
		; /* it came too late */
	else if (connection->discards_job && frame->type != FRAME_JOB)
		; /* was on its way when the job failed */
	else if (frame->type == FRAME_HELLO && job_has_files(&init->job))
		say_hello(init, connection);
	else {
		const struct job_context context = {&init->interpreters, init->search};
		int r = job_take(&init->job, &context, frame, &err);
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
	bool listens = connection->known && init->job.state >= FRAME_STATE_RUNNING;
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
		if (connection_pump(connection, &init->result, &init->run.logs) != 0) {
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

/* ---- the script ---- */

/* True: SIGTERM from outside of the sandbox. */
static bool take_signals(struct init *init)
{
	struct signalfd_siginfo info;
	bool terminate = false;
	while (read(init->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo == SIGTERM && info.ssi_pid == 0) /* the script's own kill(1) has a pid */
			terminate = true;
	struct run *run = &init->run;
	bool was_running = init->job.state == FRAME_STATE_RUNNING;
	tree_reap(run->child.pid, &run->status, &run->ended);
	if (was_running && run->ended)
		end_run(init, FRAME_EXITED);
	return terminate;
}

static void take_status(struct init *init)
{
	struct error err = {0};
	const char *reason;
	if (init->job.state != FRAME_STATE_RUNNING)
		return;
	int r = run_read_status(&init->run, &reason, &err);
	if (r > 0)
		init->result.started = true;
	if (r >= 0)
		return;
	struct error ignored; /* the child has nothing left to do but end */
	tree_end(init->run.child.pid, &init->run.status, &init->run.ended, &ignored);
	end_job(init, reason, &err);
}

/* Watch the script's pipes unless the reader of the container's log is behind. */
static int watch_logs(struct init *init, struct error *err)
{
	if (init->job.state != FRAME_STATE_RUNNING)
		return 0;
	unsigned events = echo_is_behind(&init->echo) ? 0 : (unsigned)EPOLLIN;
	if (events == init->logs_events)
		return 0;
	init->logs_events = events;
	return watch(init, EPOLL_CTL_MOD, init->run.logs_epoll, events, SCRIPT_LOGS, err);
}

/* Milliseconds until the deadline, rounded up; -1: there is none. Ends the run if it has passed. */
static int check_deadline(struct init *init)
{
	if (init->job.state != FRAME_STATE_RUNNING)
		return -1;
	int64_t left_us = init->run.deadline_us - clock_monotonic_us(&clock_system);
	if (left_us <= 0) {
		/* It may have ended by itself just now. */
		struct run *run = &init->run;
		tree_reap(run->child.pid, &run->status, &run->ended);
		end_run(init, run->ended ? FRAME_EXITED : FRAME_TIMED_OUT);
		return -1;
	}
	int64_t left_ms = (left_us + 999) / 1000;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
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

int loop_run(struct init *init, struct error *err)
{
	if (start_watching(init, err) != 0)
		return -1;
	start_parked(init);
	for (;;) {
		int timeout_ms = check_deadline(init);
		if (watch_logs(init, err) != 0 || pump_connections(init, err) != 0)
			return -1;
		struct epoll_event events[16];
		int count = epoll_wait(init->epoll, events, 16, timeout_ms);
		if (count < 0 && errno != EINTR)
			return error_errno(err, "epoll_wait");
		for (int i = 0; i < count; i++) {
			unsigned source = events[i].data.u32;
			if (source == LISTENER && accept_peers(init, err) != 0)
				return -1;
			if (source == SIGNALS && take_signals(init))
				return 0;
			if (source == ECHO_WRITABLE)
				echo_flush(&init->echo);
			if (source == SCRIPT_LOGS && init->run.logs_epoll >= 0)
				run_read_logs(&init->run, &init->echo);
			if (source == SCRIPT_STATUS)
				take_status(init);
			if (source == PARK_CHANNEL)
				read_park(init);
			if (source >= CONNECTION)
				read_connection(init, &init->connections[source - CONNECTION]);
		}
	}
}
