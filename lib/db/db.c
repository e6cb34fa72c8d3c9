/* The pool, as the loop sees it: statements wait in a queue, go to a free connection's thread, and come back.
 */
#include "lib/db/db.h"
#include "lib/base/clock.h"

#include "lib/db/connection.h"

#include <stdlib.h>
#include <sys/queue.h>

#define MAX_CONNECTIONS 16
#define TICK_MS 500
#define PING_AFTER_MS 1500 /* without news from the database */
/* A statement without an answer for so long makes the database unusable for /ready. */
#define SILENCE_MS 3000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 3000

struct db_result {
	PGresult *pg;
};

struct job {
	TAILQ_ENTRY(job) link;
	struct db_call call;
	int64_t queued_ms;
};

struct slot {
	struct db *db;
	uv_work_t work;
	struct db_connection connection;
	struct job *job; /* NULL: idle */
	bool migrate;
	int64_t begun_ms;
	/* written by the thread */
	PGresult *result;
	bool lost;
	int status;
	struct error error;
};

struct db {
	uv_loop_t *loop;
	uv_timer_t timer;
	bool timer_open, closing;
	char *dsn;
	struct db_options options;
	struct slot slots[MAX_CONNECTIONS];
	unsigned slot_count, busy;
	TAILQ_HEAD(job_list, job) queue;
	unsigned queue_length;
	size_t queue_bytes;
	uint64_t done, failed;
	bool up;       /* the last statement reached the database */
	bool told;     /* options.changed knows of `up` */
	bool migrated; /* the schema is right */
	unsigned failures;
	int64_t retry_ms; /* not up: no try before */
	int64_t heard_ms; /* last answer */
};

static int64_t now_ms(const struct db *db)
{
	return (int64_t)uv_now(db->loop);
}

static size_t job_bytes(const struct job *job)
{
	return job->call.parameters ? job->call.parameters->bytes : 0;
}

/* result or error; neither: the caller never hears of it. */
static void job_end(struct db *db, struct job *job, const struct db_result *result, const struct error *error)
{
	db->done += result || error;
	db->failed += error != NULL;
	if (job->call.done && (result || error))
		job->call.done(job->call.context, result, error);
	if (job->call.release)
		job->call.release(job->call.context);
	db_parameters_free(job->call.parameters);
	free(job);
}

static struct job *queue_take(struct db *db)
{
	struct job *job = TAILQ_FIRST(&db->queue);
	if (!job)
		return NULL;
	TAILQ_REMOVE(&db->queue, job, link);
	db->queue_length--;
	db->queue_bytes -= job_bytes(job);
	return job;
}

/* The database's state */

static void note_up(struct db *db)
{
	db->heard_ms = now_ms(db);
	db->failures = 0;
	if (db->up)
		return;
	db->up = true;
	if (db->options.changed && !db->closing)
		db->options.changed(db->options.context, NULL);
	db->told = true;
}

/* Those who wait are told at once: each would else wait for a failure of its own. */
static void note_down(struct db *db, const struct error *problem)
{
	db->retry_ms = now_ms(db) + duration_doubled(BACKOFF_FIRST_MS, db->failures++, BACKOFF_MAX_MS);
	bool is_news = db->up || !db->told;
	db->up = false;
	db->told = true;
	db->migrated = false; /* what comes back may be another server, or restored from a backup */
	if (is_news && db->options.changed && !db->closing)
		db->options.changed(db->options.context, problem);
	struct job_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
	TAILQ_CONCAT(&waiting, &db->queue, link); /* what is added meanwhile has its own luck */
	db->queue_length = 0;
	db->queue_bytes = 0;
	for (struct job *job; (job = TAILQ_FIRST(&waiting));) {
		TAILQ_REMOVE(&waiting, job, link);
		job_end(db, job, NULL, db->closing ? NULL : problem);
	}
}

static int away(struct error *err)
{
	return error_set(err, ERR_UNAVAILABLE, "the database can't be reached");
}

int db_check(const struct db *db, struct error *err)
{
	if (!db->up)
		return away(err);
	for (unsigned i = 0; i < db->slot_count; i++)
		if (db->slots[i].job && now_ms(db) - db->slots[i].begun_ms > SILENCE_MS &&
		    now_ms(db) - db->heard_ms > SILENCE_MS)
			return error_set(err, ERR_UNAVAILABLE, "the database does not answer");
	return 0;
}

