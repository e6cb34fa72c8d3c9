/* `skillbox test`: a skill's cases, on a server or on this machine. */
#include "cli/cases/report.h"
#include "cli/cases/runner.h"
#include "cli/commands.h"
#include "cli/dependencies/gather.h"
#include "cli/here.h"
#include "lib/base/clock.h"

#include <stdlib.h>
#include <string.h>

#define RESULT_MAX ((size_t)128 << 20)

struct outcomes {
	struct case_outcome *items;
	size_t count;
};

static void outcomes_free(struct outcomes *outcomes)
{
	for (size_t i = 0; i < outcomes->count; i++)
		case_outcome_free(&outcomes->items[i]);
	free(outcomes->items);
}

static bool is_chosen(const struct call *call, const struct test_case *test)
{
	const char *part;
	bool any = false;
	for (size_t n = 0; (part = call_texts(call, "case", n)) != NULL; n++) {
		any = true;
		if (strstr(test->name, part) || strstr(test->file, part))
			return true;
	}
	return !any;
}

static int run_case(struct case_runner *runner, struct case_outcome *outcome, struct error *err)
{
	cleanup_buffer struct buffer result = BUFFER(RESULT_MAX);
	int status = case_runner_run(runner, outcome->test, &result, err);
	if (status != 0)
		return status;
	if (test_case_judge(outcome->test, buffer_str(&result), &outcome->differences, err) != 0)
		return COMMAND_ERROR;
	return case_outcome_fill(outcome, buffer_str(&result), err);
}

/* One after the other; one that can't be run is the last. */
static int run_all(struct case_runner *runner, const struct call *call, const struct test_cases *tests,
		   struct outcomes *ret, struct error *err)
{
	ret->items = calloc(tests->count + 1, sizeof(*ret->items));
	if (!ret->items)
		return error_no_memory(err);
	for (size_t i = 0; i < tests->count; i++) {
		if (!is_chosen(call, &tests->items[i]))
			continue;
		struct case_outcome *outcome = &ret->items[ret->count];
		outcome->test = &tests->items[i];
		int status = run_case(runner, outcome, err);
		if (status == COMMAND_INTERRUPTED)
			return status;
		ret->count++;
		struct error why = *err;
		if (status != 0)
			return case_outcome_set_error(outcome, &why, err) != 0 ? COMMAND_ERROR : status;
	}
	return 0;
}

static bool has_chosen(const struct call *call, const struct test_cases *tests)
{
	for (size_t i = 0; i < tests->count; i++)
		if (is_chosen(call, &tests->items[i]))
			return true;
	return false;
}

static int read_cases(const struct call *call, const char *folder, struct test_cases *ret, struct error *err)
{
	if (test_cases_read(folder, ret, err) != 0)
		return COMMAND_ERROR;
	if (ret->count == 0)
		return error_set(err, ERR_NOT_FOUND,
				 "%s has no cases: write one as tests/NAME.json, e.g. {\"input\": {}, "
				 "\"output\": {}}",
				 folder);
	if (!has_chosen(call, ret))
		return error_set(err, ERR_NOT_FOUND, "no case of %s has '%s' in its name", folder,
				 call_texts(call, "case", 0));
	return 0;
}

static int report(const struct call *call, const struct outcomes *outcomes, const char *skill,
		  int64_t started_ms, struct error *err)
{
	const char *junit = call_text(call, "junit");
	bool passed = true;
	for (size_t i = 0; i < outcomes->count; i++)
		passed = passed && outcomes->items[i].verdict == JUNIT_PASSED;
	if (case_report_print(outcomes->items, outcomes->count, settings_output(call, OUTPUT_TABLE), err) !=
	    0)
		return COMMAND_ERROR;
	if (junit && case_report_junit(outcomes->items, outcomes->count, skill, started_ms, junit, err) != 0)
		return COMMAND_ERROR;
	return passed ? EXIT_GOOD : EXIT_ERROR;
}

static int run(const struct call *call, struct error *err)
{
	const char *folder = call_argument(call, 0);
	int64_t started_ms = clock_wall_ms(&clock_system);
	cleanup_test_cases struct test_cases tests = {NULL, 0};
	struct outcomes outcomes __attribute__((cleanup(outcomes_free))) = {NULL, 0};
	struct error reported;
	int status = read_cases(call, folder, &tests, err);
	if (status != 0)
		return status;
	struct case_runner *runner = case_runner_open(call, folder, &status, err);
	if (!runner)
		return status;
	status = run_all(runner, call, &tests, &outcomes, err);
	/* What has run is told in any case. */
	int code = outcomes.count > 0
		       ? report(call, &outcomes, case_runner_skill(runner), started_ms, &reported)
		       : EXIT_ERROR;
	case_runner_close(runner);
	if (status != 0)
		return status;
	if (code < 0)
		*err = reported;
	return code;
}

const struct command test_command = {
    .path = "test",
    .summary = "run a skill's cases: tests/*.json in its folder",
    .text = "Each case says what goes in and what is to come out (docs/skills.md, \"Cases of a skill\").\n"
	    "Without --local the skill is pushed to the server as a version for trying out, which is never\n"
	    "the latest. The program ends with 0 if all passed, else with 1.",
    .example = "skillbox test ./greet --local\n"
	       "skillbox test ./greet --junit report.xml\n"
	       "skillbox test ./greet --local --case empty",
    .arguments = {{"folder", "the skill's folder", .complete = COMPLETE_FOLDER}},
    .options = {{"case", 'c', VALUE_TEXTS, "TEXT",
		 "only cases with this in their name; may be given many times", COMPLETE_NOTHING},
		{"junit", 0, VALUE_TEXT, "FILE", "write a report in JUnit's XML, for CI", COMPLETE_FILE},
		GATHER_OPTIONS,
		HERE_OPTIONS},
    .run = run,
};
