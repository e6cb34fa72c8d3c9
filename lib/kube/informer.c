#include "lib/kube/informer.h"

#include "lib/base/buffer.h"
#include "lib/base/jsontext.h"
#include "lib/base/map.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_KEY 1024         /* of a key or an index key, bytes */
#define MAX_NAME 512         /* of one name in it; kube-apiserver takes 253 */
#define TOLD_VERSION_SIZE 64 /* so much of a resourceVersion is compared */

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

struct unreadable { /* an object that is there and left out */
	struct map_node node;
	uint64_t list;                   /* number of the last list that named it */
	char version[TOLD_VERSION_SIZE]; /* the one that was told of */
	char key[];
};

struct informer {
	struct informer_options options;
	struct watch *watch;
	struct map entries;
	struct map unreadable; /* by "namespace/name" */
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

/* Objects that are left out */

/* What stands in the metadata of an object whose owner can't read it, or "" where that can't be read either.
 */
struct identity {
	char namespace[MAX_NAME], name[MAX_NAME], uid[MAX_NAME], version[MAX_NAME];
};

/* "": no such member, or none that can be a name. */
static void copy_member(struct str metadata, struct str key, char ret[MAX_NAME])
{
	cleanup_buffer struct buffer text = BUFFER(MAX_NAME - 1);
	struct str value;

	ret[0] = '\0';
	if (!jsontext_split_find(metadata, key, &value) || value.n > MAX_NAME ||
	    jsontext_check(value, &(struct jsontext_rules){0}, NULL) < 0 ||
	    jsontext_decode_string(value, &text, NULL) < 0 || text.len == 0 ||
	    memchr(text.data, '\0', text.len))
		return;
	memcpy(ret, text.data, text.len + 1);
}

/* Straight from the text, whatever else is in it. */
static void identify(struct str json, struct identity *ret)
{
	struct str metadata;

	*ret = (struct identity){0};
	if (!jsontext_split_find(json, STR("metadata"), &metadata))
		return;
	copy_member(metadata, STR("namespace"), ret->namespace);
	copy_member(metadata, STR("name"), ret->name);
	copy_member(metadata, STR("uid"), ret->uid);
	copy_member(metadata, STR("resourceVersion"), ret->version);
}

/* Empty: it has no name. */
static void identity_key(const struct identity *identity, struct buffer *out)
{
	if (identity->name[0] == '\0')
		return;
	if (identity->namespace[0])
		buffer_appendf(out, "%s/", identity->namespace);
	buffer_append_c(out, identity->name);
}

static struct unreadable *unreadable_get(const struct informer *informer, struct str key)
{
	struct map_node *node = map_get(&informer->unreadable, key);

	return node ? MAP_CONTAINER(node, struct unreadable, node) : NULL;
}

/* It is gone, or readable. */
static void unreadable_forget(struct informer *informer, struct str key)
{
	struct unreadable *unreadable = unreadable_get(informer, key);

	if (unreadable)
		map_remove(&informer->unreadable, &unreadable->node);
	free(unreadable);
}

/* True: this version is news. What can't be remembered is not told of, or each list would tell of it again.
 */
static bool unreadable_note(struct informer *informer, struct str key, const char *version)
{
	struct unreadable *unreadable = unreadable_get(informer, key);
	bool is_news = !unreadable || strncmp(unreadable->version, version, TOLD_VERSION_SIZE - 1) != 0;

	if (!unreadable) {
		if (informer->unreadable.count >= INFORMER_MAX_UNREADABLE)
			return false;
		unreadable = calloc(1, sizeof *unreadable + key.n);
		if (!unreadable)
			return false;
		if (key.n)
			memcpy(unreadable->key, key.p, key.n);
		unreadable->node.key = (struct str){unreadable->key, key.n};
		map_insert(&informer->unreadable, &unreadable->node);
	}
	unreadable->list = informer->list;
	snprintf(unreadable->version, sizeof unreadable->version, "%.*s", TOLD_VERSION_SIZE - 1, version);
	return is_news;
}

/* The object is left out, and what is known under its key, which is out of date; the others go on. */
static void leave_out(struct informer *informer, enum watch_event_type type, struct str json,
		      const struct error *why)
{
	cleanup_buffer struct buffer key = BUFFER(MAX_KEY);
	struct identity identity;
	struct entry *entry;

	identify(json, &identity);
	identity_key(&identity, &key);
	if (key.failed)
		return; /* two names are shorter, and this is no memory: the next list tells */
	entry = entry_get(informer, buffer_str(&key));
	if (entry)
		entry_drop(informer, entry);
	if (type == WATCH_DELETED)
		unreadable_forget(informer, buffer_str(&key));
	else if (unreadable_note(informer, buffer_str(&key), identity.version) &&
		 informer->options.unreadable && !informer->stopped)
		informer->options.unreadable(informer->options.context,
					     &(struct informer_name){identity.namespace, identity.name,
								     identity.uid, identity.version},
					     why);
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
		leave_out(informer, type, json, &err);
		return;
	}
	informer->options.key(object, &key);
	if (key.failed || key.len == 0) {
		informer->options.free_object(object);
		error_set(&err, ERR_PROTOCOL, "its key is %s", key.failed ? "too long" : "empty");
		leave_out(informer, type, json, &err);
		return;
	}
	if (type == WATCH_DELETED) {
		struct entry *entry = entry_get(informer, buffer_str(&key));

		informer->options.free_object(object);
		unreadable_forget(informer, buffer_str(&key));
		if (entry)
			entry_drop(informer, entry);
		return;
	}
	if (entry_store(informer, buffer_str(&key), object, &err) < 0)
		leave_out(informer, type, json, &err);
	else
		unreadable_forget(informer, buffer_str(&key));
}

/* Those that the last list didn't name, or all. */
static void forget_unreadable(struct informer *informer, bool all)
{
	struct map_cursor cursor = {0};
	struct map_node *node;

	while ((node = map_next(&informer->unreadable, &cursor))) {
		struct unreadable *unreadable = MAP_CONTAINER(node, struct unreadable, node);

		if (!all && unreadable->list == informer->list)
			continue;
		map_remove(&informer->unreadable, node);
		free(unreadable);
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
	forget_unreadable(informer, false);
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
	forget_unreadable(informer, true);
	map_free(&informer->unreadable);
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
	if (map_init(&informer->entries, err) < 0 || map_init(&informer->unreadable, err) < 0)
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

uint64_t informer_age_ms(const struct informer *informer)
{
	return informer->watch ? watch_age_ms(informer->watch) : 0;
}

size_t informer_count(const struct informer *informer)
{
	return informer->entries.count;
}

size_t informer_unreadable_count(const struct informer *informer)
{
	return informer->unreadable.count;
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
