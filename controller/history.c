#include "controller/history.h"

#include "controller/sandbox/object.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/db/execution_row.h"

#include <stdlib.h>
#include <sys/queue.h>

/* Statements of ours at a time, and bytes of what they write; the rest waits its turn here, without its
 * bytes. */
#define MAX_AT_ONCE 32
#define MAX_BYTES ((size_t)8 << 20)
#define READ_BYTES ((size_t)3 << 19) /* of one that is being read: as much as etcd takes */
#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS 15000

enum entry_state { ENTRY_DUE, ENTRY_QUEUED, ENTRY_SENT, ENTRY_BACKOFF, ENTRY_DONE };

struct entry {
	struct map_node node; /* key: "namespace/name" */
	char *uid;
	enum entry_state state;
	bool under_uid; /* its id belongs to another object in the database already */
	unsigned failures;
	int64_t retry_us;        /* in ENTRY_BACKOFF: monotonic */
	TAILQ_ENTRY(entry) link; /* in ENTRY_QUEUED */
};

struct history {
	struct history_options options;
	struct map entries;
	TAILQ_HEAD(, entry) queue;
	LIST_HEAD(, sent) readings;
	unsigned sent;
	size_t sent_bytes;
	bool complained; /* one line for an outage, not one an Execution */
};

/* What a statement on its way knows; the entry may be gone, or another one's, when it comes back. */
struct sent {
	struct history *history;
	char *key, *uid, *tenant;
	size_t bytes; /* of history->sent_bytes */
	/* NULL: it was read, or came whole */
	struct reading *reading;
	LIST_ENTRY(sent) link; /* while it is read */
};

static void entry_drop(struct history *history, struct entry *entry)
{
	if (entry->state == ENTRY_QUEUED)
		TAILQ_REMOVE(&history->queue, entry, link);
	map_remove(&history->entries, &entry->node);
	free((void *)(uintptr_t)entry->node.key.p);
	free(entry->uid);
	free(entry);
}

static struct entry *entry_by_key(const struct history *history, struct str key)
{
	struct map_node *node = map_get(&history->entries, key);
	return node ? MAP_CONTAINER(node, struct entry, node) : NULL;
}

/* One of the same name that was deleted meanwhile doesn't count. */
static struct entry *entry_find(const struct history *history, struct str key, const char *uid)
{
	struct entry *entry = entry_by_key(history, key);
	return entry && strcmp(entry->uid, uid) == 0 ? entry : NULL;
}

/* Made if absent; one of the same name that was deleted meanwhile makes room. */
static struct entry *entry_get(struct history *history, struct str key, const char *uid)
{
	struct entry *entry = entry_by_key(history, key);
	if (entry && strcmp(entry->uid, uid) == 0)
		return entry;
	if (entry)
		entry_drop(history, entry);
	entry = calloc(1, sizeof(*entry));
	char *name = entry ? str_dup(key) : NULL;
	char *own_uid = name ? str_dup(str_of(uid)) : NULL;
	if (!own_uid) {
		free(name);
		free(entry);
		return NULL;
	}
	entry->node.key = (struct str){name, key.n};
	entry->uid = own_uid;
	map_insert(&history->entries, &entry->node);
	return entry;
}

static void look(struct history *history, const struct entry *entry, int64_t delay_ms)
{
	history->options.look(history->options.context, entry->node.key, delay_ms);
}

/* What came of it */

static void try_later(struct history *history, struct entry *entry, const struct error *err)
{
	int64_t delay_ms = duration_doubled(BACKOFF_FIRST_MS, entry->failures, BACKOFF_MAX_MS);
	uint16_t random;
	id_random(&random, sizeof(random));
	delay_ms = delay_ms / 2 + delay_ms * random / UINT16_MAX / 2; /* not all at the same moment */
	entry->failures++;
	entry->state = ENTRY_BACKOFF;
	entry->retry_us = clock_monotonic_us(history->options.clock) + delay_ms * 1000;
	bool outage = err->code == ERR_UNAVAILABLE || err->code == ERR_TIMEOUT;
	if (!outage || !history->complained)
		log_warn("execution not archived, trying again", "execution", entry->node.key.p, "error",
			 err->message, NULL);
	history->complained = history->complained || outage;
	look(history, entry, delay_ms + 1);
}

