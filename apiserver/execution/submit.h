/* Have a skill run: check the wish, create the Execution, and wait for its end.
 *
 *   check ──► claim ──► join ─────────────────────┐
 *     │         │        │ it was never created   ▼
 *     ├─────────┴────────┴──► store input ──► create ──► wait ──► ended
 *     └───────────── (a small input) ─────────►
 *
 * claim: of an idempotency key, where a database keeps it. join: an earlier wish with the same key has made
 * the execution, or is about to. Without a database two wishes with one key meet at create, which then joins.
 * An async wish ends without waiting. */
#ifndef SKILLBOX_APISERVER_EXECUTION_SUBMIT_H
#define SKILLBOX_APISERVER_EXECUTION_SUBMIT_H

#include "apiserver/execution/draft.h"
#include "apiserver/object/shared_execution.h"

enum submit_step {
	SUBMIT_CHECK,
	SUBMIT_CLAIM,
	SUBMIT_JOIN,
	SUBMIT_STORE_INPUT,
	SUBMIT_CREATE,
	SUBMIT_WAIT,
	SUBMIT_ENDED
};

/* The execution (valid during the call): finished, or of an async wish as it is now. Or the failure, as
 * clients may see it. */
typedef void (*submit_cb)(void *context, const struct shared_execution *execution,
			  const struct error *failure);

/* wish is used during the call only; its env is taken. done is called once, at once or later. */
void execution_submit(struct apiserver *server, struct caller *caller, struct execution_wish *wish,
		      submit_cb done, void *context);

#endif
