/* The process between the user's and the sandbox: makes the namespaces and the root file system, starts PID 1
 * and the relay in them, and then watches their memory until the end. */
#ifndef SKILLBOX_CLI_LOCAL_KEEPER_H
#define SKILLBOX_CLI_LOCAL_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* User and group of everything in a sandbox. */
#define KEEPER_USER 65534

/* Over the control socket */
#define KEEPER_NEEDS_MAPS 'u'      /* keeper → parent: the user namespace is there */
#define KEEPER_HAS_MAPS 'm'        /* parent → keeper */
#define KEEPER_MEMORY_EXCEEDED 'x' /* keeper → parent: a process was killed */

#define KEEPER_WORDS_SIZE 1024

struct keeper_task {
	pid_t parent;
	bool is_root; /* and can become nobody */
	const char *token;
	int64_t memory;
	int runner_fd; /* the program's file */
	int control_fd;
	int error_fd; /* words why it can't go on; closed when all runs */
	int stream_fd, log_fd, words_fd;
};

/* In a process that was forked for it. Never returns. */
void keeper_main(const struct keeper_task *task) __attribute__((noreturn));

#endif