static bool is_full(const struct history *history)
{
	return history->sent >= MAX_AT_ONCE || history->sent_bytes >= MAX_BYTES;
}

static void send_next(struct history *history)
{
	struct entry *next = TAILQ_FIRST(&history->queue);
	if (!next || is_full(history))
		return;
	TAILQ_REMOVE(&history->queue, next, link);
	next->state = ENTRY_DUE;
	look(history, next, 0);
}

/* What waited goes on. */
static void make_room(struct sent *sent)
{
	sent->history->sent--;
	sent->history->sent_bytes -= sent->bytes;
	sent->bytes = 0;
	send_next(sent->history);
}

/* NULL: it is gone, or another one has its name. */
static struct entry *entry_of(const struct sent *sent)
{
	struct entry *entry = entry_by_key(sent->history, str_of(sent->key));
	return entry && strcmp(entry->uid, sent->uid) == 0 && entry->state == ENTRY_SENT ? entry : NULL;
}

static void note_done(struct history *history, struct entry *entry)
{
	entry->state = ENTRY_DONE;
	if (history->options.archived)
		history->options.archived(history->options.context, entry->node.key);
	look(history, entry, 0);
}

static void on_put(void *context, const struct db_result *result, const struct error *error)
{
	struct sent *sent = context;
	struct history *history = sent->history;
	struct entry *entry = entry_of(sent);
	struct error err;
	make_room(sent);
	const char *uid = result && db_result_rows(result) ? db_result_text(result, 0, 0) : NULL;
	if (!error &&
	    !uid) { /* another process wrote the row in the same moment: what it wrote shows next time */
		error_set(&err, ERR_UNAVAILABLE, "the row was being written by another process");
		error = &err;
	}
	if (!error)
		history->complained = false;
	if (!entry)
		return;
	if (error) {
		try_later(history, entry, error);
	} else if (strcmp(uid, sent->uid) == 0) {
		note_done(history, entry);
	} else if (!entry->under_uid) { /* the same UUID was chosen as a name before, or in another namespace
					 */
		entry->under_uid = true;
		entry->state = ENTRY_DUE;
		look(history, entry, 0);
	} else {
		error_set(&err, ERR_INTERNAL, "its UID is the id of another object's row");
		try_later(history, entry, &err);
	}
}

static void sent_free(void *context)
{
	struct sent *sent = context;
	free(sent->key);
	free(sent->uid);
	free(sent->tenant);
	free(sent);
}

static struct sent *sent_new(struct history *history, const struct entry *entry, const char *tenant)
{
	struct sent *sent = calloc(1, sizeof(*sent));
	if (!sent)
		return NULL;
	sent->history = history;
	sent->key = str_dup(entry->node.key);
	sent->uid = str_dup(str_of(entry->uid));
	sent->tenant = str_dup(str_of(tenant));
	if (sent->key && sent->uid && sent->tenant)
		return sent;
	sent_free(sent);
	return NULL;
}

static void account(struct sent *sent, size_t bytes)
{
	sent->bytes = bytes;
	sent->history->sent++;
	sent->history->sent_bytes += bytes;
}

/* sent is the statement's if that is made, else still the caller's. */
static int send_row(struct sent *sent, const struct entry *entry, const struct execution *execution,
		    struct error *err)
{
	struct db_call call = {
	    .statement = DB_EXECUTION_PUT,
	    .parameters = execution_row_write(
		execution, entry->under_uid ? entry->uid : execution_id(execution), sent->tenant, err),
	    .done = on_put,
	    .context = sent,
	    .release = sent_free,
	};
	return call.parameters ? db_run(sent->history->options.db, &call, err) : -1;
}

/* The object, of which the cache has only the outline. */
static void on_read(void *context, const struct kube_response *response)
{
	struct sent *sent = context;
	struct history *history = sent->history;
	struct entry *entry = entry_of(sent);
	struct error err;
	LIST_REMOVE(sent, link);
	sent->reading = NULL;
	make_room(sent);
	cleanup_execution struct execution *execution =
	    entry ? object_read_execution(response, sent->uid, &err) : NULL;
	if (execution) {
		account(sent, execution_data_size(execution));
		if (send_row(sent, entry, execution, &err) == 0)
			return;
		make_room(sent);
	}
	if (entry)
		try_later(history, entry, &err);
	sent_free(sent);
}

