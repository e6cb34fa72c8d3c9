#include "cli/commands.h"
#include "cli/config/config.h"
#include "cli/context/account.h"
#include "cli/output/print.h"
#include "cli/terminal/interrupt.h"
#include "lib/policy/names.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define KEY_MAX ((size_t)8192)

/* Until there is something to read. A read alone would miss an interrupt that comes right before it. */
static int wait_for_input(struct error *err)
{
	struct pollfd wanted[] = {{.fd = STDIN_FILENO, .events = POLLIN},
				  {.fd = interrupt_fd(), .events = POLLIN}};
	int n;
	do
		n = poll(wanted, 2, -1);
	while (n < 0 && errno == EINTR && !interrupt_came());
	if (interrupt_came())
		errno = EINTR;
	return n < 0 || interrupt_came() ? error_errno(err, "can't read standard input") : 0;
}

/* A line of standard input. On a terminal it is asked for, and not shown. */
static int read_line(struct buffer *line, struct error *err)
{
	for (;;) {
		char c;
		if (wait_for_input(err) != 0)
			return -1;
		ssize_t n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR && !interrupt_came())
			continue;
		if (n < 0)
			return error_errno(err, "can't read standard input");
		if (n == 0 || c == '\n')
			return buffer_check(line, "the key", err);
		buffer_append_byte(line, c);
	}
}

/* Nothing is shown from before it is asked for until the terminal is as it was, whatever ends it. */
static int read_key(const char *server, struct buffer *line, struct error *err)
{
	struct termios before, quiet;
	bool is_terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
	if (is_terminal) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		if (interrupt_catch(err) != 0)
			return -1;
		if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
			return error_errno(err, "can't hide what is typed");
		fprintf(stderr, "API key for %s: ", server);
		fflush(stderr);
	}
	int status = read_line(line, err);
	if (is_terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (status == 0 && str_trim(buffer_str(line)).n == 0)
		return error_set(err, ERR_BAD_REQUEST, "no key was given on standard input");
	return status;
}

static int save(const char *name, const struct settings *settings, struct error *err)
{
	cleanup_config struct config config = {0};
	if (config_load(&config, err) != 0 ||
	    config_put(&config, name, settings->server, settings->api_key, settings->tenant, err) != 0 ||
	    config_set_current(&config, name, err) != 0)
		return -1;
	return config_save(&config, err);
}

static int run(const struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0) ? call_argument(call, 0) : "default";
	cleanup_secret_buffer struct buffer line = BUFFER(KEY_MAX);
	struct settings settings;
	if (!skill_name_is_valid(str_of(name)))
		return call_usage(
		    err,
		    "'%s' is no name for a context: a letter or digit, then letters, digits, '.', '_', '-'",
		    name);
	if (call_text(call, "api-key"))
		return call_usage(
		    err, "login reads the key from standard input, where nobody else sees it, and not from "
			 "--api-key");
	if (settings_load(call, &settings, err) != 0 || read_key(settings.server, &line, err) != 0) {
		settings_free(&settings);
		return interrupt_came() ? COMMAND_INTERRUPTED : COMMAND_ERROR;
	}
	free(settings.api_key);
	settings.api_key = str_dup(str_trim(buffer_str(&line)));
	settings.key_from = "standard input";
	cleanup_http struct http *http = settings.api_key && settings_check_key(settings.api_key, err) == 0
					     ? http_open_with(&settings, err)
					     : (settings_free(&settings), NULL);
	if (!http || account_check(http, err) != 0 || save(name, http_settings(http), err) != 0 ||
	    print_text(err, "Logged in to %s as context \"%s\"", http_settings(http)->server, name) != 0)
		return COMMAND_ERROR;
	return print_flush(err);
}

const struct command login_command = {
    .path = "login",
    .summary = "keep a server and a key as a context, and use it",
    .text = "The key is read from standard input; on a terminal it is asked for. The server must take it. "
	    "Both are kept\n"
	    "in a file that only you can read. The server is that of --server, of SKILLBOX_SERVER_URL, or "
	    "the current one.",
    .example = "skillbox login --server https://skills.example.com\n"
	       "skillbox login staging -s https://staging.example.com <key-file",
    .arguments = {{"context", "its name; default if left out", .optional = true,
		   .complete = COMPLETE_CONTEXT}},
    .run = run,
};
