/* pip's own download, for a Python that is not the one it runs on. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_PIP_H
#define SKILLBOX_CLI_DEPENDENCIES_PIP_H

#include "lib/base/error.h"
#include "lib/wheel/target.h"

/* The variable that names the Python whose pip is used, and what is used without it. */
#define PIP_PYTHON_VARIABLE "SKILLBOX_PIP_PYTHON"
#define PIP_PYTHON "python3"

struct pip_download {
	const char *folder;       /* the skill's: pip runs in it */
	const char *requirements; /* a file's name in it */
	const char *constraints;  /* a file of versions that are to be taken; NULL: none */
	bool is_quiet;            /* what pip says of a failure isn't printed */
	bool needs_hashes;        /* each requirement must have one */
	bool is_complete;         /* it names all that is needed: what these need is not looked at */
	const struct wheel_target *target;
	const char *to;  /* a folder for the wheels */
	const char *log; /* a file for pip's log, which tells what its output doesn't */
};

/* Wheels, and nothing else, are in `to`. What pip said of a failure was printed on standard error; err has
 * what to do about it, with ERR_UNAVAILABLE for an index that can't be reached. 0, -1 or COMMAND_INTERRUPTED.
 */
int pip_download(const struct pip_download *download, struct error *err);

#endif
