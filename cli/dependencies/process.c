#include "cli/dependencies/process.h"

#include "cli/command.h"
#include "cli/terminal/interrupt.h"
#include "cli/terminal/terminal.h"
#include "lib/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX ((size_t)4096)
#define PIECE ((size_t)16384)
#define SHOWN_MAX ((size_t)60) /* bytes of a description */

/* One that runs. */
struct run {
	const struct process *process;
	pid_t pid;
	int from, failure; /* what it prints; errno of an exec that failed */
	struct buffer *output;
	struct buffer line; /* the last one, not ended yet */
	struct progress progress;
	char shown[256];
};

static _Noreturn void become(const struct process *process, int to, int failure)
{
	int null = open("/dev/null", O_RDONLY);
	signal(SIGPIPE, SIG_DFL); /* main ignores it, and what is ignored stays so across exec */
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(to, 1) >= 0 && dup2(to, 2) >= 0 &&
	    chdir(process->folder) == 0)
		execvp(process->argv[0], (char *const *)(uintptr_t)process->argv);
	int why = errno;
	ssize_t put = write(failure, &why, sizeof(why));
	_exit(put == (ssize_t)sizeof(why) ? 127 : 126);
}

static int make_pipe(int ends[2], struct error *err)
{
	if (pipe(ends) != 0)
		return error_errno(err, "pipe");
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	return 0;
}

static int start(struct run *run, struct error *err)
{
	int output[2], failure[2];
	if (make_pipe(output, err) != 0)
		return -1;
	if (make_pipe(failure, err) != 0) {
		close(output[0]);
		close(output[1]);
		return -1;
	}
	fflush(NULL);
	run->pid = fork();
	if (run->pid == 0)
		become(run->process, output[1], failure[1]);
	int status = run->pid < 0 ? error_errno(err, "fork") : 0;
	close(output[1]);
	close(failure[1]);
	run->from = output[0];
	run->failure = failure[0];
	return status;
}

/* The text that a terminal shows: what is done, and what the program says of it. */
static void show(struct run *run, struct str line)
{
	cleanup_buffer struct buffer text = BUFFER(LINE_MAX);
	if (run->process->describe)
		run->process->describe(line, &text);
	if (text.len == 0)
		return;
	struct str cut = utf8_cut(buffer_str(&text), SHOWN_MAX);
	snprintf(run->shown, sizeof(run->shown), "%s: %.*s", run->process->what, (int)cut.n, cut.p);
	run->progress.what = run->shown;
}

static void take(struct run *run, struct str piece)
{
	if (run->output->len + piece.n > PROCESS_OUTPUT_MAX)
		buffer_consume(run->output, run->output->len / 2);
	buffer_append_str(run->output, piece);
	for (size_t i = 0; i < piece.n; i++) {
		if (piece.p[i] == '\n') {
			show(run, buffer_str(&run->line));
			buffer_reset(&run->line);
		} else if (run->line.len < LINE_MAX) {
			buffer_append_byte(&run->line, piece.p[i]);
		}
	}
}

/* Until its output ends, or Ctrl-C. */
static int read_output(struct run *run, struct error *err)
{
	char piece[PIECE];
	for (;;) {
		struct pollfd wait[2] = {{.fd = run->from, .events = POLLIN},
					 {.fd = interrupt_fd(), .events = POLLIN}};
		int ready = poll(wait, 2, progress_interval(&run->progress));
		if (interrupt_came())
			return COMMAND_INTERRUPTED;
		if (ready < 0 && errno != EINTR)
			return error_errno(err, "poll");
		progress_show(&run->progress, 0);
		if (ready <= 0 || !wait[0].revents)
			continue;
		ssize_t n = read(run->from, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, "can't read what %s prints", run->process->argv[0]);
		if (n == 0)
			return 0;
		take(run, (struct str){piece, (size_t)n});
	}
}

static int end(struct run *run, int status, int *ret_code, struct error *err)
{
	int code, why;
	if (status != 0)
		kill(run->pid, SIGTERM);
	while (waitpid(run->pid, &code, 0) < 0)
		if (errno != EINTR)
			return error_errno(err, "waitpid");
	if (status != 0)
		return status;
	ssize_t n = read(run->failure, &why, sizeof(why));
	if (n == (ssize_t)sizeof(why)) {
		errno = why;
		error_errno(err, "can't run %s", run->process->argv[0]);
		if (err && why == ENOENT)
			err->code = ERR_NOT_FOUND;
		return -1;
	}
	*ret_code = WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code);
	return 0;
}

int process_run(const struct process *process, struct buffer *ret_output, int *ret_code, struct error *err)
{
	struct run run = {.process = process, .output = ret_output, .line = BUFFER(LINE_MAX), .from = -1};
	if (interrupt_catch(err) != 0)
		return -1;
	if (start(&run, err) != 0) {
		if (run.from >= 0) {
			close(run.from);
			close(run.failure);
		}
		return -1;
	}
	progress_begin(&run.progress, process->what, 0);
	int status = read_output(&run, err);
	progress_end(&run.progress);
	close(run.from);
	status = end(&run, status, ret_code, err);
	close(run.failure);
	buffer_free(&run.line);
	return status;
}
