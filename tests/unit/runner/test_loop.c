/* PID 1's loop: peers that come, go and come back, and what they hear of the one job. The script is the
 * test's own, in place of run.c and tree.c; the peers are ends of socket pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "runner/channel/rendezvous.h"
#include "runner/init.h"
#include "runner/system/descriptor.h"
#include "runner/system/tree.h"
#include "tests/unit/runner/directory.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#define TOKEN "the token of this Pod"
#define SCRIPT_PID 4711
#define TURNS 200 /* of the loop, before a test gives up */

/* The script */

static struct {
	unsigned starts, ends, kills;
	bool refuses_to_start;
	bool hesitates;     /* its child has not come to exec yet: status_writer is open */
	bool has_exited;    /* the next tree_reap finds it */
	bool leaves_others; /* then, alive */
	bool fails_to_end;
	int status;                 /* of run_read_status */
	int status_writer;          /* the other end of child.status_fd */
	enum frame_exit_reason why; /* of the last run_end */
	unsigned log_reads;
} script;

void run_init(struct run *run, struct logs *logs)
{
	*run = (struct run){.logs = logs, .logs_epoll = -1, .oom_fd = -1};
	run->child = (struct spawned){.stdout_fd = -1, .stderr_fd = -1, .status_fd = -1};
}

void run_free(struct run *run)
{
	descriptor_close(&run->child.status_fd);
	descriptor_close(&run->logs_epoll);
}

int run_start(struct run *run, const struct spawn_request *request, uint32_t timeout_ms, uint32_t max_logs,
	      struct error *err)
{
	script.starts++;
	assert_string_equal(request->interpreter, "/usr/bin/python");
	if (script.refuses_to_start)
		return error_set(err, ERR_IO, "fork: no more processes");
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	script.status_writer = fds[1];
	if (!script.hesitates)
		descriptor_close(&script.status_writer);
	run->child.pid = SCRIPT_PID;
	run->child.status_fd = fds[0];
	run->logs_epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(logs_init(run->logs, max_logs, err), 0);
	logs_append(run->logs, STR("a line of the log\n"), false);
	run->deadline_us = clock_monotonic_us(&clock_system) + (int64_t)timeout_ms * 1000;
	return 0;
}

int run_end(struct run *run, struct echo *echo, enum frame_exit_reason why, struct frame_exit *ret,
	    const char **ret_reason, struct error *err)
{
	(void)echo;
	script.ends++;
	script.why = why;
	*ret_reason = "io";
	run_free(run);
	if (script.fails_to_end)
		return error_set(err, ERR_INTERNAL, "processes of the script can't be ended");
	*ret =
	    (struct frame_exit){.reason = why, .exit_code = 3, .run_us = 5, .logs_total = run->logs->total};
	return 0;
}

void run_linger(struct run *run)
{
	run->lingers = true;
}

int64_t run_deadline_us(const struct run *run)
{
	return run->deadline_us;
}

int run_read_status(struct run *run, const char **ret_reason, struct error *err)
{
	descriptor_close(&run->child.status_fd);
	*ret_reason = "lockdown_failed";
	return script.status < 0 ? error_set(err, ERR_INTERNAL, "apply Landlock: refused") : script.status;
}

void run_read_logs(struct run *run, struct echo *echo)
{
	(void)run;
	(void)echo;
	script.log_reads++;
}

int run_park(struct run *run, const struct spawn_request *request, struct error *err)
{
	(void)run;
	(void)request;
	return error_set(err, ERR_INTERNAL, "nothing is parked here");
}

int run_unpark(struct run *run, struct echo *echo, struct error *err)
{
	(void)run;
	(void)echo;
	return error_set(err, ERR_INTERNAL, "nothing is parked here");
}

int run_start_parked(struct run *run, struct park *park, const struct job *job, struct echo *echo,
		     struct error *err)
{
	(void)park;
	(void)job;
	return run_unpark(run, echo, err);
}

bool tree_reap(pid_t watched, int *ret_status, bool *ret_ended)
{
	if (script.has_exited && watched == SCRIPT_PID) {
		*ret_status = 3 << 8;
		*ret_ended = true;
	}
	return script.leaves_others || !script.has_exited;
}

