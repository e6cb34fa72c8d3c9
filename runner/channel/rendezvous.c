#include "runner/channel/rendezvous.h"

#include "lib/base/cleanup.h"
#include "runner/system/descriptor.h"
#include "runner/system/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME "skillbox-runner"
#define BACKLOG 64
#define PROC_PATH_MAX 64
#define RETRY_MS 10
#define RETRIES 1000 /* 10 s */

static socklen_t make_address(struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path + 1, NAME, sizeof(NAME) - 1); /* a leading NUL: abstract */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + sizeof(NAME) - 1);
}

int rendezvous_listen(struct error *err)
{
	struct sockaddr_un address;
	socklen_t length = make_address(&address);
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0)
		return error_errno(err, "listen on @" NAME);
	int listener = fd;
	fd = -1;
	return listener;
}

int rendezvous_connect(struct error *err)
{
	struct sockaddr_un address;
	socklen_t length = make_address(&address);
	for (int tries = 0;; tries++) {
		cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return error_errno(err, "make a socket");
		if (connect(fd, (struct sockaddr *)&address, length) == 0) {
			int connected = fd;
			fd = -1;
			return connected;
		}
		/* PID 1 may not listen yet, or a script may fill its queue of connections */
		bool may_come = errno == ECONNREFUSED || errno == EAGAIN || errno == EINTR;
		if (!may_come || tries == RETRIES)
			return error_errno(err, "connect to @" NAME);
		poll(NULL, 0, RETRY_MS);
	}
}

static bool is_entered_from_outside(pid_t pid)
{
	/* /proc/PID/stat rather than status: its numbers can't be forged by the name of the process */
	char path[PROC_PATH_MAX], text[TREE_STAT_MAX], state;
	pid_t parent;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return pid > 1 && descriptor_read_file(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	       tree_parse_stat(text, &parent, &state) && parent == 0;
}

int rendezvous_accept(int listener)
{
	cleanup_close int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -1;
	struct ucred peer;
	socklen_t length = sizeof(peer);
	/* In a user namespace of the runner's own (enclosure.h) every uid that isn't mapped looks like
	 * nobody's, which is ours. If the peer died and its number now belongs to a relay, this is fooled;
	 * the token is then still missing. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.uid != geteuid() ||
	    !is_entered_from_outside(peer.pid)) {
		errno = EACCES;
		return -1;
	}
	int accepted = fd;
	fd = -1;
	return accepted;
}
