/* JUnit XML, as CI systems read it. */
#ifndef SKILLBOX_CLI_CASES_JUNIT_H
#define SKILLBOX_CLI_CASES_JUNIT_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum junit_verdict { JUNIT_PASSED, JUNIT_FAILED, JUNIT_ERROR };

struct junit_case {
	const char *name;
	enum junit_verdict verdict;
	int64_t duration_ms;
	const char *why;   /* one line; NULL of one that passed */
	struct str detail; /* more lines */
	struct str log;
};

struct junit_suite {
	const char *name;
	int64_t started_ms; /* wall clock */
	const struct junit_case *cases;
	size_t count;
};

/* Look at out->failed. */
void junit_write(const struct junit_suite *suite, struct buffer *out);
/* s as text or as an attribute's value: what XML 1.0 has no character for becomes U+FFFD. */
void junit_escape(struct buffer *out, struct str s, bool is_attribute);

#endif
