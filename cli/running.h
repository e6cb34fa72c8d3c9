/* Running a skill on the server, as `run` and `dev` do: with its log as it comes, and cancelled by Ctrl-C. */
#ifndef SKILLBOX_CLI_RUNNING_H
#define SKILLBOX_CLI_RUNNING_H

#include "cli/remote/executions.h"

#include <stdio.h>

/* The options that both have, for their tables. */
#define RUNNING_INPUT_OPTION                                                                                 \
	{                                                                                                    \
		"input", 'i', VALUE_TEXT, "JSON", "the input: JSON, @FILE, or - for standard input",         \
		    COMPLETE_NOTHING                                                                         \
	}
#define RUNNING_OPTIONS                                                                                      \
	{"env",                                                                                              \
	 'e',                                                                                                \
	 VALUE_TEXTS,                                                                                        \
	 "NAME=VALUE",                                                                                       \
	 "a variable for the script; may be given many times",                                               \
	 COMPLETE_NOTHING},                                                                                  \
	    {"timeout",                                                                                      \
	     0,                                                                                              \
	     VALUE_TEXT,                                                                                     \
	     "DURATION",                                                                                     \
	     "like 30s or 1m30s; may only shorten the skill's own",                                          \
	     COMPLETE_NOTHING},                                                                              \
	{                                                                                                    \
		"download", 'd', VALUE_TEXT, "FOLDER", "fetch the files that it made into this folder",      \
		    COMPLETE_FOLDER                                                                          \
	}

struct running {
	struct run_request request;
	bool is_async;    /* don't wait */
	FILE *log;        /* where its log goes as it comes; NULL: it stays in the result */
	const char *what; /* for a terminal: "running greet" */
};

/* ret->body: what came of it. COMMAND_INTERRUPTED: Ctrl-C, and the execution was cancelled, which was said on
 * standard error. */
int running_run(struct http *http, const struct running *running, struct http_answer *ret, struct error *err);

/* A line of a log to a FILE *, as events_follow gives it. */
int running_log_line(void *file, struct str text, struct error *err);

#endif
