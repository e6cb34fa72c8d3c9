/* The command table: one struct command a verb gives its parsing, its --help, its place in the manual page
 *and in docs/cli.md, and its completion.
 *
 * A verb is a file that defines its `struct command x_command`, and commands.c lists them all:
 *
 *	static int run(const struct call *call, struct error *err)
 *	{
 *		const char *folder = call_argument(call, 0);
 *		bool is_strict = call_flag(call, "strict");
 *		…
 *	}
 *	const struct command skill_lint_command = {
 *	    .path = "skill lint",
 *	    .summary = "check a skill without a server",
 *	    .arguments = {{"folder", "the skill's folder, or a zip", .complete = COMPLETE_FILE}},
 *	    .options = {{"strict", 0, VALUE_NONE, NULL, "warnings are errors, too"}},
 *	    .run = run,
 *	};
 */
#ifndef SKILLBOX_CLI_COMMAND_H
#define SKILLBOX_CLI_COMMAND_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* What the program ends with. */
enum exit_code {
	EXIT_GOOD = 0,
	EXIT_ERROR = 1,        /* "Error: …" was printed */
	EXIT_RUN_FAILED = 2,   /* the execution itself failed, timed out or was cancelled */
	EXIT_USAGE = 64,       /* the command line makes no sense */
	EXIT_INTERRUPTED = 130 /* Ctrl-C */
};

/* What command_fn returns besides an exit code: err has the message, and main prints it. */
#define COMMAND_ERROR (-1)       /* → EXIT_ERROR */
#define COMMAND_USAGE (-2)       /* → EXIT_USAGE, with where to find help; see call_usage */
#define COMMAND_INTERRUPTED (-3) /* → EXIT_INTERRUPTED; err is not set */

/* What an option takes. */
enum value_kind {
	VALUE_NONE, /* a flag */
	VALUE_TEXT, /* the last one counts */
	VALUE_TEXTS /* may be given many times, all count */
};

/* What completion offers for a value or an argument. */
enum complete {
	COMPLETE_NOTHING,
	COMPLETE_FILE,   /* files and folders: the shell's own */
	COMPLETE_FOLDER, /* folders: the shell's own */
	COMPLETE_CHOICE, /* what `value` lists, separated by '|' */
	COMPLETE_SKILL,  /* asked of the server, as the next three */
	COMPLETE_VERSION,
	COMPLETE_EXECUTION,
	COMPLETE_KEY,
	COMPLETE_CONTEXT
};

struct option_spec {
	const char *name; /* "input" for --input; NULL ends the list */
	char letter;      /* 'f' for -f; 0: none */
	enum value_kind kind;
	const char *value; /* what stands for the value in the help: "JSON", "json|table"; NULL of a flag */
	const char *help;
	/* COMPLETE_CHOICE: other values than those of `value` are refused. */
	enum complete complete;
};

struct argument_spec {
	const char *name; /* "folder"; NULL ends the list */
	const char *help;
	bool optional;
	bool repeated; /* the last one only */
	enum complete complete;
	const char *choices; /* of COMPLETE_CHOICE: "bash|zsh|fish"; others are refused */
};

#define COMMAND_ARGUMENTS 3
#define COMMAND_OPTIONS 12

struct call;

/* Does it: an exit code, or COMMAND_ERROR or COMMAND_USAGE with err set. */
typedef int command_fn(const struct call *call, struct error *err);

struct command {
	const char *path;    /* "skill push" */
	const char *alias;   /* a shorter name for the same, as "push"; NULL: none */
	const char *summary; /* one line, without a capital or a full stop */
	const char *text;    /* more of it, in sentences; lines end where they are to end; NULL: none */
	const char *example; /* lines as one types them; NULL: none */
	struct argument_spec arguments[COMMAND_ARGUMENTS + 1];
	struct option_spec options[COMMAND_OPTIONS + 1];
	bool is_hidden;  /* neither in help nor in docs */
	bool takes_rest; /* all behind the command are arguments, options too */
	command_fn *run;
};

/* All of them, in the order of the help; NULL ends the list. */
extern const struct command *const commands[];
/* The options that every command takes, in any position. */
extern const struct option_spec global_options[];

/* A parsed command line. */
struct call {
	const struct command *command;
	char **arguments;
	size_t argument_count;
	struct call_value *values; /* parse.c's */
	size_t value_count;
};

/* The n-th argument, NULL if it wasn't given (only where the table says optional). */
const char *call_argument(const struct call *call, size_t n);
/* Was the flag given? A name that is in neither table is a mistake of ours, and ends the program. */
bool call_flag(const struct call *call, const char *name);
/* The value of a VALUE_TEXT option, or NULL. Global options are read by settings.h, not here. */
const char *call_text(const struct call *call, const char *name);
/* The n-th value of a VALUE_TEXTS option, or NULL. */
const char *call_texts(const struct call *call, const char *name, size_t n);

/* err = what is wrong with the command line; returns COMMAND_USAGE. */
int call_usage(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
