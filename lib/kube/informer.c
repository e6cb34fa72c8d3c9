#include "lib/kube/informer.h"

#include "lib/base/buffer.h"
#include "lib/base/jsontext.h"
#include "lib/base/map.h"

#include <stdlib.h>

#define MAX_KEY 1024 /* of a key or an index key, bytes */

struct index_bucket { /* the entries that share one secondary key */
	struct map_node node;
	struct index_link *first;
	char key[];
};

struct index_link {
	struct index_bucket *bucket; /* NULL: the entry isn't in this index */
	struct index_link *previous, *next;
	struct entry *entry;
};

struct entry {
	struct map_node node;
	void *object;
	uint64_t list; /* number of the last list that named it */
	struct index_link links[INFORMER_MAX_INDEXES];
	char key[];
};

struct informer {
	struct informer_options options;
	struct watch *watch;
	struct map entries;
	struct map indexes[INFORMER_MAX_INDEXES];
	uint64_t list; /* number of the list that runs or ran last */
	bool has_synced;
	unsigned
	    busy; /* depth of informer_handle: a callback may stop the informer, which then goes at the end */
	bool stopped;
};

static void index_remove(struct informer *informer, struct entry *entry)
{
	for (unsigned i = 0; i < INFORMER_MAX_INDEXES; i++) {
		struct index_link *link = &entry->links[i];
		struct index_bucket *bucket = link->bucket;

		if (!bucket)
			continue;
		if (link->next)
			link->next->previous = link->previous;
		if (link->previous)
			link->previous->next = link->next;
		else
			bucket->first = link->next;
		if (!bucket->first) {
			map_remove(&informer->indexes[i], &bucket->node);
			free(bucket);
		}
		*link = (struct index_link){0};
	}
}

static struct index_bucket *bucket_get(struct map *index, struct str key)
{
	struct map_node *node = map_get(index, key);
	struct index_bucket *bucket;

	if (node)
		return MAP_CONTAINER(node, struct index_bucket, node);
	bucket = calloc(1, sizeof *bucket + key.n);
	if (!bucket)
		return NULL;
	memcpy(bucket->key, key.p, key.n);
	bucket->node.key = (struct str){bucket->key, key.n};
	map_insert(index, &bucket->node);
	return bucket;
}

/* Put the entry where its object's secondary keys say. */
static int index_add(struct informer *informer, struct entry *entry, struct error *err)
{
	cleanup_buffer struct buffer key = BUFFER(MAX_KEY);

	for (unsigned i = 0; i < INFORMER_MAX_INDEXES; i++) {
		struct index_link *link = &entry->links[i];

		if (!informer->options.indexes[i])
			continue;
		buffer_reset(&key);
		informer->options.indexes[i](entry->object, &key);
		if (key.failed)
			return error_set(err, ERR_TOO_LARGE, "a secondary key is longer than %d bytes",
					 MAX_KEY);
		if (key.len == 0)
			continue;
		link->bucket = bucket_get(&informer->indexes[i], buffer_str(&key));
		if (!link->bucket)
			return error_no_memory(err);
		link->entry = entry;
		link->next = link->bucket->first;
		if (link->next)
			link->next->previous = link;
		link->bucket->first = link;
	}
	return 0;
}

static struct entry *entry_get(const struct informer *informer, struct str key)
{
	struct map_node *node = map_get(&informer->entries, key);

	return node ? MAP_CONTAINER(node, struct entry, node) : NULL;
}

static struct entry *entry_new(struct str key)
{
	struct entry *entry = calloc(1, sizeof *entry + key.n);

	if (!entry)
		return NULL;
	memcpy(entry->key, key.p, key.n);
	entry->node.key = (struct str){entry->key, key.n};
	return entry;
}

static void report_change(struct informer *informer, const void *old, const void *fresh)
{
	if (informer->options.changed && !informer->stopped)
		informer->options.changed(informer->options.context, old, fresh);
}

static void report_problem(struct informer *informer, const struct error *problem)
{
	if (informer->options.watch.problem && !informer->stopped)
		informer->options.watch.problem(informer->options.context, problem);
}

