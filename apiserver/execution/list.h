/* A tenant's executions, newest first, in pages: those in the cluster and those in the history. */
#ifndef SKILLBOX_APISERVER_EXECUTION_LIST_H
#define SKILLBOX_APISERVER_EXECUTION_LIST_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"
#include "apiserver/execution/list_cursor.h"
#include "apiserver/object/shared_execution.h"

struct execution_query {
	struct str skill, status; /* empty: all */
	int64_t limit;
	bool has_cursor;
	struct list_cursor after;
};

/* As clients write them; empty: left out. ret points into them. ERR_BAD_REQUEST. */
int execution_query_read(struct str skill, struct str status, struct str limit, struct str cursor,
			 struct execution_query *ret, struct error *err);

struct execution_page {
	struct shared_execution *const *executions; /* outlines will do */
	size_t count;
	/* There are more, behind: */
	bool has_next;
	struct list_cursor next;
};

/* The page (valid during the call), or the failure, as clients may see it. */
typedef void (*execution_page_cb)(void *context, const struct execution_page *page,
				  const struct error *failure);

/* Of the caller's tenant. query is used during the call only. done is called once, at once or later. */
void execution_list(struct apiserver *server, struct caller *caller, const struct execution_query *query,
		    execution_page_cb done, void *context);

#endif
