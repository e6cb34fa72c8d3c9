/* What came of an execution, as commands show it. */
#ifndef SKILLBOX_CLI_RESULT_H
#define SKILLBOX_CLI_RESULT_H

#include "cli/output/print.h"
#include "cli/remote/executions.h"

/* "EXECUTION SKILL STATUS …" */
extern const struct listing result_listing;

/* Print the record or result on standard output, and give the exit code that its status has: one that failed
 * is said on standard error, too. is_waited: nobody expects that it goes on, so one that does is no success.
 * -1: an error. */
int result_report(const struct call *call, const struct http_answer *answer, bool is_waited,
		  struct error *err);

/* Fetch its files into `folder`, and say so on standard error. */
int result_download(struct http *http, const struct http_answer *answer, const char *folder,
		    struct error *err);

#endif