static void entry_drop(struct informer *informer, struct entry *entry)
{
	void *old = entry->object;

	index_remove(informer, entry);
	map_remove(&informer->entries, &entry->node);
	free(entry);
	report_change(informer, old, NULL);
	informer->options.free_object(old);
}

/* "namespace/name" straight from the text, for an object that the owner can't read. */
static int key_from_json(struct str json, struct buffer *out)
{
	struct str metadata, value;

	if (jsontext_check(json, &(struct jsontext_rules){0}, NULL) < 0 ||
	    jsontext_kind_of(json) != JSONTEXT_OBJECT || !jsontext_member(json, STR("metadata"), &metadata) ||
	    jsontext_kind_of(metadata) != JSONTEXT_OBJECT)
		return -1;
	if (jsontext_member(metadata, STR("namespace"), &value) &&
	    (jsontext_decode_string(value, out, NULL) < 0 || buffer_append_byte(out, '/') < 0))
		return -1;
	if (!jsontext_member(metadata, STR("name"), &value))
		return -1;
	return jsontext_decode_string(value, out, NULL);
}

/* What is known under the key of an unreadable object is out of date: leave it out too. */
static void drop_unreadable(struct informer *informer, struct str json, struct error *problem)
{
	cleanup_buffer struct buffer key = BUFFER(MAX_KEY);
	struct entry *entry = NULL;

	if (key_from_json(json, &key) == 0)
		entry = entry_get(informer, buffer_str(&key));
	if (entry)
		entry_drop(informer, entry);
	error_wrap(problem, "object %s of %s can't be read", key.len ? key.data : "without a name",
		   informer->options.watch.path ? informer->options.watch.path : "a list");
	report_problem(informer, problem);
}

/* Take over `object` under `key`. */
static int entry_store(struct informer *informer, struct str key, void *object, struct error *err)
{
	struct entry *entry = entry_get(informer, key);
	void *old = NULL;

	if (entry) {
		index_remove(informer, entry);
		old = entry->object;
		entry->object = object;
	} else {
		entry = entry_new(key);
		if (!entry) {
			informer->options.free_object(object);
			return error_no_memory(err);
		}
		entry->object = object;
		map_insert(&informer->entries, &entry->node);
	}
	entry->list = informer->list;
	if (index_add(informer, entry, err) < 0) {
		/* Half indexed would be found by some questions and not by others: leave it out. */
		index_remove(informer, entry);
		map_remove(&informer->entries, &entry->node);
		free(entry);
		informer->options.free_object(object);
		object = NULL;
	}
	if (old || object)
		report_change(informer, old, object);
	if (old)
		informer->options.free_object(old);
	return object ? 0 : -1;
}

static void handle_object(struct informer *informer, enum watch_event_type type, struct str json)
{
	cleanup_buffer struct buffer key = BUFFER(MAX_KEY);
	struct error err = {0};
	void *object = informer->options.parse(json, &err);

	if (!object) {
		drop_unreadable(informer, json, &err);
		return;
	}
	informer->options.key(object, &key);
	if (key.failed || key.len == 0) {
		informer->options.free_object(object);
		error_set(&err, ERR_PROTOCOL, "its key is %s", key.failed ? "too long" : "empty");
		drop_unreadable(informer, json, &err);
		return;
	}
	if (type == WATCH_DELETED) {
		struct entry *entry = entry_get(informer, buffer_str(&key));

		informer->options.free_object(object);
		if (entry)
			entry_drop(informer, entry);
		return;
	}
	if (entry_store(informer, buffer_str(&key), object, &err) < 0) {
		error_wrap(&err, "object %s is left out", key.data);
		report_problem(informer, &err);
	}
}

/* The list is complete: what it didn't name is gone. */
static void finish_list(struct informer *informer)
{
	struct map_cursor cursor = {0};
	struct map_node *node;

	while ((node = map_next(&informer->entries, &cursor))) {
		struct entry *entry = MAP_CONTAINER(node, struct entry, node);

		if (entry->list != informer->list)
			entry_drop(informer, entry);
	}
	if (!informer->has_synced) {
		informer->has_synced = true;
		if (informer->options.synced && !informer->stopped)
			informer->options.synced(informer->options.context);
	}
}