int tree_end(pid_t watched, int *ret_status, bool *ret_ended, struct error *err)
{
	(void)ret_status;
	(void)ret_ended;
	(void)err;
	assert_int_equal(watched, SCRIPT_PID);
	script.kills++;
	return 0;
}

/* The sandbox */

static struct init init;
static struct directory directory;
static int knock; /* a byte here is somebody at the listener: 'c' comes in, 's' is sent away */
static int signals;
static int arrived[32], arrived_count;

int rendezvous_accept(int listener)
{
	char byte;
	if (read(listener, &byte, 1) != 1)
		return -1; /* EAGAIN */
	if (byte == 's') {
		errno = EACCES;
		return -1;
	}
	assert_true(arrived_count > 0);
	int fd = arrived[0];
	memmove(arrived, arrived + 1, (size_t)--arrived_count * sizeof(arrived[0]));
	return fd;
}

static void send_signal(uint32_t number, uint32_t pid)
{
	struct signalfd_siginfo info = {.ssi_signo = number, .ssi_pid = pid};
	assert_int_equal(write(signals, &info, sizeof(info)), sizeof(info));
}

/* One turn that waits for nothing: there is always a SIGCHLD. */
static void turn(void)
{
	struct error err = {0};
	send_signal(SIGCHLD, SCRIPT_PID);
	if (loop_turn(&init, &err) != 1)
		fail_msg("the loop ended: %s", err.message);
}

static void turns(unsigned count)
{
	while (count-- > 0)
		turn();
}

static int set_up(void **state)
{
	(void)state;
	int fds[2];
	struct error err = {0};
	memset(&script, 0, sizeof(script));
	script.status_writer = -1;
	script.status = 1;
	memset(&init, 0, sizeof(init));
	arrived_count = 0;
	snprintf(init.token, sizeof(init.token), "%s", TOKEN);
	snprintf(init.interpreters.path[0], sizeof(init.interpreters.path[0]), "/usr/bin/python");
	snprintf(init.layers.of[0].detail, sizeof(init.layers.of[0].detail), "as the test says");
	init.layers.of[0].active = true;
	cell_init(&init.cell,
		  &(struct cell_services){&init.interpreters, &init.lockdown, init.search, &init.echo});
	if (directory_make(&directory) != 0 || mkdirat(directory.fd, "scripts", 0755) != 0 ||
	    mkdirat(directory.fd, "packages", 0755) != 0 || mkdirat(directory.fd, "out", 0755) != 0 ||
	    mkdirat(directory.fd, "out/files", 0755) != 0)
		return -1;
	init.cell.place.fd = dup(directory.fd);
	init.cell.place.scripts_fd = openat(directory.fd, "scripts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	init.cell.place.packages_fd = openat(directory.fd, "packages", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	echo_init(&init.echo, -1);
	for (size_t i = 0; i < INIT_CONNECTIONS; i++)
		connection_init(&init.connections[i]);
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	init.listener = fds[0];
	knock = fds[1];
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	init.signals = fds[0];
	signals = fds[1];
	init.epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop_start(&init, &err);
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < INIT_CONNECTIONS; i++)
		connection_close(&init.connections[i]);
	cell_clear(&init.cell);
	echo_free(&init.echo);
	descriptor_close(&script.status_writer);
	int fds[] = {init.epoll, init.listener, init.signals, knock, signals};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
	return directory_remove(&directory);
}

/* Peers */

struct peer {
	int fd;
	struct buffer in;
	size_t used; /* of `in`, by the frame that was given last */
	struct frame frame;
};

static void come(struct peer *peer)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	*peer = (struct peer){.fd = fds[0], .in = BUFFER(8 << 20)};
	arrived[arrived_count++] = fds[1];
	assert_int_equal(write(knock, "c", 1), 1);
	turn();
}

static void leave(struct peer *peer)
{
	close(peer->fd);
	buffer_free(&peer->in);
	turns(2);
}

