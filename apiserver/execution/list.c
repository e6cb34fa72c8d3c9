#include "apiserver/execution/list.h"

#include "apiserver/execution/history.h"
#include "apiserver/failure.h"
#include "apiserver/operation.h"
#include "lib/base/utf8.h"

#include <stdlib.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
#define FIRST_CAPACITY 64 /* executions */
#define PIECE 500         /* executions looked at in one turn of the loop */

/* A list without those that are only in the database would look like a loss of them. */
static const char what_failed[] =
    "executions can't be listed without their history, which is in PostgreSQL and could not be read (see GET "
    "/ready); those that ended not long ago can be read by their id";

static const char *const statuses[] = {"pending", "running", "success", "failed", "timeout", "cancelled"};

struct listing {
	struct operation operation;
	struct execution_query query; /* its strings are ours */
	char *skill, *status;
	struct list_cursor place;             /* of the last that was looked at in the cluster … */
	const struct shared_execution *last;  /* … which this is, during a piece … */
	size_t looked_at;                     /* … how many in this piece … */
	size_t found;                         /* … and how many of all are wanted */
	struct shared_execution **executions; /* one reference each */
	size_t count, capacity;
	bool has_no_memory;
	/* NULL: it was called. */
	execution_page_cb done;
	void *context;
};

static struct listing *of(struct operation *operation)
{
	return (struct listing *)operation;
}

static bool status_is_known(struct str status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (str_eq(status, str_of(statuses[i])))
			return true;
	return false;
}

int execution_query_read(struct str skill, struct str status, struct str limit, struct str cursor,
			 struct execution_query *ret, struct error *err)
{
	struct execution_query query = {.skill = skill, .status = status, .limit = LIMIT_DEFAULT};
	if (status.n && !status_is_known(status))
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "status must be pending, running, success, failed, timeout or cancelled, not \"%.*s\"",
		    utf8_shown(status), status.p);
	if (limit.n && !str_to_i64(limit, 1, LIMIT_MAX, &query.limit))
		return error_set(err, ERR_BAD_REQUEST, "limit must be a number from 1 to %d, not \"%.*s\"",
				 LIMIT_MAX, utf8_shown(limit), limit.p);
	query.has_cursor = cursor.n > 0;
	if (query.has_cursor && list_cursor_parse(cursor, &query.after, err) != 0)
		return -1;
	*ret = query;
	return 0;
}

static void end(struct listing *listing, const struct execution_page *page, const struct error *failure)
{
	execution_page_cb done = listing->done;
	listing->done = NULL;
	if (done)
		done(listing->context, page, failure);
}

static void fail(struct listing *listing, const struct error *err)
{
	struct error failure;
	failure_of_fault(listing->operation.caller, what_failed, err, &failure);
	end(listing, NULL, &failure);
}

static void listing_free(struct operation *operation)
{
	struct listing *listing = of(operation);
	struct error failure;
	failure_of_stop(&failure);
	end(listing, NULL, &failure);
	for (size_t i = 0; i < listing->count; i++)
		shared_execution_unref(listing->executions[i]);
	free(listing->executions);
	free(listing->skill);
	free(listing->status);
	free(listing);
}

/* Collecting */

/* Takes the reference. */
static bool add(struct listing *listing, struct shared_execution *shared)
{
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity ? 2 * listing->capacity : FIRST_CAPACITY;
		struct shared_execution **executions =
		    realloc(listing->executions, capacity * sizeof(struct shared_execution *));
		if (!executions) {
			shared_execution_unref(shared);
			listing->has_no_memory = true;
			return false;
		}
		listing->executions = executions;
		listing->capacity = capacity;
	}
	listing->executions[listing->count++] = shared;
	return true;
}

static struct list_cursor cursor_of(const struct shared_execution *shared)
{
	struct list_cursor cursor = {.created_ms = shared->requested_ms};
	snprintf(cursor.id, sizeof(cursor.id), "%s", execution_id(shared->execution));
	return cursor;
}

static bool is_wanted(const struct execution_query *query, const struct execution *execution)
{
	return (query->skill.n == 0 || str_eq(query->skill, str_of(execution->spec.skill_name))) &&
	       (query->status.n == 0 || str_eq(query->status, str_of(execution_rest_status(execution))));
}

/* One more than the limit tells whether there is a next page. */
static bool has_enough(const struct listing *listing)
{
	return listing->found > (size_t)listing->query.limit;
}

static bool collect(void *context, const struct shared_execution *shared)
{
	struct listing *listing = context;
	listing->last = shared;
	listing->looked_at++;
	if (is_wanted(&listing->query, shared->execution)) {
		if (!add(listing, shared_execution_ref(shared)))
			return false;
		listing->found++;
	}
	return listing->looked_at < PIECE && !has_enough(listing);
}

