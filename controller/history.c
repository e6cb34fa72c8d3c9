#include "controller/history.h"

#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/db/execution_row.h"

#include <stdlib.h>
#include <sys/queue.h>

#define MAX_AT_ONCE 32 /* statements of ours at a time; the rest waits its turn here, without its bytes */
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

struct archive {
	struct archive_options options;
	struct map entries;
	TAILQ_HEAD(, entry) queue;
	unsigned sent;
	bool complained; /* one line for an outage, not one an Execution */
};

/* What a statement on its way knows; the entry may be gone, or another one's, when it comes back. */
struct sent {
	struct archive *archive;
	char *key, *uid;
};

static void entry_drop(struct archive *archive, struct entry *entry)
{
	if (entry->state == ENTRY_QUEUED)
		TAILQ_REMOVE(&archive->queue, entry, link);
	map_remove(&archive->entries, &entry->node);
	free((void *)(uintptr_t)entry->node.key.p);
	free(entry->uid);
	free(entry);
}

static struct entry *entry_by_key(struct archive *archive, struct str key)
{
	struct map_node *node = map_get(&archive->entries, key);
	return node ? MAP_CONTAINER(node, struct entry, node) : NULL;
}

/* One of the same name that was deleted meanwhile doesn't count. */
static struct entry *entry_find(struct archive *archive, struct str key, const char *uid)
{
	struct entry *entry = entry_by_key(archive, key);
	if (!entry || strcmp(entry->uid, uid) == 0)
		return entry;
	entry_drop(archive, entry);
	return NULL;
}

static struct entry *entry_get(struct archive *archive, struct str key, const char *uid)
{
	struct entry *entry = entry_find(archive, key, uid);
	if (entry)
		return entry;
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
	map_insert(&archive->entries, &entry->node);
	return entry;
}

static void look(struct archive *archive, const struct entry *entry, int64_t delay_ms)
{
	archive->options.look(archive->options.context, entry->node.key, delay_ms);
}

/* ---- what came of it */

static void try_later(struct archive *archive, struct entry *entry, const struct error *problem)
{
	int64_t delay_ms = BACKOFF_FIRST_MS;
	uint16_t random;
	for (unsigned i = 0; i < entry->failures && delay_ms < BACKOFF_MAX_MS; i++)
		delay_ms *= 2;
	if (delay_ms > BACKOFF_MAX_MS)
		delay_ms = BACKOFF_MAX_MS;
	id_random(&random, sizeof(random));
	delay_ms = delay_ms / 2 + delay_ms * random / UINT16_MAX / 2; /* not all at the same moment */
	entry->failures++;
	entry->state = ENTRY_BACKOFF;
	entry->retry_us = clock_monotonic_us(archive->options.clock) + delay_ms * 1000;
	bool outage = problem->code == ERR_UNAVAILABLE || problem->code == ERR_TIMEOUT;
	if (!outage || !archive->complained)
		log_warn("execution not archived, trying again", "execution", entry->node.key.p, "error",
			 problem->message, NULL);
	archive->complained = archive->complained || outage;
	look(archive, entry, delay_ms + 1);
}

static void send_next(struct archive *archive)
{
	struct entry *next = TAILQ_FIRST(&archive->queue);
	if (!next || archive->sent >= MAX_AT_ONCE)
		return;
	TAILQ_REMOVE(&archive->queue, next, link);
	next->state = ENTRY_DUE;
	look(archive, next, 0);
}

static void on_put(void *context, const struct db_result *result, const struct error *error)
{
	const struct sent *sent = context;
	struct archive *archive = sent->archive;
	struct entry *entry = entry_by_key(archive, str_of(sent->key));
	struct error problem;
	archive->sent--;
	send_next(archive);
	const char *uid = result && db_result_rows(result) ? db_result_text(result, 0, 0) : NULL;
	if (!error &&
	    !uid) { /* another process wrote the row in the same moment: what it wrote shows next time */
		error_set(&problem, ERR_UNAVAILABLE, "the row was being written by another process");
		error = &problem;
	}
	if (!error)
		archive->complained = false;
	if (!entry || strcmp(entry->uid, sent->uid) != 0 || entry->state != ENTRY_SENT)
		return;
	if (error) {
		try_later(archive, entry, error);
	} else if (strcmp(uid, sent->uid) == 0) {
		entry->state = ENTRY_DONE;
		look(archive, entry, 0);
	} else if (!entry->under_uid) { /* the same UUID was chosen as a name before, or in another namespace
					 */
		entry->under_uid = true;
		entry->state = ENTRY_DUE;
		look(archive, entry, 0);
	} else {
		error_set(&problem, ERR_INTERNAL, "its UID is the id of another object's row");
		try_later(archive, entry, &problem);
	}
}

