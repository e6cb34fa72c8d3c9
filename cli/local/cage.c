#include "cli/local/cage.h"

#include "cli/local/keeper.h"
#include "lib/base/cleanup.h"
#include "lib/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAP_BYTES 4096 /* of a uid_map; the kernel writes a page at most at once */

void cage_init(struct cage *cage)
{
	*cage = (struct cage){.stream_fd = -1, .log_fd = -1, .words_fd = -1, .control_fd = -1};
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void cage_close(struct cage *cage)
{
	close_end(&cage->control_fd);
	if (cage->keeper > 0) {
		/* With it everything ends; when it has, the kernel has told the others. */
		kill(cage->keeper, SIGKILL);
		while (waitpid(cage->keeper, NULL, 0) < 0 && errno == EINTR)
			;
	}
	/* PID 1 has its end of this until all of its namespace is gone. */
	char bytes[4096];
	for (struct pollfd end = {.fd = cage->log_fd, .events = POLLIN}; end.fd >= 0;) {
		ssize_t n = read(cage->log_fd, bytes, sizeof(bytes));
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		    (n < 0 && poll(&end, 1, 5000) == 0))
			break;
	}
	close_end(&cage->stream_fd);
	close_end(&cage->log_fd);
	close_end(&cage->words_fd);
	cage_init(cage);
}

bool cage_read_control(struct cage *cage, bool *ret_memory_exceeded)
{
	char byte;
	ssize_t n = recv(cage->control_fd, &byte, 1, MSG_DONTWAIT);
	if (n == 1 && byte == KEEPER_MEMORY_EXCEEDED)
		*ret_memory_exceeded = true;
	return n == 1 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* A line of a map: the first id here, outside, and how many. */
bool cage_map_has(struct str map, int64_t id)
{
	struct str line;
	while (map.n > 0) {
		int64_t numbers[3] = {-1, -1, 0};
		str_split_once(map, '\n', &line, &map);
		for (size_t i = 0; i < 3; i++) {
			struct str word;
			line = str_trim(line);
			str_split_once(line, ' ', &word, &line);
			if (!str_to_i64(word, 0, UINT32_MAX, &numbers[i]))
				numbers[2] = 0;
		}
		if (numbers[0] >= 0 && id >= numbers[0] && id - numbers[0] < numbers[2])
			return true;
	}
	return false;
}

static int make_pair(int *ret_here, int *ret_there, struct error *err)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return error_errno(err, "socketpair");
	*ret_here = fds[0];
	*ret_there = fds[1];
	return 0;
}

static int make_pipe(int *ret_here, int *ret_there, struct error *err)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0)
		return error_errno(err, "pipe");
	*ret_here = fds[0];
	*ret_there = fds[1];
	return 0;
}

static int write_map(pid_t pid, const char *file, const char *text, struct error *err)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);
	return fd >= 0 && write(fd, text, n) == (ssize_t)n ? 0 : error_errno(err, "write %s", path);
}

static bool is_mapped(const char *file)
{
	char bytes[MAP_BYTES];
	cleanup_close int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	return n > 0 && cage_map_has((struct str){bytes, (size_t)n}, KEEPER_USER);
}

/* Root that can become nobody: in a container of an ordinary user's there may be no nobody. */
static bool may_be_nobody(void)
{
	char word[8] = "";
	cleanup_close int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
	bool may_set_groups = fd >= 0 && read(fd, word, sizeof(word)) > 0 && word[0] == 'a'; /* "allow" */
	return geteuid() == 0 && may_set_groups && is_mapped("/proc/self/uid_map") &&
	       is_mapped("/proc/self/gid_map");
}

/* One user, one group: root's sandboxes are nobody's, anybody else's are their own, and inside both are
 * called nobody. */
static int give_maps(const struct keeper_task *task, pid_t pid, struct error *err)
{
	char users[64], groups[64];
	snprintf(users, sizeof(users), "%u %u 1", KEEPER_USER, task->is_root ? KEEPER_USER : geteuid());
	snprintf(groups, sizeof(groups), "%u %u 1", KEEPER_USER, task->is_root ? KEEPER_USER : getegid());
	if (write_map(pid, "setgroups", "deny", err) != 0 || write_map(pid, "uid_map", users, err) != 0)
		return -1;
	return write_map(pid, "gid_map", groups, err);
}

