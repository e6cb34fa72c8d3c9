#include "runner/cell/echo.h"

#include <errno.h>
#include <unistd.h>

void echo_init(struct echo *echo, int fd)
{
	*echo = (struct echo){.fd = fd, .left = ECHO_TOTAL, .pending = BUFFER(ECHO_MAX)};
}

/* Write what goes at once; the number of bytes that went. */
static size_t write_some(struct echo *echo, struct str bytes)
{
	size_t done = 0;
	while (done < bytes.n && echo->fd >= 0) {
		ssize_t n = write(echo->fd, bytes.p + done, bytes.n - done);
		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			break;
		else if (n == 0 || errno != EINTR)
			echo->fd = -1; /* nobody reads the container's log any more; the kept log goes on */
	}
	return done;
}

static void pass_on(struct echo *echo, struct str bytes)
{
	if (echo->pending.len == 0) {
		size_t done = write_some(echo, bytes);
		bytes = (struct str){bytes.p + done, bytes.n - done};
	}
	if (echo->fd < 0 || bytes.n == 0)
		return;
	if (buffer_append_str(&echo->pending, bytes) != 0)
		echo->pending.failed = false; /* dropped: see ECHO_MAX */
}

void echo_write(struct echo *echo, struct str bytes)
{
	if (echo->left == 0)
		return;
	bool last = bytes.n >= echo->left;
	if (last)
		bytes.n = echo->left;
	echo->left -= bytes.n;
	pass_on(echo, bytes);
	if (last)
		pass_on(echo, STR("\n[skillbox: the script writes more; no more of it is passed on here]\n"));
}

void echo_flush(struct echo *echo)
{
	buffer_consume(&echo->pending, write_some(echo, buffer_str(&echo->pending)));
	if (echo->fd < 0)
		buffer_free(&echo->pending);
}

void echo_free(struct echo *echo)
{
	buffer_free(&echo->pending);
}