static void sent_free(void *context)
{
	struct sent *sent = context;
	free(sent->key);
	free(sent->uid);
	free(sent);
}

static int send_row(struct archive *archive, struct entry *entry, const struct execution *execution,
		    const char *tenant, struct error *err)
{
	struct sent *sent = calloc(1, sizeof(*sent));
	if (!sent)
		return error_no_memory(err);
	sent->archive = archive;
	sent->key = str_dup(entry->node.key);
	sent->uid = str_dup(str_of(entry->uid));
	struct db_call call = {
	    .statement = DB_EXECUTION_PUT,
	    .parameters =
		execution_row_write(execution, entry->under_uid ? entry->uid : execution_id(execution),
				    tenant ? tenant : "", err),
	    .done = on_put,
	    .context = sent,
	    .release = sent_free,
	};
	if (!sent->key || !sent->uid) {
		db_parameters_free(call.parameters);
		sent_free(sent);
		return error_no_memory(err);
	}
	if (call.parameters && db_run(archive->options.db, &call, err) == 0)
		return 0;
	sent_free(sent);
	return -1;
}

/* ---- from outside */

enum archiver_state archiver_state(struct archive *archive, struct str key, const char *uid)
{
	if (!archive)
		return ARCHIVE_DONE;
	struct entry *entry = entry_find(archive, key, uid);
	if (!entry || entry->state == ENTRY_DUE)
		return ARCHIVE_MISSING;
	if (entry->state == ENTRY_BACKOFF) {
		int64_t left_us = entry->retry_us - clock_monotonic_us(archive->options.clock);
		if (left_us <= 0)
			return ARCHIVE_MISSING;
		look(archive, entry, left_us / 1000 + 1); /* a loop's timers know the time less well */
		return ARCHIVE_PENDING;
	}
	return entry->state == ENTRY_DONE ? ARCHIVE_DONE : ARCHIVE_PENDING;
}

void archiver_put(struct archive *archive, struct str key, const struct execution *execution,
		  const char *tenant)
{
	if (!archive || archiver_state(archive, key, execution->meta.uid) != ARCHIVE_MISSING)
		return;
	struct error problem;
	struct entry *entry = entry_get(archive, key, execution->meta.uid);
	if (!entry) {
		log_error("execution not archived: out of memory", "namespace", execution->meta.namespace,
			  NULL);
		archive->options.look(archive->options.context, key, BACKOFF_MAX_MS);
		return;
	}
	if (archive->sent >= MAX_AT_ONCE) {
		entry->state = ENTRY_QUEUED;
		TAILQ_INSERT_TAIL(&archive->queue, entry, link);
		return;
	}
	if (send_row(archive, entry, execution, tenant, &problem) != 0) {
		try_later(archive, entry, &problem);
		return;
	}
	archive->sent++;
	entry->state = ENTRY_SENT;
}

size_t archiver_backlog(const struct archive *archive)
{
	struct map_cursor cursor = {0};
	size_t count = 0;
	for (const struct map_node *node; archive && (node = map_next(&archive->entries, &cursor));)
		count += MAP_CONTAINER(node, const struct entry, node)->state != ENTRY_DONE;
	return count;
}

void archiver_forget(struct archive *archive, struct str key)
{
	struct entry *entry = archive ? entry_by_key(archive, key) : NULL;
	if (!entry)
		return;
	entry_drop(archive, entry);
	send_next(archive); /* it may have been its turn */
}

struct archive *archiver_new(const struct archive_options *options, struct error *err)
{
	struct archive *archive = calloc(1, sizeof(*archive));
	if (!archive) {
		error_no_memory(err);
		return NULL;
	}
	archive->options = *options;
	TAILQ_INIT(&archive->queue);
	if (map_init(&archive->entries, err) == 0)
		return archive;
	free(archive);
	return NULL;
}

struct archive *archiver_free(struct archive *archive)
{
	if (!archive)
		return NULL;
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&archive->entries, &cursor));)
		entry_drop(archive, MAP_CONTAINER(node, struct entry, node));
	map_free(&archive->entries);
	free(archive);
	return NULL;
}