/* Why, in the keeper's words, and what to do. */
static int set_refused(struct str words, struct error *err)
{
	/* words may be err's */
	char why[KEEPER_WORDS_SIZE];
	snprintf(why, sizeof(why), "%.*s", (int)words.n, words.p);
	return error_set(
	    err, ERR_UNAVAILABLE,
	    "no sandbox can be made on this machine: %s. It needs Linux 5.14 or newer that lets this user "
	    "make user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
	    "kernel.apparmor_restrict_unprivileged_userns; containers often forbid it). Without one the "
	    "script would run unprotected, so it doesn't run: use a server instead (--server)",
	    why);
}

/* Until the keeper closes its words: then all runs. */
static int await_keeper(struct cage *cage, const struct keeper_task *task, int words, int interrupt_fd,
			struct error *err)
{
	char text[KEEPER_WORDS_SIZE], byte;
	size_t n = 0;
	for (bool has_maps = false;;) {
		struct pollfd fds[] = {{.fd = words, .events = POLLIN},
				       {.fd = has_maps ? -1 : cage->control_fd, .events = POLLIN},
				       {.fd = interrupt_fd, .events = POLLIN}};
		if (poll(fds, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return error_errno(err, "poll");
		}
		if (fds[2].revents)
			return error_set(err, ERR_UNAVAILABLE, "interrupted");
		if (fds[1].revents && recv(cage->control_fd, &byte, 1, 0) == 1) {
			struct error why;
			if (give_maps(task, cage->keeper, &why) != 0)
				return set_refused(str_of(why.message), err);
			byte = KEEPER_HAS_MAPS;
			has_maps = send(cage->control_fd, &byte, 1, MSG_NOSIGNAL) == 1;
		}
		if (!fds[0].revents)
			continue;
		ssize_t got = read(words, text + n, sizeof(text) - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return n == 0 ? 0 : set_refused(str_trim((struct str){text, n}), err);
		n += (size_t)got;
	}
}

static int set_nonblocking(int fd, struct error *err)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ? 0 : error_errno(err, "fcntl");
}

/* Before 5.14 a limit of processes counts all that this user has. */
static int check_kernel(struct error *err)
{
	struct utsname name;
	struct str major, rest, minor;
	int64_t numbers[2] = {0, 0};
	if (uname(&name) != 0)
		return error_errno(err, "uname");
	str_split_once(str_of(name.release), '.', &major, &rest);
	minor = (struct str){rest.p, strspn(rest.p, "0123456789")};
	if (str_to_i64(major, 0, 1000, &numbers[0]) && str_to_i64(minor, 0, 1000, &numbers[1]) &&
	    (numbers[0] > 5 || (numbers[0] == 5 && numbers[1] >= 14)))
		return 0;
	char why[KEEPER_WORDS_SIZE];
	snprintf(why, sizeof(why), "it has Linux %s", name.release);
	return set_refused(str_of(why), err);
}

int cage_open(struct cage *cage, const struct cage_wish *wish, struct error *err)
{
	cleanup_close int runner = open(wish->runner, O_RDONLY | O_CLOEXEC);
	cleanup_close int stream = -1, log = -1, words = -1, control = -1, errors = -1, errors_end = -1;
	cage_init(cage);
	if (runner < 0)
		return error_errno(err, "open %s", wish->runner);
	if (check_kernel(err) != 0)
		return -1;
	if (make_pair(&cage->stream_fd, &stream, err) != 0 ||
	    make_pair(&cage->control_fd, &control, err) != 0 || make_pipe(&cage->log_fd, &log, err) != 0 ||
	    make_pipe(&cage->words_fd, &words, err) != 0 || make_pipe(&errors, &errors_end, err) != 0) {
		cage_close(cage);
		return -1;
	}
	struct keeper_task task = {.parent = getpid(),
				   .is_root = may_be_nobody(),
				   .token = wish->token,
				   .memory = wish->memory,
				   .runner_fd = runner,
				   .control_fd = control,
				   .error_fd = errors_end,
				   .stream_fd = stream,
				   .log_fd = log,
				   .words_fd = words};
	cage->keeper = fork();
	if (cage->keeper == 0)
		keeper_main(&task);
	close_end(&stream);
	close_end(&log);
	close_end(&words);
	close_end(&control);
	close_end(&errors_end);
	if (cage->keeper < 0)
		error_errno(err, "fork");
	else if (set_nonblocking(cage->stream_fd, err) == 0 && set_nonblocking(cage->log_fd, err) == 0 &&
		 set_nonblocking(cage->words_fd, err) == 0 &&
		 await_keeper(cage, &task, errors, wish->interrupt_fd, err) == 0)
		return 0;
	cage_close(cage);
	return -1;
}
