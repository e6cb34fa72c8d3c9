#include "apiserver/audit.h"

#include "lib/base/id.h"
#include "lib/base/log.h"

#include <stdlib.h>
#include <sys/queue.h>

#define MAX_KEPT 20000 /* rows that wait for the database */
#define TICK_MS 1000
#define AT_ONCE 64

struct row {
	TAILQ_ENTRY(row) link;
	bool sent;
	char id[ID_UUID_SIZE]; /* of ours, so that a repeated insert is no second row */
	int64_t at_ms;
	const char *action;
	char *key, *tenant, *request, *object;
};

struct audit {
	const struct clock *clock;
	struct db *db;
	uv_timer_t timer;
	TAILQ_HEAD(, row) rows;
	unsigned count, sent;
};

struct sent {
	struct audit *audit;
	struct row *row;
};

static void row_free(struct row *row)
{
	free(row->key);
	free(row->tenant);
	free(row->request);
	free(row->object);
	free(row);
}

/* So that it is known at least there. */
static void tell_log(const struct row *row, const char *why)
{
	char at[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(row->at_ms, true, at);
	log_error("audit row not stored", "reason", why, "at", at, "key", row->key, "tenant", row->tenant,
		  "request_id", row->request, "action", row->action, "object", row->object, NULL);
}

static void row_done(struct audit *audit, struct row *row)
{
	TAILQ_REMOVE(&audit->rows, row, link);
	audit->count--;
	row_free(row);
}

static void on_put(void *context, const struct db_result *result, const struct error *error)
{
	const struct sent *sent = context;
	(void)result;
	sent->audit->sent--;
	sent->row->sent = false;
	bool again = error && (error->code == ERR_UNAVAILABLE || error->code == ERR_TIMEOUT ||
			       error->code == ERR_NO_MEMORY);
	if (error && !again)
		tell_log(sent->row, error->message);
	if (!again)
		row_done(sent->audit, sent->row);
}

static void send_row(struct audit *audit, struct row *row)
{
	struct sent *sent = calloc(1, sizeof(*sent));
	if (!sent)
		return;
	*sent = (struct sent){audit, row};
	struct db_parameters *parameters = db_parameters_new();
	db_put_text(parameters, row->id);
	db_put_time(parameters, row->at_ms);
	db_put_text(parameters, row->key);
	db_put_text(parameters, row->tenant);
	db_put_text(parameters, row->request);
	db_put_text(parameters, row->action);
	db_put_text(parameters, row->object);
	struct db_call call = {DB_AUDIT_PUT, parameters, on_put, sent, free};
	if (db_run(audit->db, &call, NULL) != 0) { /* the next tick tries again */
		free(sent);
		return;
	}
	row->sent = true;
	audit->sent++;
}

static void on_tick(uv_timer_t *timer)
{
	struct audit *audit = timer->data;
	struct row *row;
	if (db_check(audit->db, NULL) != 0)
		return;
	TAILQ_FOREACH(row, &audit->rows, link) {
		if (audit->sent >= AT_ONCE)
			break;
		if (!row->sent)
			send_row(audit, row);
	}
}

void audit_note(struct audit *audit, const struct caller *caller, const char *action, const char *object)
{
	struct row *row = audit ? calloc(1, sizeof(*row)) : NULL;
	if (!row)
		return;
	id_uuid4(row->id);
	row->at_ms = clock_wall_ms(audit->clock);
	row->action = action;
	row->key = str_dup(str_of(caller->key_id));
	row->tenant = str_dup(str_of(caller->tenant));
	row->request = str_dup(str_of(caller->request_id));
	row->object = str_dup(str_of(object));
	if (!row->key || !row->tenant || !row->request || !row->object || audit->count >= MAX_KEPT) {
		tell_log(row, "too many wait, or memory is short");
		row_free(row);
		return;
	}
	TAILQ_INSERT_TAIL(&audit->rows, row, link);
	audit->count++;
	if (audit->sent < AT_ONCE)
		send_row(audit, row);
}

bool audit_is_idle(const struct audit *audit)
{
	return !audit || audit->sent == 0;
}

size_t audit_backlog(const struct audit *audit)
{
	return audit->count;
}

struct audit *audit_new(uv_loop_t *loop, const struct clock *clock, struct db *db, struct error *err)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	if (!audit) {
		error_no_memory(err);
		return NULL;
	}
	audit->clock = clock;
	audit->db = db;
	TAILQ_INIT(&audit->rows);
	uv_timer_init(loop, &audit->timer); /* can't fail, nor can the start with a callback */
	audit->timer.data = audit;
	uv_timer_start(&audit->timer, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&audit->timer);
	return audit;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct audit *audit_free(struct audit *audit)
{
	if (!audit)
		return NULL;
	for (struct row *row; (row = TAILQ_FIRST(&audit->rows));) {
		tell_log(row, "the server ends");
		row_done(audit, row);
	}
	uv_close((uv_handle_t *)&audit->timer, on_closed);
	return NULL;
}
