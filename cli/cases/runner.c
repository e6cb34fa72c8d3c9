#include "cli/cases/runner.h"

#include "cli/dev/dev_package.h"
#include "cli/here.h"
#include "cli/running.h"
#include "cli/terminal/interrupt.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

#include <stdio.h>
#include <stdlib.h>

struct case_runner {
	struct here *here; /* on this machine, or: */
	struct http *http;
	char *skill, *version; /* as it was pushed */
};

struct case_runner *case_runner_close(struct case_runner *runner)
{
	if (!runner)
		return NULL;
	here_close(runner->here);
	http_close(runner->http);
	free(runner->skill);
	free(runner->version);
	free(runner);
	return NULL;
}

static int push(struct case_runner *runner, const struct call *call, const char *folder, struct error *err)
{
	cleanup_dev_package struct dev_package package = DEV_PACKAGE;
	runner->http = http_open(call, err);
	const struct gather gather = {.call = call, .http = runner->http};
	int status = runner->http ? dev_package_make(folder, &gather, &package, err) : COMMAND_ERROR;
	if (status == 0 && interrupt_catch(err) != 0)
		status = COMMAND_ERROR;
	if (status == 0)
		status = dev_package_push(&package, runner->http, err);
	if (status != 0)
		return status;
	fprintf(stderr, "Pushed %s %s\n", package.name.data, package.version.data);
	runner->skill = buffer_steal(&package.name);
	runner->version = buffer_steal(&package.version);
	return runner->skill && runner->version ? 0 : error_no_memory(err);
}

struct case_runner *case_runner_open(const struct call *call, const char *folder, int *ret_status,
				     struct error *err)
{
	struct case_runner *runner = calloc(1, sizeof(*runner));
	*ret_status = COMMAND_ERROR;
	if (!runner) {
		error_no_memory(err);
		return NULL;
	}
	if (call_flag(call, "local"))
		runner->here = here_open(call, folder, ret_status, err);
	else
		*ret_status = push(runner, call, folder, err);
	return *ret_status == 0 ? runner : case_runner_close(runner);
}

const char *case_runner_skill(const struct case_runner *runner)
{
	return runner->here ? here_skill(runner->here) : runner->skill;
}

static int run_there(struct case_runner *runner, const struct test_case *test, struct buffer *ret,
		     struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	const struct jsontext_rules rules = {.max_depth = JSON_COMPARE_DEPTH};
	struct running running = {.request = {.skill = runner->skill,
					      .version = runner->version,
					      .input = test->input,
					      .env = test->env,
					      .env_count = test->env_count},
				  .what = test->name};
	int status = running_run(runner->http, &running, &answer, err);
	if (status != 0 && strcmp(answer.error_code, error_code_name(ERR_INPUT_SCHEMA_MISMATCH)) == 0)
		err->code = ERR_INPUT_SCHEMA_MISMATCH;
	if (status != 0)
		return status;
	if (jsontext_check(buffer_str(&answer.body), &rules, err) != 0)
		return error_wrap(err, "the answer makes no sense");
	return buffer_append_str(ret, buffer_str(&answer.body)) == 0 ? 0 : error_no_memory(err);
}

/* Nothing ran, which is what a case may expect: told as if it had. */
static int put_refusal(const char *why, struct buffer *ret, struct error *err)
{
	json_open(ret, '{');
	json_put_string(ret, "status", "failed");
	json_put_string(ret, "error", why);
	json_put_string(ret, "error_code", error_code_name(ERR_INPUT_SCHEMA_MISMATCH));
	json_close(ret, '}');
	return buffer_check(ret, "the result", err);
}

int case_runner_run(struct case_runner *runner, const struct test_case *test, struct buffer *ret,
		    struct error *err)
{
	struct error why = {0};
	int status = runner->here ? here_run(runner->here, test->input, test->env, test->env_count, ret, &why)
				  : run_there(runner, test, ret, &why);
	if (status != 0 && why.code == ERR_INPUT_SCHEMA_MISMATCH)
		return put_refusal(why.message, ret, err);
	if (status != 0)
		*err = why;
	return status;
}
