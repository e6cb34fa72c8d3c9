#include "runner/system/tree.h"

#include "lib/base/str.h"
#include "runner/system/descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROC_PATH_MAX 32
#define STOP_PASSES 16    /* a fork bomb is frozen within a few */
#define ROUND_WAIT_MS 20  /* until the next round, if no child ends before */
#define GENTLE_ROUNDS 150 /* 3 s, then the relay is not spared any more */
#define MAX_ROUNDS 500    /* 10 s: something sits in the kernel */

bool tree_reap(pid_t watched, int *ret_status, bool *ret_ended)
{
	for (;;) {
		int status;
		/* __WALL: those whose end was to bring another signal than SIGCHLD, too */
		pid_t pid = waitpid(-1, &status, WNOHANG | __WALL);
		if (pid > 0 && pid == watched) {
			*ret_status = status;
			*ret_ended = true;
		}
		if (pid < 0 && errno != EINTR)
			return false; /* ECHILD */
		if (pid == 0)
			return true;
	}
}

bool tree_parse_stat(const char *text, pid_t *ret_parent, char *ret_state)
{
	/* "PID (NAME) STATE PPID …": the name is the process's own choice and may hold anything, ") R 0" too;
	 * behind the last ')' there are only numbers. */
	const char *end = strrchr(text, ')');
	if (!end || end[1] != ' ' || end[2] == '\0' || end[3] != ' ')
		return false;
	struct str parent, rest;
	str_split_once(str_of(end + 4), ' ', &parent, &rest);
	int64_t value;
	if (!str_to_i64(parent, 0, INT32_MAX, &value))
		return false;
	*ret_parent = (pid_t)value;
	*ret_state = end[2];
	return true;
}

/* Send a signal to every process that belongs to the script. Returns how many of them were neither stopped
 * nor dead when they were looked at, or -1. */
static int signal_all(int signal_number, struct error *err)
{
	DIR *proc = opendir("/proc");
	if (!proc)
		return error_errno(err, "open /proc");
	int moving = 0;
	struct dirent *entry;
	while ((entry = readdir(proc)) != NULL) {
		int64_t pid;
		if (!str_to_i64(str_of(entry->d_name), 2, INT32_MAX, &pid))
			continue;
		char path[PROC_PATH_MAX], text[TREE_STAT_MAX], state;
		pid_t parent;
		snprintf(path, sizeof(path), "%d/stat", (int)pid);
		if (descriptor_read_file(dirfd(proc), path, text, sizeof(text)) < 0 ||
		    !tree_parse_stat(text, &parent, &state))
			continue; /* it has ended */
		if (parent == 0)
			continue;
		/* 'Z' may be a process whose first thread has ended while others run: it gets the signal as
		 * well. */
		if (state != 'T' && state != 'Z' && state != 'X')
			moving++;
		kill((pid_t)pid, signal_number);
	}
	closedir(proc);
	return moving;
}

static void wait_for_child(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD); /* blocked: PID 1 takes it through its signalfd, this takes it before */
	sigtimedwait(&set, NULL, &(struct timespec){.tv_nsec = ROUND_WAIT_MS * 1000000L});
}

int tree_end(pid_t watched, int *ret_status, bool *ret_ended, struct error *err)
{
	/* All that the script started descends from children of this process: orphans become its children
	 * too. So no child left means nobody left, and a script that left nobody behind costs no scan. */
	for (int round = 0; tree_reap(watched, ret_status, ret_ended); round++) {
		if (round == MAX_ROUNDS)
			return error_set(err, ERR_INTERNAL, "processes of the script can't be ended");
		/* Stopped first, so that none forks while the others are killed: a stopped process keeps its
		 * place in the Pod's limit of processes. SIGSTOP and SIGKILL can't be ignored. */
		for (int pass = 0; pass < STOP_PASSES; pass++) {
			int moving = signal_all(SIGSTOP, err);
			if (moving < 0)
				return -1;
			if (moving == 0)
				break;
		}
		if (round < GENTLE_ROUNDS) {
			if (signal_all(SIGKILL, err) < 0)
				return -1;
		} else {
			kill(-1, SIGKILL); /* the relay with them; the controller connects again */
		}
		wait_for_child();
	}
	kill(-1, SIGCONT); /* a relay that the script stopped is to carry the result */
	return 0;
}
