#include "runner/cell/run.h"

#include "lib/base/clock.h"
#include "runner/system/descriptor.h"
#include "runner/system/oom.h"
#include "runner/system/tree.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE (64u << 10)

void run_init(struct run *run, struct logs *logs)
{
	*run = (struct run){
	    .logs = logs,
	    .child = {.stdout_fd = -1, .stderr_fd = -1, .status_fd = -1},
	    .logs_epoll = -1,
	    .oom_fd = oom_open(),
	};
}

static void close_pipes(struct run *run)
{
	descriptor_close(&run->child.stdout_fd);
	descriptor_close(&run->child.stderr_fd);
	descriptor_close(&run->child.status_fd);
	descriptor_close(&run->logs_epoll);
}

void run_free(struct run *run)
{
	close_pipes(run);
	descriptor_close(&run->oom_fd);
}

static int watch_pipe(struct run *run, int *fd, struct error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};
	return epoll_ctl(run->logs_epoll, EPOLL_CTL_ADD, *fd, &event) == 0 ? 0
									   : error_errno(err, "watch a pipe");
}

static int start_child(struct run *run, const struct spawn_request *request, struct error *err)
{
	run->logs_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run->logs_epoll < 0)
		return error_errno(err, "epoll_create");
	if (spawn_start(request, &run->child, err) != 0)
		return -1;
	if (watch_pipe(run, &run->child.stdout_fd, err) != 0)
		return -1;
	return watch_pipe(run, &run->child.stderr_fd, err);
}

/* From here on the job's time counts, and what the child writes is its log. */
static int begin(struct run *run, uint32_t timeout_ms, uint32_t max_logs, struct error *err)
{
	logs_free(run->logs);
	if (logs_init(run->logs, max_logs, err) != 0)
		return -1;
	run->oom_before = oom_kills(run->oom_fd);
	run->start_us = clock_monotonic_us(&clock_system);
	run->deadline_us = run->start_us + (int64_t)timeout_ms * 1000;
	run->begun = true;
	return 0;
}

int run_park(struct run *run, const struct spawn_request *request, struct error *err)
{
	return start_child(run, request, err);
}

int run_start(struct run *run, const struct spawn_request *request, uint32_t timeout_ms, uint32_t max_logs,
	      struct error *err)
{
	if (begin(run, timeout_ms, max_logs, err) != 0)
		return -1;
	return start_child(run, request, err);
}

/* One piece; false if the pipe is at its end (and now closed) or has nothing. */
static bool read_pipe(struct run *run, int *fd, struct echo *echo)
{
	char piece[PIECE];
	ssize_t n;
	do
		n = read(*fd, piece, sizeof(piece));
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		descriptor_close(fd); /* this takes it out of the epoll set too */
		return false;
	}
	struct str bytes = {piece, (size_t)n};
	if (run->begun)
		logs_append(run->logs, bytes, fd == &run->child.stderr_fd);
	if (run->lingers)
		run->heard_us = clock_monotonic_us(&clock_system);
	echo_write(echo, bytes);
	return true;
}

void run_read_logs(struct run *run, struct echo *echo)
{
	struct epoll_event events[2];
	int n = epoll_wait(run->logs_epoll, events, 2, 0);
	for (int i = 0; i < n; i++)
		read_pipe(run, events[i].data.ptr, echo);
}

/* Everybody who could write is dead, so this comes to an end. Order of arrival first, then whatever is left.
 */
static void drain_logs(struct run *run, struct echo *echo)
{
	run_read_logs(run, echo);
	int *fds[] = {&run->child.stdout_fd, &run->child.stderr_fd};
	for (size_t i = 0; i < 2; i++)
		while (*fds[i] >= 0 && read_pipe(run, fds[i], echo))
			;
}

int run_read_status(struct run *run, const char **ret_reason, struct error *err)
{
	if (run->child.status_fd < 0)
		return 1;
	int r = spawn_read_status(run->child.status_fd, ret_reason, err);
	if (r == 0)
		return 0;
	descriptor_close(&run->child.status_fd);
	run->executed = r == 1;
	return r;
}

