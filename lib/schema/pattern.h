/* Regular expressions of ECMA-262 by PCRE2, with bounds that hold whatever the expression and the text are.
 *
 * PCRE2's own limit counts anew at each place where a match may begin, and a loop over a long text counts as
 * one. So it tells of each item of the expression before it is tried (automatic callouts), and what has been
 * read since is taken from the budget. */
#ifndef SKILLBOX_SCHEMA_PATTERN_H
#define SKILLBOX_SCHEMA_PATTERN_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/schema/budget.h"

struct pattern;

int pattern_compile(struct str text, struct pattern **ret, struct error *err);
struct pattern *pattern_free(struct pattern *pattern);
size_t pattern_size(const struct pattern *pattern); /* bytes */

/* What matches need, for one thread: made by the first that needs it, freed by the caller. */
struct pattern_workspace;
struct pattern_workspace *pattern_workspace_free(struct pattern_workspace *workspace);

/* Is it somewhere in the subject, which is UTF-8? False also if the budget is at its end. */
bool pattern_matches(const struct pattern *pattern, struct str subject, struct pattern_workspace **workspace,
		     struct budget *budget);

#endif
