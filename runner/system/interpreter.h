/* The interpreters of the image, looked up once when the sandbox starts: the root file system doesn't change
 * after. */
#ifndef SKILLBOX_RUNNER_SYSTEM_INTERPRETER_H
#define SKILLBOX_RUNNER_SYSTEM_INTERPRETER_H

#include "lib/base/str.h"

#include <limits.h>

#define INTERPRETER_COUNT 3

struct interpreters {
	char path[INTERPRETER_COUNT][PATH_MAX]; /* empty: the image has none */
};

/* `search`: a PATH; NULL or empty gives the usual directories. */
void interpreters_find(const char *search, struct interpreters *ret);

/* By the name in a JOB ("python", "node", "bash"); NULL if that name is unknown or the image has none. */
const char *interpreters_path(const struct interpreters *interpreters, struct str name);

#endif
