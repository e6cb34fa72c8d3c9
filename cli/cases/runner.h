/* Where cases run: on this machine, or on a server. */
#ifndef SKILLBOX_CLI_CASES_RUNNER_H
#define SKILLBOX_CLI_CASES_RUNNER_H

#include "cli/cases/test_case.h"
#include "cli/command.h"
#include "lib/base/buffer.h"

struct case_runner;

/* Of the skill in `folder`; --local says where. NULL: *ret_status is COMMAND_ERROR or COMMAND_USAGE. */
struct case_runner *case_runner_open(const struct call *call, const char *folder, int *ret_status,
				     struct error *err);
struct case_runner *case_runner_close(struct case_runner *runner); /* NULL-safe; returns NULL */

/* The name of the skill that they are of. */
const char *case_runner_skill(const struct case_runner *runner);

/* Append what came of it: the object that the server answers with, checked. 0, COMMAND_ERROR or
 * COMMAND_INTERRUPTED. */
int case_runner_run(struct case_runner *runner, const struct test_case *test, struct buffer *ret,
		    struct error *err);

#endif
