/* GET /v1/executions: newest first, filtered, in pages. */
#include "apiserver/execution/executions.h"

#include "apiserver/execution/execution_request.h"
#include "apiserver/execution/history.h"
#include "apiserver/execution/list_cursor.h"
#include "apiserver/execution/render.h"
#include "lib/base/json_write.h"

#include <stdlib.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200

/* A list without those that are only in the database would look like a loss of them. */
static const char what_failed[] =
    "executions can't be listed without their history, which is in PostgreSQL and could not be read (see GET "
    "/ready); those that ended not long ago can be read by their id";

static const char *const statuses[] = {"pending", "running", "success", "failed", "timeout", "cancelled"};

struct listing {
	struct str skill, status; /* empty: all */
	int64_t limit;
	bool has_cursor;
	struct list_cursor after;
	struct record **records; /* one reference each */
	size_t count, capacity;
	bool failed;
};

static void listing_free(void *state)
{
	struct listing *listing = state;
	for (size_t i = 0; i < listing->count; i++)
		record_unref(listing->records[i]);
	free(listing->records);
	free(listing);
}

/* Takes the reference. */
static bool add(struct listing *listing, struct record *record)
{
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity ? 2 * listing->capacity : 64;
		struct record **records = realloc(listing->records, capacity * sizeof(*records));
		if (!records) {
			record_unref(record);
			listing->failed = true;
			return false;
		}
		listing->records = records;
		listing->capacity = capacity;
	}
	listing->records[listing->count++] = record;
	return true;
}

static struct list_cursor cursor_of(const struct record *record)
{
	struct list_cursor cursor = {.created_ms = record->requested_ms};
	snprintf(cursor.id, sizeof(cursor.id), "%s", execution_id(record->execution));
	return cursor;
}

static bool collect(void *context, const void *object)
{
	struct listing *listing = context;
	const struct record *record = object;
	const struct execution *execution = record->execution;
	if (listing->skill.n && !str_eq(listing->skill, str_of(execution->spec.skill_name)))
		return true;
	if (listing->status.n && !str_eq(listing->status, str_of(execution_rest_status(execution))))
		return true;
	struct list_cursor own = cursor_of(record);
	if (listing->has_cursor && list_cursor_compare(&own, &listing->after) <= 0)
		return true;
	return add(listing, record_ref(record));
}

static int newest_first(const void *a, const void *b)
{
	struct list_cursor left = cursor_of(*(const struct record *const *)a);
	struct list_cursor right = cursor_of(*(const struct record *const *)b);
	return list_cursor_compare(&left, &right);
}

static bool status_is_known(struct str status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (str_eq(status, str_of(statuses[i])))
			return true;
	return false;
}

/* The query's parameters; an empty one counts as left out. */
static int read_query(struct http_exchange *exchange, struct listing *ret, struct error *err)
{
	struct str value;
	ret->limit = LIMIT_DEFAULT;
	if (http_exchange_query(exchange, "skill", &value))
		ret->skill = value;
	if (http_exchange_query(exchange, "status", &value) && value.n) {
		if (!status_is_known(value))
			return error_set(
			    err, ERR_BAD_REQUEST,
			    "status must be pending, running, success, failed, timeout or cancelled, not "
			    "\"%.*s\"",
			    (int)(value.n < 64 ? value.n : 64), value.p);
		ret->status = value;
	}
	if (http_exchange_query(exchange, "limit", &value) && value.n &&
	    !str_to_i64(value, 1, LIMIT_MAX, &ret->limit))
		return error_set(err, ERR_BAD_REQUEST, "limit must be a number from 1 to %d, not \"%.*s\"",
				 LIMIT_MAX, (int)(value.n < 64 ? value.n : 64), value.p);
	if (http_exchange_query(exchange, "cursor", &value) && value.n) {
		if (list_cursor_parse(value, &ret->after, err) != 0)
			return -1;
		ret->has_cursor = true;
	}
	return 0;
}

static void render(struct request *request, const struct listing *listing, struct buffer *out)
{
	const struct render_texts none = {0};
	size_t shown = listing->count < (size_t)listing->limit ? listing->count : (size_t)listing->limit;
	char next[LIST_CURSOR_SIZE];
	buffer_append_c(out, "{\"executions\":[");
	for (size_t i = 0; i < shown; i++)
		render_execution(listing->records[i], RENDER_SUMMARY, request->tenant, &none, out);
	json_close(out, ']');
	if (shown < listing->count) {
		struct list_cursor last = cursor_of(listing->records[shown - 1]);
		list_cursor_format(&last, next);
		json_put_string(out, "next", next);
	}
	json_close(out, '}');
}

/* What stands in the cluster and in the history is there twice, with the same time and id. */
static void drop_doubles(struct listing *listing)
{
	size_t kept = 0;
	for (size_t i = 0; i < listing->count; i++) {
		if (kept > 0 && newest_first(&listing->records[kept - 1], &listing->records[i]) == 0)
			record_unref(listing->records[i]);
		else
			listing->records[kept++] = listing->records[i];
	}
	listing->count = kept;
}

static void answer(struct request *request, struct listing *listing)
{
	cleanup_buffer struct buffer body = BUFFER(REQUEST_ANSWER_MAX);
	if (listing->failed) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	if (listing->count)
		qsort(listing->records, listing->count, sizeof(struct record *), newest_first);
	drop_doubles(listing);
	render(request, listing, &body);
	request_answer_json(request, 200, &body);
}

static void on_history(struct request *request, const struct db_result *result, const struct error *error)
{
	struct listing *listing = request->state;
	struct error err;
	for (size_t row = 0; !error && row < db_result_rows(result); row++) {
		struct record *record = history_record(result, row, &err);
		if (!record)
			error = &err;
		else if (!add(listing, record))
			break;
	}
	if (error)
		request_answer_fault(request, what_failed, error);
	else
		answer(request, listing);
}

/* One more than is shown tells whether there is a next page. The cluster is looked at before the history:
 * what is archived and deleted meanwhile is then in the first, if not in the second. */
void execution_list(struct request *request)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	struct error err;
	if (!listing) {
		request_refuse(request, ERR_UNAVAILABLE, "out of memory");
		return;
	}
	request->state = listing;
	request->free_state = listing_free;
	if (read_query(request->exchange, listing, &err) != 0) {
		request_answer_error(request, &err);
		return;
	}
	cluster_executions_each(request->server->cluster, request->namespace, collect, listing);
	if (!request->server->db)
		answer(request, listing);
	else if (history_list(request, listing->skill, listing->status,
			      listing->has_cursor ? &listing->after : NULL, listing->limit + 1, on_history,
			      &err) != 0)
		request_answer_fault(request, what_failed, &err);
}
