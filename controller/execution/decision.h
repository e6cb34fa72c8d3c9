/* What the rules of the plan say with: one question to them, and the answers that a plan is made of. */
#ifndef SKILLBOX_CONTROLLER_EXECUTION_DECISION_H
#define SKILLBOX_CONTROLLER_EXECUTION_DECISION_H

#include "controller/execution/plan.h"

#define DECISION_MESSAGE_SIZE 1280

/* One question to the rules. */
struct decision {
	const struct observation *seen;
	const struct controller_config *config;
	struct plan *plan;
	struct error *err;
};

/* The earliest wish for another look wins. */
void decision_look_again(const struct decision *d, int64_t ms);
void decision_note_event(const struct decision *d, const char *type, const char *reason, const char *note);

/* All below: 0, or -1 with d->err. */

/* The status to be written; takes it. NULL: -1. */
int decision_wish(const struct decision *d, struct execution *status);
/* The run ends without a result of its own. */
int decision_end(const struct decision *d, const char *error_code, const char *message);
/* Condition Succeeded is Unknown with this reason; written once. */
int decision_report(const struct decision *d, const char *reason, const char *message);
/* The same for what is in the way, with an Event. Words that differ in their figures only, as those of quotas
 * do, are written now and then. */
int decision_report_trouble(const struct decision *d, const char *type, const char *reason,
			    const char *message);
/* The same for what goes as it should: told if it takes long, or if something else was in the way before. */
int decision_report_step(const struct decision *d, const char *reason, const char *message);
/* The sandbox is gone without a result. Running again is harmless, since a sandbox affects nothing outside.
 */
int decision_replace_sandbox(const struct decision *d, const char *why);

/* A stranger's Pod has the name of the sandbox: another name is tried, and that Pod is left alone. */
int decision_leave_name(const struct decision *d, const char *why);

/* A Pod is touched only if it was made for this Execution, or given to it. */
bool decision_pod_is_ours(const struct observation *seen);
/* It is ours, and nobody has deleted it. */
bool decision_pod_is_left(const struct observation *seen);

#endif
