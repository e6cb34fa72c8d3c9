#include "apiserver/execution/places.h"

#include "apiserver/metrics.h"
#include "lib/base/map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/queue.h>

#define KEY_MAX 1024

struct account { /* of a namespace; as long as it has a place */
	struct map_node node;
	size_t count;
	int64_t size;
	char namespace[];
};

struct place {
	struct map_node node; /* by "namespace/name" */
	TAILQ_ENTRY(place) link;
	struct account *account;
	unsigned holders; /* wishes that have it: with one idempotency key there may be several */
	bool is_kept;     /* until it is shown, or due_us (monotonic) */
	int64_t due_us, size;
	char key[];
};

struct places {
	struct map places, accounts;
	TAILQ_HEAD(, place) kept; /* by due_us */
};

struct places *places_new(struct error *err)
{
	struct places *places = calloc(1, sizeof(*places));
	if (!places) {
		error_no_memory(err);
		return NULL;
	}
	TAILQ_INIT(&places->kept);
	if (map_init(&places->places, err) == 0 && map_init(&places->accounts, err) == 0)
		return places;
	return places_free(places);
}

static void drop(struct places *places, struct place *place)
{
	struct account *account = place->account;
	if (place->is_kept)
		TAILQ_REMOVE(&places->kept, place, link);
	map_remove(&places->places, &place->node);
	account->size -= place->size;
	if (--account->count == 0) {
		map_remove(&places->accounts, &account->node);
		free(account);
	}
	free(place);
}

struct places *places_free(struct places *places)
{
	if (!places)
		return NULL;
	struct map_cursor cursor = {0};
	for (struct map_node *node; places->places.slots && (node = map_next(&places->places, &cursor));)
		drop(places, MAP_CONTAINER(node, struct place, node));
	map_free(&places->places);
	map_free(&places->accounts);
	free(places);
	return NULL;
}

static struct account *account_of(const struct places *places, const char *namespace)
{
	struct map_node *node = map_get(&places->accounts, str_of(namespace));
	return node ? MAP_CONTAINER(node, struct account, node) : NULL;
}

size_t places_count(const struct places *places, const char *namespace)
{
	const struct account *account = account_of(places, namespace);
	return account ? account->count : 0;
}

/* As informers have it. */
static int append_key(struct buffer *key, const char *namespace, const char *name)
{
	return buffer_appendf(key, "%s/%s", namespace, name);
}

static struct place *place_of(const struct places *places, const char *namespace, const char *name)
{
	cleanup_buffer struct buffer key = BUFFER(KEY_MAX);
	struct map_node *node =
	    append_key(&key, namespace, name) == 0 ? map_get(&places->places, buffer_str(&key)) : NULL;
	return node ? MAP_CONTAINER(node, struct place, node) : NULL;
}

/* The limits */

static int refuse(struct apiserver *server, enum refusal why, struct error *err)
{
	measure_refusal(server->metrics, why);
	err->code = ERR_NO_CAPACITY;
	return -1;
}

static int check(struct apiserver *server, const struct caller *caller, int64_t size, struct error *err)
{
	struct error unused;
	const struct apiserver_config *config = server->config;
	const struct account *account = account_of(server->places, caller->namespace);
	struct execution_counts counts =
	    execution_index_counts(cluster_executions(server->cluster), caller->namespace);
	size_t under_way = account ? account->count : 0;
	int64_t max = config->policy.max_concurrent, max_size = config->limits.max_stored_executions_size;
	err = err ? err : &unused;
	if (counts.unfinished + under_way >= (size_t)max) {
		error_set(err, ERR_NO_CAPACITY,
			  "tenant \"%s\" has %" PRId64
			  " executions that have not ended, the limit (SKILLBOX_MAX_CONCURRENT_EXECS); try "
			  "again when one has",
			  caller->tenant, max);
		return refuse(server, REFUSED_CONCURRENCY, err);
	}
	max = config->limits.max_stored_executions;
	if (counts.stored + under_way >= (size_t)max) {
		error_set(err, ERR_NO_CAPACITY,
			  "tenant \"%s\" has %" PRId64
			  " executions in the cluster, ended ones included, the limit "
			  "(SKILLBOX_MAX_STORED_EXECUTIONS); each goes when its time to live is over "
			  "(SKILLBOX_EXECUTION_TTL_SECONDS, or ttlSecondsAfterFinished of its own), so try "
			  "again then",
			  caller->tenant, max);
		return refuse(server, REFUSED_STORED_EXECUTIONS, err);
	}
	int64_t has = counts.size + (account ? account->size : 0);
	if (has + size > max_size) {
		error_set(
		    err, ERR_NO_CAPACITY,
		    "the executions of tenant \"%s\" have %" PRId64 " bytes in the cluster, and with %" PRId64
		    " more there would be more than %" PRId64
		    ", the limit (SKILLBOX_MAX_STORED_EXECUTIONS_SIZE); each goes when its time to live "
		    "is over (SKILLBOX_EXECUTION_TTL_SECONDS), so try again then",
		    caller->tenant, has, size, max_size);
		return refuse(server, REFUSED_STORED_EXECUTIONS, err);
	}
	return 0;
}

