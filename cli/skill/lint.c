#include "cli/commands.h"
#include "cli/output/print.h"
#include "cli/skill/report.h"

#include <stdio.h>

#define REPORT_MAX ((size_t)1 << 20)

static int run(const struct call *call, struct error *err)
{
	cleanup_skill_report struct skill_report report = SKILL_REPORT;
	bool is_strict = call_flag(call, "strict");
	if (skill_report_make(call_argument(call, 0), NULL, &report, err) != 0)
		return COMMAND_ERROR;
	enum output output = settings_output(call, OUTPUT_TABLE);
	if (output == OUTPUT_TABLE || output == OUTPUT_NAME)
		return skill_report_print(&report, is_strict, stdout, err);
	cleanup_buffer struct buffer json = BUFFER(REPORT_MAX);
	if (skill_report_json(&report, is_strict, &json, err) != 0 ||
	    print_json(buffer_str(&json), output, err) != 0)
		return COMMAND_ERROR;
	return report.is_good && !(is_strict && report.package.manifest.warning_count > 0) ? EXIT_GOOD
											   : EXIT_ERROR;
}

const struct command skill_lint_command = {
    .path = "skill lint",
    .alias = "lint",
    .summary = "check a skill without a server",
    .text = "The same checks as the server's, but for what its operator allows (images, limits).",
    .arguments = {{"folder", "the skill's folder, or a zip", .complete = COMPLETE_FILE}},
    .options = {{"strict", 0, VALUE_NONE, NULL, "warnings fail, too", COMPLETE_NOTHING}},
    .run = run,
};
