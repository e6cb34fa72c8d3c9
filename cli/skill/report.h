/* "  PASS  …" and "  FAIL  …: why": what lint, validate and package say of a skill. */
#ifndef SKILLBOX_CLI_SKILL_REPORT_H
#define SKILLBOX_CLI_SKILL_REPORT_H

#include "cli/config/settings.h"
#include "lib/base/buffer.h"
#include "lib/skill/problems.h"
#include "lib/skill/skill_package.h"

/* What was found out about a skill. */
struct skill_report {
	struct skill_package package;
	struct problems problems;
	bool is_good; /* none of them */
};
void skill_report_free(struct skill_report *report);
#define cleanup_skill_report __attribute__((cleanup(skill_report_free)))

/* Of a folder or zip, without a server. What is wrong with the skill is in the report; -1: it couldn't be
 * looked at. *ret_fd: its zip, or -1 where there is none. */
int skill_report_make(const char *path, struct skill_report *ret, int *ret_fd, int64_t *ret_size,
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
