#include "cli/commands.h"

#include <stdio.h>

static int run(const struct call *call, struct error *err)
{
	(void)call;
	if (printf("skillbox %s\n", SKILLBOX_VERSION) < 0 || fflush(stdout) != 0)
		return error_errno(err, "write to standard output");
	return EXIT_GOOD;
}

const struct command version_command = {
    .path = "version",
    .summary = "the version of this program",
    .run = run,
};
