/* Have a skill run: check the wish, create the Execution, and wait for its end.
 *
 *   check (and of a skill with a schema: check input)
 *     │
 *     ├─────► claim ──► join ─────────────────────┐
 *     │         │        │ it was never created   ▼
 *     ├─────────┴────────┴──► store input ──► create ──► wait ──► ended
 *     └───────────── (a small input) ─────────►│  ▲        ▲
 *                              nobody answers  ▼  │ no     │
 *                                             look ────────┘ it is there
 *
 * check input: nothing is there yet, and nobody waits; what doesn't match ends there.
 * claim: of an idempotency key, where a database keeps it. join: an earlier wish with the same key has made
 * the execution, or is about to. Without a database two wishes with one key meet at create, which then joins.
 * look: a create was not answered, or by a server that does not say what it did. What is there is looked up
 * by its name; if nothing is, it is created again by that name, which makes no second one.
 * An async wish ends without waiting.
 *
 * A synchronous one is told by the watch, which may be faster or slower than any answer. Per step, what may
 * come and what comes of it; a dash: it can't come, nobody waits yet.
 *
 *   step    its answer                              the watch: it ended    it is gone            time is over
 *   ------  --------------------------------------  ---------------------  --------------------  ------------
 *   claim   ours: store input; known: join;         –                      –                     –
 *           another body: 409
 *   store   create; no place for another: 429       –                      –                     –
 *   create  201: wait; AlreadyExists: wait, with a  kept for the answer;   it was seen: 503,     503, and
 *           key join; Conflict, quota …: 503, 429;  then the end           deleted; not seen:    where to
 *           not known: look                                                an older one, go on   read it
 *   join    there: wait; other body: 409; not       kept; also for "not    seen: 503; not seen:  503
 *           there: history, else create             there"                 if the answer says
 *                                                                          "runs", look again
 *   look    there: wait; not there: create, after   as join                as join               503
 *           3 of them, or if nobody answers: 503
 *           "it is not known"
 *   wait    –                                       the end                503, deleted          503
 *   ended   what was created counts, else nothing   –                      –                     –
 *
 * "wait" of an end that was kept is the end. */
#ifndef SKILLBOX_APISERVER_EXECUTION_SUBMIT_H
#define SKILLBOX_APISERVER_EXECUTION_SUBMIT_H

#include "apiserver/execution/draft.h"
#include "apiserver/object/shared_execution.h"

enum submit_step {
	SUBMIT_CHECK,
	SUBMIT_CHECK_INPUT,
	SUBMIT_CLAIM,
	SUBMIT_JOIN,
	SUBMIT_STORE_INPUT,
	SUBMIT_CREATE,
	SUBMIT_LOOK,
	SUBMIT_WAIT,
	SUBMIT_ENDED
};

/* The execution (valid during the call): finished, or of an async wish as it is now. Or the failure, as
 * clients may see it. */
typedef void (*submit_cb)(void *context, const struct shared_execution *execution,
			  const struct error *failure);

struct submission;

/* wish is used during the call only; its env is taken. done is called once, at once (NULL is returned then)
 * or later; until then there is the submission. */
struct submission *execution_submit(struct apiserver *server, struct caller *caller,
				    struct execution_wish *wish, submit_cb done, void *context);
/* The caller is gone: what was wished for is done all the same, but nobody waits for its end, nor for what an
 * earlier wish has made. done is called now, if nothing is left to do, or later. */
void submit_go_alone(struct submission *submission);

#endif
