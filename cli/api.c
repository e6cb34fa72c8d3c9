#include "cli/commands.h"
#include "cli/files/whole_file.h"
#include "cli/output/print.h"
#include "cli/remote/http.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX ((size_t)64 << 20)

static int read_body(const char *given, struct buffer *body, struct error *err)
{
	if (!given)
		return 0;
	if (strcmp(given, "-") == 0 || strcmp(given, "@-") == 0)
		return whole_file_read(STDIN_FILENO, "standard input", body, err);
	if (given[0] != '@') {
		buffer_append_c(body, given);
		return buffer_check(body, "--data", err);
	}
	cleanup_close int fd = open(given + 1, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_errno(err, "--data %s: can't read %s", given, given + 1)
		      : whole_file_read(fd, given + 1, body, err);
}

static bool is_token(const char *text)
{
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++)
		if (text[i] < 'A' || text[i] > 'Z')
			return false;
	return n > 0 && n < 16;
}

static int print_body(const struct call *call, const struct http_answer *answer, struct error *err)
{
	struct str body = buffer_str(&answer->body);
	const char *output = call_text(call, "output");
	if (body.n > 0 && output && (strcmp(output, "json") == 0 || strcmp(output, "jsonl") == 0))
		return print_json(body, settings_output(call, OUTPUT_JSON), err);
	if (print_bytes(body, err) != 0)
		return -1;
	if (body.n > 0 && body.p[body.n - 1] != '\n' && isatty(STDOUT_FILENO) &&
	    print_text(err, "%s", "") != 0)
		return -1;
	return print_flush(err);
}

static int run(const struct call *call, struct error *err)
{
	const char *method = call_argument(call, 0), *path = call_argument(call, 1),
		   *data = call_text(call, "data");
	cleanup_buffer struct buffer body = BUFFER(BODY_MAX);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	if (!is_token(method))
		return call_usage(err, "'%s' is no method: write GET, POST or DELETE", method);
	if (path[0] != '/')
		return call_usage(err, "'%s' is no path: it begins with '/', as in /v1/skills", path);
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c > '~')
			return call_usage(
			    err, "the path has a blank or a character that is not ASCII: write it as %%XX");
	if (read_body(data, &body, err) != 0)
		return COMMAND_ERROR;
	cleanup_http struct http *http = http_open(call, err);
	const char *type = call_text(call, "content-type");
	struct http_request request = {.method = method,
				       .path = path,
				       .accept = "*/*",
				       .content_type = data ? (type ? type : "application/json") : NULL,
				       .is_silent = true,
				       .body = data ? (struct str){body.data ? body.data : "", body.len}
						    : (struct str){NULL, 0}};
	if (!http || http_send_raw(http, &request, &answer, err) != 0 || print_body(call, &answer, err) != 0)
		return COMMAND_ERROR;
	if (answer.status >= 200 && answer.status < 300)
		return EXIT_GOOD;
	return error_set(err, error_code_from_http_status(answer.status), "%s %s: status %d", method, path,
			 answer.status);
}

const struct command api_command = {
    .path = "api",
    .summary = "a request to the server as it stands, with the key",
    .text =
	"The answer's body is printed as it came, of errors too; a status that is none of 2xx ends with 1.",
    .example = "skillbox api GET /v1/executions?limit=1 -o json\n"
	       "skillbox api POST /v1/executions --data '{\"skill\": \"greet\"}'",
    .arguments = {{"method", "GET, POST, DELETE", .optional = false},
		  {"path", "with the query: /v1/skills", .optional = false}},
    .options = {{"data", 'd', VALUE_TEXT, "TEXT", "the body: a text, @FILE, or - for standard input",
		 COMPLETE_NOTHING},
		{"content-type", 0, VALUE_TEXT, "TYPE", "of the body (application/json)", COMPLETE_NOTHING}},
    .run = run,
};
