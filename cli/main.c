/* skillbox: the command line. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/parse.h"

#include <signal.h>
#include <stdio.h>

static int show_help(const char *topic, FILE *to)
{
	cleanup_buffer struct buffer text = BUFFER(HELP_MAX);
	help_write(topic, &text);
	return text.failed || fwrite(text.data, 1, text.len, to) != text.len || fflush(to) != 0;
}

static void complain(const struct error *err)
{
	fprintf(stderr, "Error: %s\n", err->message);
}

static int wrong_usage(const struct error *err, const char *topic)
{
	complain(err);
	fprintf(stderr, "'skillbox%s%s --help' says more.\n", topic[0] ? " " : "", topic);
	return EXIT_USAGE;
}

static int run_call(const struct call *call)
{
	struct error err = {0};
	int result = call->command->run(call, &err);
	if (result == COMMAND_INTERRUPTED)
		return EXIT_INTERRUPTED;
	if (result == COMMAND_USAGE)
		return wrong_usage(&err, call->command->path);
	if (result >= 0)
		return result;
	complain(&err);
	return EXIT_ERROR;
}

int main(int argc, char **argv)
{
	struct error err = {0};
	struct call call;
	char topic[PARSE_TOPIC_SIZE];
	int status;
	signal(SIGPIPE, SIG_IGN); /* a reader that is gone is an error of that write */
	switch (parse_command_line(argc, argv, &call, topic, &err)) {
	case PARSE_CALL:
		status = run_call(&call);
		break;
	case PARSE_HELP:
		status = show_help(topic, stdout);
		break;
	case PARSE_VERSION:
		call.command = &version_command;
		status = run_call(&call);
		break;
	case PARSE_NOTHING:
		status = topic[0] ? (show_help(topic, stderr), EXIT_USAGE) : show_help(topic, stdout);
		break;
	default:
		status = wrong_usage(&err, topic);
	}
	call_free(&call);
	return status;
}
