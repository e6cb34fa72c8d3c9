#include "cli/running.h"

#include "cli/remote/events.h"
#include "cli/terminal/interrupt.h"
#include "lib/base/clock.h"

#include <string.h>

#define CANCEL_US ((int64_t)10 * 1000000)

int running_log_line(void *file, struct str text, struct error *err)
{
	if ((text.n > 0 && fwrite(text.p, 1, text.n, file) != text.n) || putc('\n', file) == EOF ||
	    fflush(file) != 0)
		return error_errno(err, "can't write the log");
	return 0;
}

/* With its log: asked for without waiting, followed, and read when it has ended. */
static int follow(struct http *http, const struct running *running, const struct submission *submission,
		  char *id, size_t id_size, struct http_answer *ret, struct error *err)
{
	struct execution_facts facts;
	int status = submission_send(http, submission, NULL, ret, err);
	if (status == 0)
		status = execution_facts(ret, &facts, err);
	if (status != 0)
		return status;
	snprintf(id, id_size, "%s", facts.id);
	status = events_follow(http, facts.id, running_log_line, running->log, err);
	return status == 0 ? execution_wait(http, facts.id, NULL, ret, err) : status;
}

static int wait_for(struct http *http, const struct running *running, const struct submission *submission,
		    struct http_answer *ret, struct error *err)
{
	struct execution_facts facts;
	int status = submission_send(http, submission, running->what, ret, err);
	if (status == 0)
		status = execution_facts(ret, &facts, err);
	if (status != 0 || facts.has_ended || running->is_async)
		return status;
	return execution_wait(http, facts.id, running->what, ret, err);
}

/* After Ctrl-C: the execution is looked for by the key it was asked for with, if its id isn't known yet. */
static int cancel(struct http *http, const struct submission *submission, const char *known,
		  struct error *err)
{
	char id[128];
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	interrupt_forget();
	http_set_deadline(http, clock_monotonic_us(&clock_system) + CANCEL_US);
	fprintf(stderr, "cancelling …\n");
	snprintf(id, sizeof(id), "%s", known);
	if (!id[0] && submission_find(http, submission, id, err) != 0)
		return error_wrap(err, "it is not known whether the execution goes on");
	if (execution_cancel(http, id, &answer, err) != 0)
		return error_wrap(err, "execution %s goes on", id);
	fprintf(stderr, "cancelled execution %s\n", id);
	return COMMAND_INTERRUPTED;
}

int running_run(struct http *http, const struct running *running, struct http_answer *ret, struct error *err)
{
	char id[128] = "";
	cleanup_submission struct submission submission = SUBMISSION;
	if (submission_make(&running->request, running->is_async || running->log, &submission, err) != 0 ||
	    interrupt_catch(err) != 0)
		return -1;
	int status = running->log ? follow(http, running, &submission, id, sizeof(id), ret, err)
				  : wait_for(http, running, &submission, ret, err);
	if (status == HTTP_INTERRUPTED && cancel(http, &submission, id, err) != COMMAND_INTERRUPTED) {
		fprintf(stderr, "Error: %s\n", err->message);
		return COMMAND_INTERRUPTED;
	}
	if (status == -1 && !running->request.key && ret->status == 0)
		fprintf(stderr, "Again with --idempotency-key %s gives the same execution, if it was made\n",
			submission.key);
	return status;
}
