/* The Execution that somebody wishes for: checked against the tenant's skills and this server's limits, and
 * filled in. Nothing is stored yet, and no place is taken. */
#ifndef SKILLBOX_APISERVER_EXECUTION_DRAFT_H
#define SKILLBOX_APISERVER_EXECUTION_DRAFT_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"
#include "apiserver/execution/execution_request.h"
#include "apiserver/usage.h"
#include "lib/api/execution.h"
#include "lib/base/digest.h"

struct execution_wish {
	struct execution_request request;
	/* The same key again is the same execution. Empty: none. */
	struct str idempotency_key;
	/* What must then be the same, too: the request as it came. */
	struct str body;
	/* What that uses. A draft with a large input takes it over. NULL: not counted. */
	struct usage_hold *hold;
};

struct draft {
	struct execution *execution;
	/* Of wish.body, if it came with a key; else "". */
	char digest[DIGEST_TEXT_SIZE];
	/* Of the key, if a database keeps it; else "". */
	char key_hash[DIGEST_HEX_SIZE];
	/* About how many bytes it will have in etcd. */
	int64_t size;
	/* A large input, on its way to the blob store; -1: the execution has it, or there is none. */
	int input_fd;
	struct usage_hold hold; /* for it, or for the text of the execution */
};

/* Takes wish->request.env. On failure ret needs no clear; errors are meant for clients, but for internal
 * ones. */
int draft_make(struct apiserver *server, const struct caller *caller, struct execution_wish *wish,
	       struct draft *ret, struct error *err);
void draft_clear(struct draft *draft);

/* It is stored whole: only its names are needed from here on. */
void draft_drop_input(struct draft *draft);
/* The input is stored: the file is not needed any more. */
void draft_close_input(struct draft *draft);

#endif
