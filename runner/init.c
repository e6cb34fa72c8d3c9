#include "runner/init.h"

#include "runner/channel/rendezvous.h"
#include "runner/system/descriptor.h"
#include "runner/system/environment.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keep the token, PATH and what to park, and wipe every other trace of the environment: children get one of
 * their own. */
static int take_environment(struct init *init, struct error *err)
{
	const char *token = getenv("SKILLBOX_TOKEN"), *search = getenv("PATH");
	size_t length = token ? strlen(token) : 0;
	if (length == 0 || length > FRAME_MAX_TOKEN)
		return error_set(err, ERR_BAD_REQUEST, "SKILLBOX_TOKEN is missing or too long");
	memcpy(init->token, token, length + 1);
	if (park_configure(&init->cell.park, getenv("SKILLBOX_PARK"), getenv("SKILLBOX_PARK_SCRIPT"),
			   getenv("SKILLBOX_PRELOAD"), err) != 0)
		return -1;
	const char *after = getenv("SKILLBOX_PARK_AFTER");
	init->cell.park.after_files = after && strcmp(after, "files") == 0;
	int n = snprintf(init->search, sizeof(init->search), "%s", search ? search : "");
	if (n < 0 || (size_t)n >= sizeof(init->search))
		return error_set(err, ERR_BAD_REQUEST, "PATH is too long");
	return environment_wipe(err);
}

/* SIGCHLD and SIGTERM come through a descriptor; the rest is blocked. Linux delivers no signal with its
 * default action to a PID 1 from inside anyway, gVisor does (SIGKILL and SIGSTOP, which can't be blocked, are
 * stopped by the script's seccomp filter). */
static int take_signals(struct init *init, struct error *err)
{
	sigset_t all, set;
	sigfillset(&all);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_SETMASK, &all, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return error_errno(err, "set up signals");
	init->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return init->signals >= 0 ? 0 : error_errno(err, "signalfd");
}

static int prepare(struct init *init, struct error *err)
{
	if (getpid() != 1)
		return error_set(err, ERR_BAD_REQUEST, "without arguments this must be PID 1 of a sandbox");
	if (descriptor_fill_standard() != 0)
		return error_errno(err, "open /dev/null");
	descriptor_close_from(3);
	umask(022);
	cell_init(&init->cell, &(struct cell_services){
				   .interpreters = &init->interpreters,
				   .lockdown = &init->lockdown,
				   .search = init->search,
				   .echo = &init->echo,
			       });
	if (take_environment(init, err) != 0 || take_signals(init, err) != 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_errno(err, "set no_new_privs");
	/* Whoever comes waits for the loop. */
	init->listener = rendezvous_listen(err);
	if (init->listener < 0 || place_make(&init->cell.place, err) != 0)
		return -1;
	if (chdir("/") != 0)
		return error_errno(err, "chdir /");
	interpreters_find(init->search, &init->interpreters);
	if (lockdown_prepare(&init->lockdown, &init->interpreters, err) != 0)
		return -1;
	layers_find(&init->layers, &init->lockdown);
	if (descriptor_set_nonblocking(STDOUT_FILENO) != 0)
		return error_errno(err, "make stdout non-blocking");
	echo_init(&init->echo, STDOUT_FILENO);
	for (size_t i = 0; i < INIT_CONNECTIONS; i++)
		connection_init(&init->connections[i]);
	init->epoll = epoll_create1(EPOLL_CLOEXEC);
	return init->epoll < 0 ? error_errno(err, "epoll_create") : 0;
}

int init_main(void)
{
	/* One for the life of the process; too large for the stack of a PID 1 that one wants to keep small.
	 */
	static struct init init;
	struct error err = {0};
	if (prepare(&init, &err) == 0 && loop_run(&init, &err) == 0)
		return 0;
	fprintf(stderr, "skillbox-runner: %s\n", err.message);
	return 1;
}