static void say(struct peer *peer, struct frame frame)
{
	cleanup_buffer struct buffer bytes = BUFFER(1 << 20);
	struct error err = {0};
	if (frame_encode(&frame, &bytes, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(send(peer->fd, bytes.data, bytes.len, MSG_NOSIGNAL), bytes.len);
}

static void say_token(struct peer *peer, const char *token)
{
	say(peer, (struct frame){.type = FRAME_HELLO, .hello_request = {FRAME_VERSION, str_of(token), 1}});
}

/* The next frame; NULL if the runner has closed the connection. */
static const struct frame *hear(struct peer *peer)
{
	struct error err = {0};
	buffer_consume(&peer->in, peer->used);
	peer->used = 0;
	for (unsigned i = 0; i < TURNS; i++) {
		int r = peer->in.len == 0
			    ? 0
			    : frame_decode(buffer_str(&peer->in), true, &peer->frame, &peer->used, &err);
		if (r < 0)
			fail_msg("%s", err.message);
		if (r == 1)
			return &peer->frame;
		char *at = buffer_reserve(&peer->in, 1 << 16);
		assert_non_null(at);
		ssize_t n = recv(peer->fd, at, 1 << 16, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			assert_int_equal(peer->in.len, 0);
			return NULL;
		}
		if (n > 0)
			peer->in.len += (size_t)n;
		else
			turn();
	}
	fail_msg("no frame within %u turns", TURNS);
	return NULL;
}

static const struct frame *expect(struct peer *peer, enum frame_type type)
{
	const struct frame *frame = hear(peer);
	if (!frame || frame->type != type)
		fail_msg("%s, not %s", frame ? frame_type_name(frame->type) : "the end",
			 frame_type_name(type));
	return frame;
}

static void expect_end(struct peer *peer)
{
	const struct frame *frame = hear(peer);
	if (frame)
		fail_msg("%s after the end", frame_type_name(frame->type));
	leave(peer);
}

/* That nothing is said: all that there is has been written after two turns. */
static void expect_silence(struct peer *peer)
{
	char byte;
	assert_int_equal(peer->in.len, peer->used);
	turns(2);
	assert_int_equal(recv(peer->fd, &byte, 1, MSG_PEEK), -1);
	assert_int_equal(errno, EAGAIN);
}

static void expect_failed(struct peer *peer, const char *reason, const char *words)
{
	const struct frame *frame = expect(peer, FRAME_FAILED);
	cleanup_free char *message = str_dup(frame->failed.message);
	if (!str_eq(frame->failed.reason, str_of(reason)) || !strstr(message, words))
		fail_msg("%.*s: %s", (int)frame->failed.reason.n, frame->failed.reason.p, message);
}

static void connect_known(struct peer *peer, enum frame_state want, const char *execution_id)
{
	come(peer);
	say_token(peer, TOKEN);
	const struct frame *hello = expect(peer, FRAME_HELLO);
	assert_int_equal(hello->hello.state, want);
	assert_true(str_eq(hello->hello.execution_id, str_of(execution_id)));
}

static void say_job(struct peer *peer, const char *interpreter)
{
	say(peer, (struct frame){.type = FRAME_JOB,
				 .job = {.execution_id = STR("e-1"),
					 .note = STR("a note"),
					 .interpreter = str_of(interpreter),
					 .script = STR("main.py"),
					 .timeout_ms = 60000,
					 .max_output = 100,
					 .max_logs = 1000,
					 .max_files_bytes = 1 << 20,
					 .max_files_count = 10}});
}

static void say_file(struct peer *peer)
{
	say(peer, (struct frame){.type = FRAME_FILE, .file = {STR("main.py"), 0644, 4}});
	say(peer, (struct frame){.type = FRAME_DATA, .data = STR("pass")});
}

static void say_rest(struct peer *peer)
{
	say_file(peer);
	say(peer, (struct frame){.type = FRAME_INPUT, .input = {2}});
	say(peer, (struct frame){.type = FRAME_DATA, .data = STR("{}")});
	say(peer, (struct frame){.type = FRAME_START, .start = {1, 6}});
}

static void run_job(struct peer *peer)
{
	connect_known(peer, FRAME_STATE_WAITING, "");
	say_job(peer, "python");
	say_rest(peer);
	expect(peer, FRAME_STARTED);
	assert_int_equal(script.starts, 1);
	assert_int_equal(cell_state(&init.cell), FRAME_STATE_RUNNING);
}

static void exit_script(void)
{
	script.has_exited = true;
	turn();
}

/* EXIT and what follows, of a script that left output.json ("{}") or nothing. */
static void expect_result(struct peer *peer, enum frame_exit_reason why, bool has_output)
{
	const struct frame *frame = expect(peer, FRAME_EXIT);
	assert_int_equal(frame->exit.reason, why);
	assert_int_equal(frame->exit.exit_code, 3);
	frame = expect(peer, FRAME_OBJECT);
	assert_int_equal(frame->object.kind, FRAME_LOGS_HEAD);
	assert_true(str_eq(expect(peer, FRAME_DATA)->data, STR("a line of the log\n")));
	if (has_output) {
		assert_int_equal(expect(peer, FRAME_OBJECT)->object.kind, FRAME_OUTPUT);
		assert_true(str_eq(expect(peer, FRAME_DATA)->data, STR("{}")));
	}
	frame = expect(peer, FRAME_END);
	assert_int_equal(frame->end.object_count, has_output ? 2 : 1);
}

static unsigned count_scripts(void)
{
	DIR *dir = fdopendir(openat(directory.fd, "scripts", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	unsigned entries = 0;
	while (readdir(dir))
		entries++;
	closedir(dir);
	return entries - 2;
}

/* The way that works */

static void test_a_job(void **state)
{
	(void)state;
	struct peer peer;
	come(&peer);
	say_token(&peer, TOKEN);
	const struct frame *hello = expect(&peer, FRAME_HELLO);
	assert_int_equal(hello->hello.version, FRAME_VERSION);
	assert_int_equal(hello->hello.state, FRAME_STATE_WAITING);
	assert_int_equal(hello->hello.layer_count, FRAME_LAYER_COUNT);
	assert_true(hello->hello.layers[0].active);
	assert_true(str_eq(hello->hello.layers[0].detail, STR("as the test says")));
	assert_false(hello->hello.layers[1].active);
	say_job(&peer, "python");
	turns(2);
	assert_int_equal(cell_state(&init.cell), FRAME_STATE_LOADING);
	assert_int_equal(script.starts, 0);
	say_rest(&peer);
	expect(&peer, FRAME_STARTED);
	expect_silence(&peer); /* nothing of the result while it runs */
	assert_int_equal(directory_write(directory.fd, "out/output.json", "{}", 2), 0);
	exit_script();
	expect_result(&peer, FRAME_EXITED, true);
	assert_int_equal(script.ends, 1);
	expect_silence(&peer); /* and the connection stays */
	leave(&peer);
}

static void test_start_is_told_when_the_interpreter_runs(void **state)
{
	(void)state;
	struct peer peer;
	script.hesitates = true;
	connect_known(&peer, FRAME_STATE_WAITING, "");
	say_job(&peer, "python");
	say_rest(&peer);
	turns(2);
	expect_silence(&peer);
	descriptor_close(&script.status_writer);
	expect(&peer, FRAME_STARTED);
	leave(&peer);
}

/* Cancel and timeout */

static void test_cancel(void **state)
{
	(void)state;
	struct peer peer;
	run_job(&peer);
	say(&peer, (struct frame){.type = FRAME_CANCEL});
	expect_result(&peer, FRAME_CANCELLED, false);
	assert_int_equal(script.why, FRAME_CANCELLED);
	say(&peer, (struct frame){.type = FRAME_CANCEL}); /* once more is no error */
	expect_silence(&peer);
	assert_int_equal(script.ends, 1);
	leave(&peer);
}

static void test_cancel_of_what_does_not_run(void **state)
{
	(void)state;
	struct peer peer;
	connect_known(&peer, FRAME_STATE_WAITING, "");
	say_job(&peer, "python");
	say_file(&peer);
	say(&peer, (struct frame){.type = FRAME_CANCEL});
	expect_failed(&peer, "protocol", "CANCEL in the middle of a job");
	expect_end(&peer);
	assert_int_equal(script.ends, 0);
	connect_known(&peer, FRAME_STATE_WAITING, "");
	assert_int_equal(count_scripts(), 0);
	leave(&peer);
}

static void test_timeout(void **state)
{
	(void)state;
	struct peer peer;
	run_job(&peer);
	assert_true(init.cell.run.deadline_us > clock_monotonic_us(&clock_system) + 50000000);
	init.cell.run.deadline_us = 0;
	expect_result(&peer, FRAME_TIMED_OUT, false);
	assert_int_equal(script.ends, 1);
	leave(&peer);
}

static void interrupt_wait(int number)
{
	(void)number;
}

/* The loop itself waits no longer than until the deadline, without any event. (The alarm is for a loop that
 * does, and for a machine so slow that the deadline is over before the wait begins.) */
static void test_timeout_wakes_the_loop(void **state)
{
	(void)state;
	struct peer peer;
	struct error err = {0};
	const struct sigaction action = {.sa_handler = interrupt_wait};
	run_job(&peer);
	turns(2);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	alarm(20);
	init.cell.run.deadline_us = clock_monotonic_us(&clock_system) + 20000;
	assert_int_equal(loop_turn(&init, &err), 1);
	assert_true(alarm(0) > 0 || script.ends == 1);
	turn();
	assert_int_equal(script.ends, 1);
	assert_int_equal(script.why, FRAME_TIMED_OUT);
	leave(&peer);
}

static void test_exit_at_the_deadline_is_an_exit(void **state)
{
	(void)state;
	struct peer peer;
	run_job(&peer);
	script.has_exited = true;
	init.cell.run.deadline_us = 0;
	expect_result(&peer, FRAME_EXITED, false);
	assert_int_equal(script.ends, 1);
	leave(&peer);
}

/* Connections that are lost */

static void test_lost_while_loading_is_forgotten(void **state)
{
	(void)state;
	struct peer peer;
	connect_known(&peer, FRAME_STATE_WAITING, "");
	say_job(&peer, "python");
	say_file(&peer);
	turns(2);
	assert_int_equal(count_scripts(), 1);
	leave(&peer);
	assert_int_equal(cell_state(&init.cell), FRAME_STATE_WAITING);
	assert_int_equal(count_scripts(), 0);
	run_job(&peer);
	leave(&peer);
}

static void test_lost_while_running(void **state)
{
	(void)state;
	struct peer first, second;
	run_job(&first);
	leave(&first);
	assert_int_equal(cell_state(&init.cell), FRAME_STATE_RUNNING);
	connect_known(&second, FRAME_STATE_RUNNING, "e-1");
	assert_true(str_eq(second.frame.hello.note, STR("a note")));
	expect(&second, FRAME_STARTED);
	expect_silence(&second);
	exit_script();
	expect_result(&second, FRAME_EXITED, false);
	assert_int_equal(script.starts, 1);
	leave(&second);
}

static void test_ends_while_nobody_listens(void **state)
{
	(void)state;
	struct peer peer;
	run_job(&peer);
	leave(&peer);
	exit_script();
	assert_int_equal(cell_state(&init.cell), FRAME_STATE_FINISHED);
	connect_known(&peer, FRAME_STATE_FINISHED, "e-1");
	expect(&peer, FRAME_STARTED);
	expect_result(&peer, FRAME_EXITED, false);
	leave(&peer);
}

static void test_the_result_is_kept(void **state)
{
	(void)state;
	struct peer peer;
	run_job(&peer);
	assert_int_equal(directory_write(directory.fd, "out/output.json", "{}", 2), 0);
	exit_script();
	expect(&peer, FRAME_EXIT); /* lost in the middle of it */
	leave(&peer);
	for (unsigned i = 0; i < 3; i++) {
		connect_known(&peer, FRAME_STATE_FINISHED, "e-1");
		expect(&peer, FRAME_STARTED);
		expect_result(&peer, FRAME_EXITED, true);
		leave(&peer);
	}
	assert_int_equal(script.ends, 1);
}

/* A peer that says no more listens to the result of what runs; without a job there is nothing to wait for. */
static void test_a_peer_that_says_no_more(void **state)
{
	(void)state;
	struct peer peer;
	connect_known(&peer, FRAME_STATE_WAITING, "");
	shutdown(peer.fd, SHUT_WR);
	expect_end(&peer);
	run_job(&peer);
	shutdown(peer.fd, SHUT_WR);
	turns(2);
	exit_script();
	expect_result(&peer, FRAME_EXITED, false);
	leave(&peer);
}

/* More than one peer */

static void test_the_newest_counts(void **state)
{
	(void)state;
	struct peer first, second;
	run_job(&first);
	connect_known(&second, FRAME_STATE_RUNNING, "e-1");
	expect_end(&first);
	expect(&second, FRAME_STARTED);
	exit_script();
	expect_result(&second, FRAME_EXITED, false);
	leave(&second);
}

static void test_strangers_get_no_word(void **state)
{
	(void)state;
	static const char *const tokens[] = {"the token of this PoD", "x", "the token of this Pod and more"};
	struct peer known, stranger;
	connect_known(&known, FRAME_STATE_WAITING, "");
	say_job(&known, "python");
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		come(&stranger);
		say_token(&stranger, tokens[i]);
		expect_end(&stranger);
	}
	come(&stranger);
	say_job(&stranger, "python"); /* before any HELLO */
	expect_end(&stranger);
	come(&stranger);
	assert_int_equal(send(stranger.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
	expect_end(&stranger);
	say_rest(&known); /* and the job of the one that counts goes on */
	expect(&known, FRAME_STARTED);
	leave(&known);
}

static void test_silent_strangers_give_way(void **state)
{
	(void)state;
	struct peer known, silent[INIT_CONNECTIONS];
	connect_known(&known, FRAME_STATE_WAITING, "");
	for (size_t i = 0; i < INIT_CONNECTIONS; i++)
		come(&silent[i]);
	expect_end(&silent[0]); /* the oldest of them, and not the one that counts */
	for (size_t i = 1; i < INIT_CONNECTIONS; i++)
		expect_silence(&silent[i]);
	say_job(&known, "python");
	say_rest(&known);
	expect(&known, FRAME_STARTED);
	for (size_t i = 1; i < INIT_CONNECTIONS; i++)
		leave(&silent[i]);
	leave(&known);
}

static void test_who_is_sent_away_hides_nobody(void **state)
{
	(void)state;
	struct peer peer;
	for (unsigned i = 0; i < 40; i++) /* more than one turn takes */
		assert_int_equal(write(knock, "s", 1), 1);
	connect_known(&peer, FRAME_STATE_WAITING, "");
	leave(&peer);
}

/* Jobs that can't be run */

static void test_bad_job(void **state)
{
	(void)state;
	struct peer peer, late;
	connect_known(&peer, FRAME_STATE_WAITING, "");
	say_job(&peer, "ruby");
	say_rest(&peer); /* on its way already */
	expect_failed(&peer, "no_interpreter", "the image has no ruby");
	expect_silence(&peer);
	assert_int_equal(script.starts, 0);
	connect_known(&late, FRAME_STATE_FINISHED, "e-1");
	expect_failed(&late, "no_interpreter", "the image has no ruby");
	expect_end(&peer);
	leave(&late);
}

static void test_a_script_that_does_not_start(void **state)
{
	(void)state;
	struct peer peer;
	script.refuses_to_start = true;
	connect_known(&peer, FRAME_STATE_WAITING, "");
	say_job(&peer, "python");
	say_rest(&peer);
	expect_failed(&peer, "io", "fork: no more processes");
	assert_int_equal(cell_state(&init.cell), FRAME_STATE_FINISHED);
	assert_int_equal(script.kills, 0); /* there is nobody */
	leave(&peer);
}

static void test_a_child_that_gives_up(void **state)
{
	(void)state;
	struct peer peer;
	script.hesitates = true;
	connect_known(&peer, FRAME_STATE_WAITING, "");
	say_job(&peer, "python");
	say_rest(&peer);
	turns(2);
	script.status = -1;
	descriptor_close(&script.status_writer);
	expect_failed(&peer, "lockdown_failed", "apply Landlock: refused");
	assert_int_equal(script.kills, 1);
	exit_script(); /* its end is not one of a run any more */
	assert_int_equal(script.ends, 0);
	expect_silence(&peer);
	leave(&peer);
}

static void test_a_tree_that_does_not_end(void **state)
{
	(void)state;
	struct peer peer;
	run_job(&peer);
	script.fails_to_end = true;
	exit_script();
	expect_failed(&peer, "io", "can't be ended");
	leave(&peer);
}

static void test_second_job(void **state)
{
	(void)state;
	struct peer peer;
	run_job(&peer);
	say_job(&peer, "python");
	expect_failed(&peer, "protocol", "has a job already");
	expect_end(&peer);
	assert_int_equal(cell_state(&init.cell), FRAME_STATE_RUNNING); /* the first one goes on */
	exit_script();
	connect_known(&peer, FRAME_STATE_FINISHED, "e-1");
	expect(&peer, FRAME_STARTED);
	expect_result(&peer, FRAME_EXITED, false);
	leave(&peer);
}

static void test_files_ahead_are_confirmed(void **state)
{
	(void)state;
	struct peer peer;
	connect_known(&peer, FRAME_STATE_WAITING, "");
	say_file(&peer);
	say_token(&peer, TOKEN);
	assert_int_equal(expect(&peer, FRAME_HELLO)->hello.state, FRAME_STATE_LOADING);
	say_job(&peer, "python");
	say_token(&peer, TOKEN); /* too late */
	expect_failed(&peer, "protocol", "HELLO in the middle of a job");
	expect_end(&peer);
	connect_known(&peer, FRAME_STATE_WAITING, "");
	leave(&peer);
}

/* Signals, and the container's log */

static void test_sigterm_from_outside_ends_the_loop(void **state)
{
	(void)state;
	struct error err = {0};
	send_signal(SIGTERM, 17); /* the script's own */
	assert_int_equal(loop_turn(&init, &err), 1);
	send_signal(SIGTERM, 0);
	assert_int_equal(loop_turn(&init, &err), 0);
}

static void test_pipes_wait_for_the_reader_of_the_log(void **state)
{
	(void)state;
	struct peer peer;
	int fds[2];
	static char piece[ECHO_PAUSE + (1 << 20)];
	run_job(&peer);
	turn();
	assert_int_equal(init.logs_events, EPOLLIN);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	init.echo.fd = fds[1];
	echo_write(&init.echo, (struct str){piece, sizeof(piece)});
	assert_true(echo_is_behind(&init.echo));
	turn();
	assert_int_equal(init.logs_events, 0);
	while (echo_is_behind(&init.echo)) {
		char bytes[65536];
		assert_true(read(fds[0], bytes, sizeof(bytes)) > 0);
		echo_flush(&init.echo);
	}
	turn();
	assert_int_equal(init.logs_events, EPOLLIN);
	leave(&peer);
	close(fds[0]);
	close(fds[1]);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_job),
	    TEST(test_start_is_told_when_the_interpreter_runs),
	    TEST(test_cancel),
	    TEST(test_cancel_of_what_does_not_run),
	    TEST(test_timeout),
	    TEST(test_timeout_wakes_the_loop),
	    TEST(test_exit_at_the_deadline_is_an_exit),
	    TEST(test_lost_while_loading_is_forgotten),
	    TEST(test_lost_while_running),
	    TEST(test_ends_while_nobody_listens),
	    TEST(test_the_result_is_kept),
	    TEST(test_a_peer_that_says_no_more),
	    TEST(test_the_newest_counts),
	    TEST(test_strangers_get_no_word),
	    TEST(test_silent_strangers_give_way),
	    TEST(test_who_is_sent_away_hides_nobody),
	    TEST(test_bad_job),
	    TEST(test_a_script_that_does_not_start),
	    TEST(test_a_child_that_gives_up),
	    TEST(test_a_tree_that_does_not_end),
	    TEST(test_second_job),
	    TEST(test_files_ahead_are_confirmed),
	    TEST(test_sigterm_from_outside_ends_the_loop),
	    TEST(test_pipes_wait_for_the_reader_of_the_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