static void informer_destroy(struct informer *informer)
{
	struct map_cursor cursor = {0};
	struct map_node *node;

	while ((node = map_next(&informer->entries, &cursor))) {
		struct entry *entry = MAP_CONTAINER(node, struct entry, node);

		index_remove(informer, entry);
		informer->options.free_object(entry->object);
		free(entry);
	}
	map_free(&informer->entries);
	for (unsigned i = 0; i < INFORMER_MAX_INDEXES; i++)
		map_free(&informer->indexes[i]);
	free(informer);
}

void informer_handle(struct informer *informer, enum watch_event_type type, struct str object)
{
	if (informer->stopped)
		return;
	informer->busy++;
	switch (type) {
	case WATCH_LIST_BEGIN:
		informer->list++;
		break;
	case WATCH_LIST_END:
		finish_list(informer);
		break;
	case WATCH_ADDED:
	case WATCH_MODIFIED:
	case WATCH_DELETED:
	case WATCH_LISTED:
		handle_object(informer, type, object);
		break;
	}
	informer->busy--;
	if (informer->stopped && informer->busy == 0)
		informer_destroy(informer);
}

struct informer *informer_new(const struct informer_options *options, struct error *err)
{
	struct informer *informer = calloc(1, sizeof *informer);

	if (!informer) {
		error_no_memory(err);
		return NULL;
	}
	informer->options = *options;
	if (map_init(&informer->entries, err) < 0)
		goto fail;
	for (unsigned i = 0; i < INFORMER_MAX_INDEXES; i++)
		if (options->indexes[i] && map_init(&informer->indexes[i], err) < 0)
			goto fail;
	return informer;
fail:
	informer_destroy(informer);
	return NULL;
}

static void on_event(void *context, enum watch_event_type type, struct str object)
{
	informer_handle(context, type, object);
}

static void on_problem(void *context, const struct error *problem)
{
	struct informer *informer = context;

	informer->busy++;
	report_problem(informer, problem);
	informer->busy--;
	if (informer->stopped && informer->busy == 0)
		informer_destroy(informer);
}

struct informer *informer_start(struct kube_ws *ws, const struct informer_options *options, struct error *err)
{
	struct informer *informer = informer_new(options, err);
	struct watch_options watch = options->watch;

	if (!informer)
		return NULL;
	watch.event = on_event;
	watch.problem = on_problem;
	watch.context = informer;
	informer->watch = watch_start(ws, &watch, err);
	if (!informer->watch)
		return informer_stop(informer);
	return informer;
}

struct informer *informer_stop(struct informer *informer)
{
	if (!informer || informer->stopped)
		return NULL;
	informer->stopped = true;
	informer->watch = watch_stop(informer->watch);
	if (informer->busy == 0)
		informer_destroy(informer);
	return NULL;
}

bool informer_has_synced(const struct informer *informer)
{
	return informer->has_synced;
}

bool informer_is_live(const struct informer *informer)
{
	return informer->watch && watch_is_synced(informer->watch);
}

size_t informer_count(const struct informer *informer)
{
	return informer->entries.count;
}

const void *informer_get(const struct informer *informer, struct str key)
{
	const struct entry *entry = entry_get(informer, key);

	return entry ? entry->object : NULL;
}

void informer_index_each(const struct informer *informer, unsigned index, struct str key,
			 bool (*visit)(void *context, const void *object), void *context)
{
	struct map_node *node = NULL;
	struct index_bucket *bucket;

	if (index < INFORMER_MAX_INDEXES && informer->options.indexes[index])
		node = map_get(&informer->indexes[index], key);
	if (!node)
		return;
	bucket = MAP_CONTAINER(node, struct index_bucket, node);
	for (struct index_link *link = bucket->first; link; link = link->next)
		if (!visit(context, link->entry->object))
			return;
}

void informer_each(const struct informer *informer, bool (*visit)(void *context, const void *object),
		   void *context)
{
	struct map_cursor cursor = {0};
	struct map_node *node;

	while ((node = map_next(&informer->entries, &cursor)))
		if (!visit(context, MAP_CONTAINER(node, struct entry, node)->object))
			return;
}
