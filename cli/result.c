#include "cli/result.h"

#include "cli/terminal/terminal.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX ((size_t)4096)

static const struct column columns[] = {{"EXECUTION", "execution_id", 0},
					{"SKILL", "skill_name", 20},
					{"VERSION", "skill_version", 12},
					{"STATUS", "status", 0},
					{"MS", "duration_ms", 0},
					{"CREATED", "created_at", 0},
					{0}};
const struct listing result_listing = {columns, "execution_id", NULL, "no executions"};

/* "Error: the execution failed (exit_nonzero): container exited with code 1: …" */
static void tell(const struct http_answer *answer, const char *status)
{
	cleanup_buffer struct buffer error = BUFFER(SHOWN_MAX), code = BUFFER(SHOWN_MAX);
	execution_text(answer, "error", &error);
	execution_text(answer, "error_code", &code);
	if (strcmp(status, "failed") != 0 && error.len > 0) /* of a timeout it says so itself */
		fprintf(stderr, "Error: %s\n", error.data);
	else
		fprintf(stderr, "Error: the execution %s%s%s%s%s%s\n",
			strcmp(status, "failed") == 0 ? "failed" : "ended as ",
			strcmp(status, "failed") == 0 ? "" : status, code.len > 0 ? " (" : "",
			code.len > 0 ? code.data : "", code.len > 0 ? "): " : ": ",
			error.len > 0 ? error.data : "it doesn't say why");
}

int result_report(const struct call *call, const struct http_answer *answer, bool is_waited,
		  struct error *err)
{
	struct execution_facts facts;
	if (execution_facts(answer, &facts, err) != 0 ||
	    print_object(buffer_str(&answer->body), &result_listing, settings_output(call, OUTPUT_JSON),
			 err) != 0)
		return COMMAND_ERROR;
	if (!is_waited || facts.has_succeeded)
		return EXIT_GOOD;
	tell(answer, facts.status);
	return EXIT_RUN_FAILED;
}

int result_download(struct http *http, const struct http_answer *answer, const char *folder,
		    struct error *err)
{
	size_t count;
	int status = execution_download(http, answer, folder, &count, err);
	if (status != 0)
		return status;
	if (count == 0)
		fprintf(stderr, "There are no files to download\n");
	else
		fprintf(stderr, "Downloaded %zu file%s to %s\n", count, count == 1 ? "" : "s", folder);
	return 0;
}
