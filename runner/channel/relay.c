#include "runner/channel/relay.h"

#include "lib/base/cleanup.h"
#include "runner/channel/rendezvous.h"
#include "runner/system/descriptor.h"
#include "runner/system/environment.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct direction {
	int from, to;
	size_t at, len; /* what of bytes[] is still to be written */
	bool ended;     /* nothing more comes */
	char bytes[64 * 1024];
};

static bool is_transient(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static int step(struct direction *d, short readable, short writable)
{
	if (readable && d->len == 0 && !d->ended) {
		ssize_t n = read(d->from, d->bytes, sizeof(d->bytes));
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			d->ended = true;
		else if (n < 0 && !is_transient())
			return -1;
		d->at = 0;
		d->len = n > 0 ? (size_t)n : 0;
		writable = d->len > 0; /* try at once, it nearly always goes */
	}
	if (writable && d->len > 0) {
		ssize_t n = write(d->to, d->bytes + d->at, d->len);
		if (n < 0 && !is_transient())
			return -1;
		d->at += n > 0 ? (size_t)n : 0;
		d->len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static struct pollfd poll_of(const struct direction *d, bool reading)
{
	if (reading)
		return (struct pollfd){.fd = d->len == 0 && !d->ended ? d->from : -1, .events = POLLIN};
	return (struct pollfd){.fd = d->len > 0 ? d->to : -1, .events = POLLOUT};
}

int relay_copy(int in_fd, int out_fd, int socket)
{
	static struct direction up, down;
	up = (struct direction){.from = in_fd, .to = socket};
	down = (struct direction){.from = socket, .to = out_fd};
	bool up_broken = false;
	while (!down.ended || down.len > 0) {
		struct pollfd fds[4] = {poll_of(&up, true), poll_of(&up, false), poll_of(&down, true),
					poll_of(&down, false)};
		if (up_broken)
			fds[0].fd = fds[1].fd = -1;
		if (poll(fds, 4, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		bool was_open = !up.ended;
		/* PID 1 may close its side with a last word: what it said is passed on all the same. */
		if (!up_broken && step(&up, fds[0].revents, fds[1].revents) != 0)
			up_broken = true;
		if (was_open && up.ended)
			shutdown(socket, SHUT_WR);
		if (step(&down, fds[2].revents, fds[3].revents) != 0)
			return -1;
	}
	return 0;
}

int relay_main(void)
{
	struct error err = {0};
	signal(SIGPIPE, SIG_IGN);
	/* exec gives it the container's variables, the token among them; it needs none */
	cleanup_close int socket = environment_wipe(&err) == 0 ? rendezvous_connect(&err) : -1;
	if (socket < 0) {
		fprintf(stderr, "skillbox-runner: %s\n", err.message);
		return 1;
	}
	if (descriptor_set_nonblocking(socket) != 0 || descriptor_set_nonblocking(STDIN_FILENO) != 0 ||
	    descriptor_set_nonblocking(STDOUT_FILENO) != 0 ||
	    relay_copy(STDIN_FILENO, STDOUT_FILENO, socket) != 0) {
		fprintf(stderr, "skillbox-runner: relay: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}