/* While the database is away, the cluster isn't asked in vain. */
static int read_first(struct sent *sent, const struct execution *execution, struct error *err)
{
	struct history *history = sent->history;
	if (db_check(history->options.db, err) != 0)
		return -1;
	sent->reading =
	    object_read(history->options.reader, API_EXECUTIONS, &execution->meta, on_read, sent, err);
	if (!sent->reading)
		return -1;
	LIST_INSERT_HEAD(&history->readings, sent, link);
	account(sent, READ_BYTES);
	return 0;
}

static int start(struct history *history, const struct entry *entry, const struct execution *execution,
		 const char *tenant, struct error *err)
{
	struct sent *sent = sent_new(history, entry, tenant);
	if (!sent)
		return error_no_memory(err);
	if (execution->is_outline) {
		if (read_first(sent, execution, err) == 0)
			return 0;
	} else if (send_row(sent, entry, execution, err) == 0) {
		account(sent, execution_data_size(execution));
		return 0;
	}
	sent_free(sent);
	return -1;
}

/* From outside */

enum history_state history_state(const struct history *history, struct str key, const char *uid,
				 int64_t *ret_retry_ms)
{
	*ret_retry_ms = 0;
	if (!history)
		return HISTORY_DONE;
	const struct entry *entry = entry_find(history, key, uid);
	if (!entry || entry->state == ENTRY_DUE)
		return HISTORY_MISSING;
	if (entry->state == ENTRY_BACKOFF) {
		int64_t left_us = entry->retry_us - clock_monotonic_us(history->options.clock);
		if (left_us <= 0)
			return HISTORY_MISSING;
		*ret_retry_ms = left_us / 1000 + 1; /* a loop's timers know the time less well */
		return HISTORY_PENDING;
	}
	return entry->state == ENTRY_DONE ? HISTORY_DONE : HISTORY_PENDING;
}

void history_put(struct history *history, struct str key, const struct execution *execution,
		 const char *tenant)
{
	int64_t retry_ms;
	if (history_state(history, key, execution->meta.uid, &retry_ms) != HISTORY_MISSING)
		return;
	struct error err;
	struct entry *entry = entry_get(history, key, execution->meta.uid);
	if (!entry) {
		log_error("execution not archived: out of memory", "namespace", execution->meta.namespace,
			  NULL);
		history->options.look(history->options.context, key, BACKOFF_MAX_MS);
		return;
	}
	if (is_full(history)) {
		entry->state = ENTRY_QUEUED;
		TAILQ_INSERT_TAIL(&history->queue, entry, link);
		return;
	}
	if (start(history, entry, execution, tenant, &err) != 0)
		try_later(history, entry, &err);
	else
		entry->state = ENTRY_SENT;
}

size_t history_backlog(const struct history *history)
{
	struct map_cursor cursor = {0};
	size_t count = 0;
	for (const struct map_node *node; history && (node = map_next(&history->entries, &cursor));)
		count += MAP_CONTAINER(node, const struct entry, node)->state != ENTRY_DONE;
	return count;
}

void history_forget(struct history *history, struct str key)
{
	struct entry *entry = history ? entry_by_key(history, key) : NULL;
	if (!entry)
		return;
	entry_drop(history, entry);
	send_next(history); /* it may have been its turn */
}

struct history *history_new(const struct history_options *options, struct error *err)
{
	struct history *history = calloc(1, sizeof(*history));
	if (!history) {
		error_no_memory(err);
		return NULL;
	}
	history->options = *options;
	TAILQ_INIT(&history->queue);
	LIST_INIT(&history->readings);
	if (map_init(&history->entries, err) == 0)
		return history;
	free(history);
	return NULL;
}

struct history *history_free(struct history *history)
{
	if (!history)
		return NULL;
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&history->entries, &cursor));)
		entry_drop(history, MAP_CONTAINER(node, struct entry, node));
	map_free(&history->entries);
	while (!LIST_EMPTY(&history->readings)) {
		struct sent *sent = LIST_FIRST(&history->readings);
		LIST_REMOVE(sent, link);
		reading_cancel(sent->reading);
		sent_free(sent);
	}
	free(history);
	return NULL;
}
