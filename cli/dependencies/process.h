/* Another program, run to its end: without a shell, with the user's own environment. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_PROCESS_H
#define SKILLBOX_CLI_DEPENDENCIES_PROCESS_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* What is kept of what it printed: the last lines, which say why. */
#define PROCESS_OUTPUT_MAX ((size_t)256 * 1024)

struct process {
	const char *const *argv; /* found on PATH; NULL ends it */
	const char *folder;      /* where it runs */
	const char *what;        /* what is being done, for a terminal */
	/* What a line that it printed says of that, as "numpy (17.9 MB)"; appended. NULL: nothing does. */
	void (*describe)(struct str line, struct buffer *out);
};

/* *ret_code: what it ended with, 128 + the signal's number. ret_output: the end of what it printed on both of
 * its outputs. 0; COMMAND_INTERRUPTED: Ctrl-C came, and it was ended; -1: it couldn't be started
 * (ERR_NOT_FOUND: there is no such program). */
int process_run(const struct process *process, struct buffer *ret_output, int *ret_code, struct error *err);

#endif
