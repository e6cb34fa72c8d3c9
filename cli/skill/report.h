/* "  PASS  …" and "  FAIL  …: why": what lint, validate and package say of a skill. */
#ifndef SKILLBOX_CLI_SKILL_REPORT_H
#define SKILLBOX_CLI_SKILL_REPORT_H

#include "cli/config/settings.h"
#include "cli/skill/source.h"
#include "lib/base/buffer.h"
#include "lib/skill/problems.h"
#include "lib/skill/skill_package.h"

/* What was found out about a skill. */
struct skill_report {
	struct skill_source source;
	int zip_fd; /* -1: there is none */
	int64_t zip_size;
	struct buffer packages; /* what would be gathered, of a folder without gather; empty: nothing */
	struct skill_package package;
	struct problems problems;
	bool is_good; /* none of them */
};
#define SKILL_REPORT                                                                                         \
	((struct skill_report){                                                                              \
	    .source = SKILL_SOURCE, .zip_fd = -1, .packages = BUFFER(4096), .problems = PROBLEMS})
void skill_report_free(struct skill_report *report);
#define cleanup_skill_report __attribute__((cleanup(skill_report_free)))

/* Of a folder or zip, without a server. What is wrong with the skill is in the report; -1, COMMAND_USAGE or
 * COMMAND_INTERRUPTED: it couldn't be looked at. gather: with the packages that it asks for; NULL: without
 * them. */
int skill_report_make(const char *path, const struct gather *gather, struct skill_report *ret,
		      struct error *err);

/* Lines on `to`; the last says that all passed, or nothing. is_strict: warnings fail, too. Returns an exit
 * code, or -1. */
int skill_report_print(const struct skill_report *report, bool is_strict, FILE *to, struct error *err);
/* The same as JSON: {valid, name, version, problems, warnings}. */
int skill_report_json(const struct skill_report *report, bool is_strict, struct buffer *out,
		      struct error *err);

/* One line: "  FAIL  SKILL.md: name is missing". */
void report_line(FILE *to, const char *word, struct str text);

#endif