void db_stats(const struct db *db, struct db_stats *ret)
{
	*ret = (struct db_stats){db->done, db->failed, db->queue_length, db->busy};
}

/* Threads */

static void in_thread(uv_work_t *work)
{
	struct slot *slot = work->data;
	const struct db *db = slot->db; /* what is read here doesn't change while a thread runs */
	const struct db_parameters *parameters = slot->job->call.parameters;
	struct db_target target = {db->dsn, db->options.application, db->options.statement_ms, slot->migrate};
	slot->result = NULL;
	slot->lost = false;
	slot->status =
	    db_connection_run(&slot->connection, &target, slot->job->call.statement,
			      parameters ? (const char *const *)parameters->values : NULL,
			      parameters ? parameters->count : 0, &slot->result, &slot->lost, &slot->error);
}

static void dispatch(struct db *db);
static void finish_free(struct db *db);

static void after_thread(uv_work_t *work, int status)
{
	(void)status; /* never cancelled */
	struct slot *slot = work->data;
	struct db *db = slot->db;
	struct job *job = slot->job;
	struct error error = slot->error;
	struct db_result result = {slot->result};
	bool failed = slot->status != 0, lost = slot->lost;
	slot->job = NULL; /* from here on the slot may be taken again */
	slot->result = NULL;
	db->busy--;
	if (lost) {
		note_down(db, &error);
	} else {
		db->migrated = true;
		note_up(db);
	}
	if (db->closing)
		job_end(db, job, NULL, NULL);
	else
		job_end(db, job, failed ? NULL : &result, failed ? &error : NULL);
	PQclear(result.pg);
	if (db->closing)
		finish_free(db);
	else
		dispatch(db);
}

static struct slot *idle_slot(struct db *db)
{
	struct slot *found = NULL;
	for (unsigned i = 0; i < db->slot_count; i++) {
		struct slot *slot = &db->slots[i];
		if (slot->job)
			continue;
		if (slot->connection.pg)
			return slot;
		if (!found)
			found = slot;
	}
	return found;
}

/* While the database is away, one statement at a time finds out whether it is back. */
static void dispatch(struct db *db)
{
	struct slot *slot;
	while (!TAILQ_EMPTY(&db->queue) && (db->up || db->busy == 0) && (slot = idle_slot(db))) {
		slot->job = queue_take(db);
		slot->migrate = !db->migrated;
		slot->begun_ms = now_ms(db);
		slot->work.data = slot;
		db->busy++;
		uv_queue_work(db->loop, &slot->work, in_thread,
			      after_thread); /* fails only without a callback */
	}
}

/* From outside */

int db_run(struct db *db, const struct db_call *call, struct error *err)
{
	const struct db_parameters *parameters = call->parameters;
	size_t count = parameters ? parameters->count : 0, bytes = parameters ? parameters->bytes : 0;
	struct job *job = NULL;
	if (parameters && parameters->failed && parameters->too_large)
		error_set(err, ERR_TOO_LARGE, "%s: its parameters are too large",
			  db_statement_table[call->statement].name);
	else if (parameters ? parameters->failed : db_statement_table[call->statement].parameters > 0)
		error_no_memory(err);
	else if (count != db_statement_table[call->statement].parameters)
		error_set(err, ERR_INTERNAL, "%s takes %zu parameters, not %zu",
			  db_statement_table[call->statement].name,
			  db_statement_table[call->statement].parameters, count);
	else if (db->closing || (!db->up && db->busy == 0 && now_ms(db) < db->retry_ms))
		away(err);
	else if (db->queue_length >= db->options.queue_max ||
		 db->queue_bytes + bytes > db->options.queue_max_bytes)
		error_set(err, ERR_UNAVAILABLE, "too many statements wait for the database");
	else if (!(job = calloc(1, sizeof(*job))))
		error_no_memory(err);
	if (!job) {
		db->done++;
		db->failed++;
		db_parameters_free(call->parameters);
		return -1;
	}
	job->call = *call;
	job->queued_ms = now_ms(db);
	TAILQ_INSERT_TAIL(&db->queue, job, link);
	db->queue_length++;
	db->queue_bytes += bytes;
	dispatch(db);
	return 0;
}

/* Time */

static void expire_waiting(struct db *db)
{
	struct error late;
	error_set(&late, ERR_UNAVAILABLE, "the database was busy for too long");
	for (struct job *job;
	     (job = TAILQ_FIRST(&db->queue)) && now_ms(db) - job->queued_ms > (int64_t)db->options.queue_ms;)
		job_end(db, queue_take(db), NULL, &late);
}