/* Those that nobody will show any more. */
static void drop_overdue(struct places *places, int64_t now_us)
{
	for (struct place *place; (place = TAILQ_FIRST(&places->kept)) && place->due_us <= now_us;)
		drop(places, place);
}

static bool is_there(const struct apiserver *server, const struct caller *caller, const char *name)
{
	cleanup_buffer struct buffer key = BUFFER(KEY_MAX);
	return append_key(&key, caller->namespace, name) == 0 &&
	       informer_get(cluster_informer(server->cluster, CLUSTER_EXECUTIONS), buffer_str(&key));
}

int places_check(struct apiserver *server, const struct caller *caller, const struct place_wish *wish,
		 struct error *err)
{
	drop_overdue(server->places, clock_monotonic_us(server->clock));
	if (place_of(server->places, caller->namespace, wish->name) || is_there(server, caller, wish->name))
		return 0;
	return check(server, caller, wish->size, err);
}

/* Taking and giving back */

static struct account *account_make(struct places *places, const char *namespace, struct error *err)
{
	size_t n = strlen(namespace);
	struct account *account = account_of(places, namespace);
	if (account)
		return account;
	account = calloc(1, sizeof(*account) + n + 1);
	if (!account) {
		error_no_memory(err);
		return NULL;
	}
	memcpy(account->namespace, namespace, n);
	account->node.key = (struct str){account->namespace, n};
	map_insert(&places->accounts, &account->node);
	return account;
}

static int add(struct places *places, const char *namespace, const struct place_wish *wish, struct error *err)
{
	size_t n = strlen(namespace) + 1 + strlen(wish->name);
	struct place *place = calloc(1, sizeof(*place) + n + 1);
	if (!place)
		return error_no_memory(err);
	place->account = account_make(places, namespace, err);
	if (!place->account) {
		free(place);
		return -1;
	}
	snprintf(place->key, n + 1, "%s/%s", namespace, wish->name);
	place->node.key = (struct str){place->key, n};
	place->holders = 1;
	place->size = wish->size;
	place->account->count++;
	place->account->size += wish->size;
	map_insert(&places->places, &place->node);
	return 0;
}

int places_take(struct apiserver *server, const struct caller *caller, const struct place_wish *wish,
		struct error *err)
{
	struct place *place = place_of(server->places, caller->namespace, wish->name);
	if (place) {
		place->holders++;
		return 0;
	}
	if (is_there(server, caller, wish->name))
		return 0;
	drop_overdue(server->places, clock_monotonic_us(server->clock));
	if (check(server, caller, wish->size, err) != 0)
		return -1;
	return add(server->places, caller->namespace, wish, err);
}

void places_give_back(struct places *places, const char *namespace, const char *name)
{
	struct place *place = place_of(places, namespace, name);
	if (!place)
		return; /* it was there, or was shown */
	if (place->holders > 0)
		place->holders--;
	if (place->holders == 0 && !place->is_kept)
		drop(places, place);
}

void places_keep(struct places *places, const char *namespace, const char *name, int64_t now_us)
{
	struct place *place = place_of(places, namespace, name);
	if (!place)
		return;
	if (place->is_kept)
		TAILQ_REMOVE(&places->kept, place, link);
	if (place->holders > 0)
		place->holders--;
	place->is_kept = true;
	place->due_us = now_us + (int64_t)PLACES_UNSEEN_MS * 1000;
	TAILQ_INSERT_TAIL(&places->kept, place, link);
}

void places_seen(struct places *places, const char *namespace, const char *name)
{
	struct place *place = place_of(places, namespace, name);
	if (place)
		drop(places, place);
}