int run_start_parked(struct run *run, struct park *park, const struct job *job, struct echo *echo,
		     struct error *err)
{
	const char *reason;
	if (run->ended)
		return error_set(err, ERR_UNAVAILABLE, "it has ended");
	if (park_await(park, err) != 0 || run_read_status(run, &reason, err) < 0)
		return -1;
	run_read_logs(run, echo);
	if (begin(run, job->timeout_ms, job->max_logs, err) != 0)
		return -1;
	if (park_hand_over(park, &job->environment, err) != 0) {
		run->begun = false;
		return -1;
	}
	run->parked = true;
	return 0;
}

int run_unpark(struct run *run, struct echo *echo, struct error *err)
{
	if (tree_end(run->child.pid, &run->status, &run->ended, err) != 0)
		return -1;
	drain_logs(run, echo);
	close_pipes(run);
	run->child.pid = 0;
	run->executed = run->ended = false;
	return 0;
}

void run_linger(struct run *run)
{
	if (run->lingers)
		return;
	run->lingers = true;
	run->ended_us = run->heard_us = clock_monotonic_us(&clock_system);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t run_deadline_us(const struct run *run)
{
	if (!run->lingers)
		return run->deadline_us;
	int64_t quiet_us = run->heard_us + RUN_QUIET_MS * 1000;
	return earlier(earlier(quiet_us, run->ended_us + RUN_LINGER_MS * 1000), run->deadline_us);
}

/* Processes that still write are going to be ended: the log says that it is not whole. */
static void mark_loss(struct run *run, struct echo *echo)
{
	static const struct str mark =
	    STR("\n[skillbox: processes left in the background were still writing, and were ended]\n");
	logs_append(run->logs, mark, false);
	echo_write(echo, mark);
}

/* The kernel's killer leaves SIGKILL as the cause of death; a shell whose child died of it ends with 137. */
static bool is_oom(const struct run *run)
{
	bool killed = (WIFSIGNALED(run->status) && WTERMSIG(run->status) == SIGKILL) ||
		      (WIFEXITED(run->status) && WEXITSTATUS(run->status) == 128 + SIGKILL);
	return killed && oom_kills(run->oom_fd) > run->oom_before;
}

int run_end(struct run *run, struct echo *echo, enum frame_exit_reason why, struct frame_exit *ret,
	    const char **ret_reason, struct error *err)
{
	int64_t now_us = clock_monotonic_us(&clock_system);
	int64_t end_us = run->lingers ? run->ended_us : now_us;
	bool open = run->child.stdout_fd >= 0 || run->child.stderr_fd >= 0;
	bool left = run->lingers && tree_reap(run->child.pid, &run->status, &run->ended);
	bool loses = left && open && now_us - run->heard_us < RUN_QUIET_MS * 1000;
	*ret_reason = "io";
	if (run->lingers)
		why = FRAME_EXITED; /* whatever comes later is too late */
	if (tree_end(run->child.pid, &run->status, &run->ended, err) != 0)
		return -1;
	drain_logs(run, echo);
	if (loses)
		mark_loss(run, echo);
	/* The writer's end is closed by now, so this is decided. */
	if (run_read_status(run, ret_reason, err) < 0)
		return -1;
	close_pipes(run);
	*ret = (struct frame_exit){
	    .reason = why,
	    .exit_code = 128 + SIGKILL,
	    .run_us = (uint64_t)(end_us - run->start_us),
	    .logs_total = run->logs->total,
	    .parked = run->parked,
	};
	if (why != FRAME_EXITED)
		return 0;
	if (!run->ended)
		return error_set(err, ERR_INTERNAL, "the script's exit status is lost");
	if (is_oom(run)) {
		ret->reason = FRAME_OOM;
	} else if (WIFSIGNALED(run->status)) {
		ret->reason = FRAME_SIGNALED;
		ret->exit_code = 128 + WTERMSIG(run->status);
	} else {
		ret->exit_code = WEXITSTATUS(run->status);
	}
	return 0;
}
