#include "cli/commands.h"
#include "cli/dev/dev_package.h"
#include "cli/dev/snapshot.h"
#include "cli/files/input.h"
#include "cli/here.h"
#include "cli/result.h"
#include "cli/running.h"
#include "cli/terminal/interrupt.h"
#include "cli/terminal/terminal.h"
#include "lib/base/clock.h"

#include <string.h>

/* One try after the other. */
struct dev {
	const struct call *call;
	const char *folder;
	struct http *http;
	struct buffer input;  /* what standard input gave, once */
	struct buffer pushed; /* the version that the server has */
	bool is_again;        /* not the first try */
};

static int push(struct dev *dev, const struct dev_package *package, struct error *err)
{
	const struct buffer *version = &package->version;
	if (dev->pushed.len > 0 && str_eq(buffer_str(&dev->pushed), buffer_str(version)))
		return 0;
	int status = dev_package_push(package, dev->http, err);
	if (status != 0)
		return status;
	fprintf(stderr, "%sPushed %s %s%s\n", terminal_colour(stderr, COLOUR_DIM), package->name.data,
		version->data, terminal_colour(stderr, COLOUR_NONE));
	buffer_reset(&dev->pushed);
	buffer_append_str(&dev->pushed, buffer_str(version));
	return 0;
}

static int try_once(struct dev *dev, struct error *err)
{
	const struct call *call = dev->call;
	const char *input = call_text(call, "input"), *folder = call_text(call, "download");
	cleanup_buffer struct buffer text = BUFFER(INPUT_MAX);
	cleanup_dev_package struct dev_package package = DEV_PACKAGE;
	const struct gather gather = {.call = call, .http = dev->http};
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	bool is_kept = dev->input.len > 0;
	int status = is_kept ? 0 : input_read(input, &text, err);
	if (status != 0)
		return status;
	if (call_flag(call, "local"))
		return here_dev(call, buffer_str(is_kept ? &dev->input : &text), dev->is_again, err);
	status = dev_package_make(dev->folder, &gather, &package, err);
	if (status == 0)
		status = push(dev, &package, err);
	if (status != 0)
		return status;
	struct running running = {.request = {.skill = package.name.data,
					      .version = package.version.data,
					      .input = buffer_str(is_kept ? &dev->input : &text),
					      .call = call,
					      .timeout = call_text(call, "timeout")},
				  .log = stderr};
	status = running_run(dev->http, &running, &answer, err);
	if (status != 0)
		return status;
	int code = result_report(call, &answer, true, err);
	if (code >= 0 && folder && (status = result_download(dev->http, &answer, folder, err)) != 0)
		return status;
	return code;
}

/* Again on each save, whatever came of the last one, until Ctrl-C. */
static int watch(struct dev *dev, struct error *err)
{
	if (interrupt_catch(err) != 0)
		return COMMAND_ERROR;
	for (;;) {
		uint64_t before = snapshot_take(dev->folder);
		int status = try_once(dev, err);
		if (status == COMMAND_INTERRUPTED || status == EXIT_INTERRUPTED || status == COMMAND_USAGE)
			return status;
		dev->is_again = true;
		if (status == COMMAND_ERROR)
			fprintf(stderr, "Error: %s\n", err->message);
		fprintf(stderr, "%sWatching %s: Ctrl-C ends it%s\n", terminal_colour(stderr, COLOUR_DIM),
			dev->folder, terminal_colour(stderr, COLOUR_NONE));
		if (!snapshot_wait(dev->folder, before))
			return COMMAND_INTERRUPTED;
	}
}

static int check_options(const struct call *call, struct error *err)
{
	const char *timeout = call_text(call, "timeout");
	int64_t ms;
	if (timeout && duration_parse(str_of(timeout), &ms, err) != 0)
		return call_usage(err, "--timeout is '%s', and must be a duration like 500ms, 30s or 1m30s",
				  timeout);
	return 0;
}

static int run(const struct call *call, struct error *err)
{
	struct dev dev = {.call = call,
			  .folder = call_argument(call, 0),
			  .input = BUFFER(INPUT_MAX),
			  .pushed = BUFFER(DEV_NAME_MAX)};
	const char *input = call_text(call, "input");
	int status = check_options(call, err);
	if (status == 0 && input && (strcmp(input, "-") == 0 || strcmp(input, "@-") == 0))
		status = input_read(input, &dev.input, err);
	if (status == 0 && !call_flag(call, "local") && !(dev.http = http_open(call, err)))
		status = COMMAND_ERROR;
	if (status == 0)
		status = call_flag(call, "watch") ? watch(&dev, err) : try_once(&dev, err);
	http_close(dev.http);
	buffer_free(&dev.input);
	buffer_free(&dev.pushed);
	return status;
}

const struct command dev_command = {
    .path = "dev",
    .summary = "try a skill's folder out: check, push, run, and show its log",
    .text = "It is pushed as VERSION-dev.HASH, which is never the latest, isn't listed, and is gone after a "
	    "day.\n"
	    "With --watch it runs again on every save, until Ctrl-C.\n"
	    "With --local there is no server: it runs on this machine, under the program that is in every\n"
	    "sandbox, in namespaces of its own. What holds here and what doesn't is said before it begins.\n"
	    "Packages of requirements.txt or package.json are then for this machine.",
    .example = "skillbox dev ./greet --local\n"
	       "skillbox dev ./greet --input '{\"name\": \"World\"}' --watch",
    .arguments = {{"folder", "the skill's folder", .complete = COMPLETE_FOLDER}},
    .options = {RUNNING_INPUT_OPTION,
		{"watch", 'w', VALUE_NONE, NULL, "run again on every save", COMPLETE_NOTHING},
		RUNNING_OPTIONS,
		GATHER_OPTIONS,
		HERE_OPTIONS},
    .run = run,
};
