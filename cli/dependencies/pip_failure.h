/* What a failure of pip means, and what to do about it. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_PIP_FAILURE_H
#define SKILLBOX_CLI_DEPENDENCIES_PIP_FAILURE_H

#include "cli/dependencies/pip.h"
#include "lib/base/str.h"

/* pip failed, after it printed that: its last lines go to standard error, and err gets a sentence
 * of ours. Returns -1. */
int pip_failure(const struct pip_download *download, struct str output, struct error *err);

/* The sentence alone. log: of pip, as it writes it to --log. */
void pip_explain(const char *target, const char *requirements, struct str output, struct str log,
		 struct error *err);

#endif
