#include "cli/here.h"

#include "cli/files/unpack.h"
#include "cli/local/local.h"
#include "cli/result.h"
#include "lib/base/clock.h"
#include "lib/base/temporary.h"

#include <stdlib.h>
#include <string.h>

struct variables {
	struct variable *items;
	size_t count;
};

static void variables_free(struct variables *variables)
{
	for (size_t i = 0; i < variables->count; i++) {
		free(variables->items[i].name);
		free(variables->items[i].value);
	}
	free(variables->items);
}

/* Of a name that is given twice the last value counts, as in the request to a server. */
static int read_variables(const struct call *call, struct variables *ret, struct error *err)
{
	size_t count = 0;
	while (call_texts(call, "env", count))
		count++;
	ret->items = calloc(count + 1, sizeof(*ret->items));
	if (!ret->items)
		return error_no_memory(err);
	for (size_t i = 0; i < count; i++) {
		struct str name, value;
		const char *text = call_texts(call, "env", i);
		if (!str_split_once(str_of(text), '=', &name, &value) || name.n == 0)
			return call_usage(err, "--env is '%s', and must be NAME=VALUE", text);
		struct variable *variable = &ret->items[ret->count++];
		variable->name = str_dup(name);
		variable->value = str_dup(value);
		if (!variable->name || !variable->value)
			return error_no_memory(err);
	}
	return 0;
}

static int read_timeout(const struct call *call, int64_t *ret, struct error *err)
{
	const char *timeout = call_text(call, "timeout");
	if (timeout && duration_parse(str_of(timeout), ret, err) != 0)
		return call_usage(err, "--timeout is '%s', and must be a duration like 500ms, 30s or 1m30s",
				  timeout);
	return 0;
}

/* As from a server: through an archive, which is unpacked whole or not at all. */
static int download(const struct local_result *result, const char *folder, struct error *err)
{
	int64_t size;
	size_t count;
	if (result->arrival.file_count == 0) {
		fprintf(stderr, "There are no files to download\n");
		return 0;
	}
	cleanup_close int fd = temporary_file(err);
	if (fd < 0 || arrival_write_archive(&result->arrival, fd, &size, err) != 0 ||
	    unpack_files(fd, folder, &count, err) != 0)
		return COMMAND_ERROR;
	fprintf(stderr, "Downloaded %zu file%s to %s\n", count, count == 1 ? "" : "s", folder);
	return 0;
}

static int report(const struct call *call, const struct local_result *result, struct error *err)
{
	const char *folder = call_text(call, "download");
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	answer.status = 200;
	if (local_result_render(result, &answer.body, err) != 0)
		return COMMAND_ERROR;
	int code = result_report(call, &answer, true, err);
	if (code >= 0 && folder && download(result, folder, err) != 0)
		return COMMAND_ERROR;
	return code >= 0 && result->was_interrupted ? EXIT_INTERRUPTED : code;
}

int here_dev(const struct call *call, struct str input, bool is_again, struct error *err)
{
	struct local_wish wish = {.input = input, .log = stderr};
	struct variables variables __attribute__((cleanup(variables_free))) = {NULL, 0};
	cleanup_local struct local local = {0};
	cleanup_local_result struct local_result result = {.arrival = {.spool_fd = -1}};
	int status = read_timeout(call, &wish.timeout_ms, err);
	if (status == 0)
		status = read_variables(call, &variables, err);
	if (status == 0)
		status = local_open(call, call_argument(call, 0), is_again, &local, err);
	wish.env = variables.items;
	wish.env_count = variables.count;
	if (status == 0)
		status = local_execute(&local, &wish, &result, err);
	return status == 0 ? report(call, &result, err) : status;
}

struct here {
	struct local local;
};

struct here *here_open(const struct call *call, const char *path, int *ret_status, struct error *err)
{
	struct here *here = calloc(1, sizeof(*here));
	*ret_status = COMMAND_ERROR;
	if (!here) {
		error_no_memory(err);
		return NULL;
	}
	*ret_status = local_open(call, path, false, &here->local, err);
	return *ret_status == 0 ? here : here_close(here);
}

struct here *here_close(struct here *here)
{
	if (here)
		local_close(&here->local);
	free(here);
	return NULL;
}

const char *here_skill(const struct here *here)
{
	return here->local.skill.package.manifest.name;
}

int here_run(struct here *here, struct str input, const struct variable *env, size_t env_count,
	     struct buffer *ret, struct error *err)
{
	struct local_wish wish = {.input = input, .env = env, .env_count = env_count};
	cleanup_local_result struct local_result result = {.arrival = {.spool_fd = -1}};
	int status = local_execute(&here->local, &wish, &result, err);
	if (status != 0)
		return status;
	if (result.was_interrupted)
		return COMMAND_INTERRUPTED;
	return local_result_render(&result, ret, err) == 0 ? 0 : COMMAND_ERROR;
}
