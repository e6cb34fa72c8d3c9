/* What came of a skill's cases, for people, programs and CI. */
#ifndef SKILLBOX_CLI_CASES_REPORT_H
#define SKILLBOX_CLI_CASES_REPORT_H

#include "cli/cases/junit.h"
#include "cli/cases/test_case.h"
#include "cli/config/settings.h"

/* Bytes of a log that are kept for the report. */
#define CASE_LOG_MAX ((size_t)16 << 10)

struct case_outcome {
	const struct test_case *test;
	enum junit_verdict verdict;
	int64_t duration_ms;
	struct differences differences;
	char *why; /* one line; NULL of one that passed */
	char *log; /* the end of it; NULL: there is none */
};
void case_outcome_free(struct case_outcome *outcome);

/* From a result that test_case_judge was asked about: verdict, why, duration and log. */
int case_outcome_fill(struct case_outcome *outcome, struct str result, struct error *err);
/* It could not be run. */
int case_outcome_set_error(struct case_outcome *outcome, const struct error *why, struct error *err);

/* On standard output: a table with the differences below it, or a list of objects. */
int case_report_print(const struct case_outcome *outcomes, size_t count, enum output output,
		      struct error *err);
/* JUnit XML, which appears whole. */
int case_report_junit(const struct case_outcome *outcomes, size_t count, const char *skill,
		      int64_t started_ms, const char *path, struct error *err);

#endif
