#include "cli/terminal/interrupt.h"

#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* Of the process, as signals are. */
static volatile sig_atomic_t came;
static int pipe_ends[2] = {-1, -1};

static void remember(int number)
{
	int before = errno;
	(void)number;
	came = 1;
	if (write(pipe_ends[1], "", 1) < 0) {
		/* It is full: then it is readable, which is all that is wanted. */
	}
	errno = before;
}

static int make_pipe(struct error *err)
{
	if (pipe_ends[0] >= 0)
		return 0;
	if (pipe(pipe_ends) != 0)
		return error_errno(err, "pipe");
	for (int i = 0; i < 2; i++) {
		fcntl(pipe_ends[i], F_SETFD, FD_CLOEXEC);
		fcntl(pipe_ends[i], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

int interrupt_catch(struct error *err)
{
	/* SA_RESETHAND: whoever presses it twice means it. */
	struct sigaction action = {.sa_handler = remember, .sa_flags = (int)SA_RESETHAND};
	if (make_pipe(err) != 0)
		return -1;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
		return error_errno(err, "sigaction");
	return 0;
}

bool interrupt_came(void)
{
	return came != 0;
}

int interrupt_fd(void)
{
	return pipe_ends[0];
}

void interrupt_forget(void)
{
	char bytes[16];
	came = 0;
	while (pipe_ends[0] >= 0 && read(pipe_ends[0], bytes, sizeof(bytes)) > 0)
		;
}

bool interrupt_sleep(int64_t milliseconds)
{
	int64_t end = clock_monotonic_us(&clock_system) + milliseconds * 1000;
	for (int64_t left = milliseconds; left > 0 && !came;
	     left = (end - clock_monotonic_us(&clock_system) + 999) / 1000) {
		struct pollfd wait = {.fd = pipe_ends[0], .events = POLLIN};
		if (poll(&wait, 1, left > 60000 ? 60000 : (int)left) > 0)
			break;
	}
	return !came;
}