/* false: those of the cluster are complete. */
static bool look_on(struct listing *listing)
{
	const struct operation *operation = &listing->operation;
	const struct execution_position after = {listing->place.created_ms, listing->place.id};
	listing->looked_at = 0;
	execution_index_each(cluster_executions(operation->server->cluster), operation->caller->namespace,
			     listing->place.id[0] ? &after : NULL, collect, listing);
	if (listing->looked_at > 0)
		listing->place = cursor_of(listing->last);
	metrics_add(operation->server->metrics, APISERVER_LISTED, METRIC_PLAIN, (double)listing->looked_at);
	return listing->looked_at == PIECE && !has_enough(listing) && !listing->has_no_memory;
}

/* Handing over */

static int newest_first(const void *a, const void *b)
{
	struct list_cursor left = cursor_of(*(const struct shared_execution *const *)a);
	struct list_cursor right = cursor_of(*(const struct shared_execution *const *)b);
	return list_cursor_compare(&left, &right);
}

/* What is in the cluster and in the history came twice, with the same time and id. */
static void drop_doubles(struct listing *listing)
{
	size_t kept = 0;
	for (size_t i = 0; i < listing->count; i++) {
		if (kept > 0 && newest_first(&listing->executions[kept - 1], &listing->executions[i]) == 0)
			shared_execution_unref(listing->executions[i]);
		else
			listing->executions[kept++] = listing->executions[i];
	}
	listing->count = kept;
}

static void hand_over(struct listing *listing)
{
	struct error failure;
	size_t limit = (size_t)listing->query.limit;
	if (listing->has_no_memory) {
		error_set(&failure, ERR_UNAVAILABLE, "out of memory");
		end(listing, NULL, &failure);
		return;
	}
	if (listing->count)
		qsort(listing->executions, listing->count, sizeof(struct shared_execution *), newest_first);
	drop_doubles(listing);
	struct execution_page page = {.executions = listing->executions, .count = listing->count};
	if (page.count > limit) {
		page.count = limit;
		page.has_next = true;
		page.next = cursor_of(page.executions[limit - 1]);
	}
	end(listing, &page, NULL);
}

static void on_history(struct operation *operation, const struct db_result *result, const struct error *error)
{
	struct listing *listing = of(operation);
	struct error err;
	for (size_t row = 0; !error && row < db_result_rows(result); row++) {
		struct shared_execution *shared = history_execution(result, row, &err);
		if (!shared)
			error = &err;
		else if (!add(listing, shared))
			break;
	}
	if (error)
		fail(listing, error);
	else
		hand_over(listing);
}

/* The cluster is looked at before the history: what is archived and deleted meanwhile is then in the first,
 * if not in the second. */
static void ask_history(struct listing *listing)
{
	struct error err;
	const struct execution_query *query = &listing->query;
	if (!listing->operation.server->db)
		hand_over(listing);
	else if (history_list(&listing->operation, query->skill, query->status,
			      query->has_cursor ? &query->after : NULL, query->limit + 1, on_history,
			      &err) != 0)
		fail(listing, &err);
}

/* operation_piece_cb */
static bool look_on_later(struct operation *operation)
{
	struct listing *listing = of(operation);
	if (look_on(listing))
		return true;
	ask_history(listing);
	return false;
}

static int keep_words(struct listing *listing, struct error *err)
{
	struct execution_query *query = &listing->query;
	listing->skill = str_dup(query->skill);
	listing->status = str_dup(query->status);
	if (!listing->skill || !listing->status)
		return error_no_memory(err);
	query->skill = str_of(listing->skill);
	query->status = str_of(listing->status);
	return 0;
}

/* A filter may let few of many through: who looks for these gives way to others after each piece. */
void execution_list(struct apiserver *server, struct caller *caller, const struct execution_query *query,
		    execution_page_cb done, void *context)
{
	struct error err;
	struct listing *listing = calloc(1, sizeof(*listing));
	if (!listing) {
		error_set(&err, ERR_UNAVAILABLE, "out of memory");
		done(context, NULL, &err);
		return;
	}
	operation_init(&listing->operation, server, caller, listing_free);
	listing->query = *query;
	listing->done = done;
	listing->context = context;
	if (query->has_cursor)
		listing->place = query->after;
	if (keep_words(listing, &err) != 0)
		fail(listing, &err);
	else if (!look_on(listing))
		ask_history(listing);
	else if (operation_pieces(&listing->operation, look_on_later, &err) != 0)
		fail(listing, &err);
	operation_unref(&listing->operation);
}