static void on_tick(uv_timer_t *timer)
{
	struct db *db = timer->data;
	struct db_call ping = {.statement = DB_PING};
	expire_waiting(db);
	if (db->busy == 0 && TAILQ_EMPTY(&db->queue) &&
	    (db->up ? now_ms(db) - db->heard_ms > PING_AFTER_MS : now_ms(db) >= db->retry_ms))
		(void)db_run(db, &ping,
			     NULL); /* its outcome is in db->up; without memory the next tick tries again */
}

/* Life */

static int check_dsn(const char *dsn, struct error *err)
{
	PQconninfoOption *options = PQconninfoParse(dsn, NULL);
	bool good = options != NULL;
	PQconninfoFree(options);
	return good
		   ? 0
		   : error_set(
			 err, ERR_BAD_REQUEST,
			 "SKILLBOX_DB_DSN can't be read: it must be a URL such as "
			 "postgresql://user:password@host:5432/database?sslmode=verify-full, or key=value "
			 "pairs "
			 "as libpq takes them (in a URL, special characters of the password are %%-encoded)");
}

struct db *db_new(uv_loop_t *loop, const struct db_options *options, struct error *err)
{
	if (check_dsn(options->dsn, err) != 0)
		return NULL;
	struct db *db = calloc(1, sizeof(*db));
	char *dsn = db ? str_dup(str_of(options->dsn)) : NULL;
	if (!dsn) {
		free(db);
		error_no_memory(err);
		return NULL;
	}
	db->loop = loop;
	db->dsn = dsn;
	db->options = *options;
	db->options.dsn = NULL;
	db->slot_count = options->connections ? options->connections : 4;
	if (db->slot_count > MAX_CONNECTIONS)
		db->slot_count = MAX_CONNECTIONS;
	if (!options->queue_max)
		db->options.queue_max = 1024;
	if (!options->queue_max_bytes)
		db->options.queue_max_bytes = (size_t)64 << 20;
	if (!options->statement_ms)
		db->options.statement_ms = 5000;
	if (!options->queue_ms)
		db->options.queue_ms = 5000;
	if (!options->application)
		db->options.application = "skillbox";
	for (unsigned i = 0; i < db->slot_count; i++)
		db->slots[i].db = db;
	TAILQ_INIT(&db->queue);
	uv_timer_init(loop, &db->timer); /* can't fail, nor can the start with a callback */
	db->timer.data = db;
	db->timer_open = true;
	uv_timer_start(&db->timer, on_tick, 0, TICK_MS);
	uv_unref((uv_handle_t *)&db->timer);
	return db;
}

static void finish_free(struct db *db)
{
	if (db->busy || db->timer_open)
		return;
	for (unsigned i = 0; i < db->slot_count; i++)
		db_connection_close(&db->slots[i].connection);
	explicit_bzero(db->dsn, strlen(db->dsn));
	free(db->dsn);
	free(db);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct db *db = handle->data;
	db->timer_open = false;
	finish_free(db);
}

struct db *db_free(struct db *db)
{
	if (!db)
		return NULL;
	db->closing = true;
	for (struct job *job; (job = queue_take(db));)
		job_end(db, job, NULL, NULL);
	uv_close((uv_handle_t *)&db->timer, on_timer_closed);
	return NULL;
}

/* Results */

size_t db_result_rows(const struct db_result *result)
{
	return (size_t)PQntuples(result->pg);
}

bool db_result_is_null(const struct db_result *result, size_t row, size_t column)
{
	return row >= db_result_rows(result) || column >= (size_t)PQnfields(result->pg) ||
	       PQgetisnull(result->pg, (int)row, (int)column);
}

const char *db_result_text(const struct db_result *result, size_t row, size_t column)
{
	return db_result_is_null(result, row, column) ? NULL : PQgetvalue(result->pg, (int)row, (int)column);
}

int64_t db_result_int(const struct db_result *result, size_t row, size_t column)
{
	int64_t value = 0;
	(void)str_to_i64(str_of(db_result_text(result, row, column)), INT64_MIN, INT64_MAX, &value);
	return value;
}

bool db_result_bool(const struct db_result *result, size_t row, size_t column)
{
	const char *text = db_result_text(result, row, column);
	return text && text[0] == 't';
}
