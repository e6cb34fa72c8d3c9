#include "controller/sandbox/bundle_cache.h"

#include "controller/sandbox/object.h"
#include "lib/run/packages.h"

#include <stdlib.h>
#include <unistd.h>

/* Of either kind: descriptors, and a walk through a list for each run */
#define CACHE_MAX_ENTRIES 64
#define CACHE_MAX_MEMORY (4ll << 20)
/* Of temporary files: page cache or disk, not our memory */
#define CACHE_MAX_FILES (256ll << 20)
/* Tenant, digest and language, or a UID */
#define KEY_MAX 4096

struct bundle_wait {
	struct bundle_wait *next;
	struct load *load;
	bundle_done_cb done;
	void *context;
};

/* One load under way: fetch the zip, then unpack and encode it in the thread pool. */
struct load {
	struct load *next;
	struct bundle_cache *cache;
	char *key, *lang, *entrypoint;
	/* The skill's inline files; or a zip is fetched, and then here (-1: not yet). */
	struct archive_content content;
	/* Of an outline they are read first. */
	struct reading *reading;
	char *uid;
	bool is_zip;
	enum bundle_part part;
	int zip_fd;
	uv_work_t work;
	struct bundle *bundle;
	struct error error;
	struct bundle_wait *waits;
};

/* The most recently used one is the first. */
struct entry {
	struct entry *next;
	char *key;
	struct bundle *bundle;
};

struct bundle_cache {
	uv_loop_t *loop;
	struct blob_store *store;
	struct reader *reader;
	struct entry *entries;
	struct load *loads;
	bool closing;
};

/* A skill that was uploaded is its content, in its tenant, and which of it is run; one of inline files, that
 * version of the object.
 */
static int cache_key(const struct skill *skill, enum bundle_part part, const char *tenant, struct buffer *out,
		     struct error *err)
{
	if (part == BUNDLE_PACKAGES)
		buffer_appendf(out, "packages/%s/%s", tenant, skill_packages(skill)->blob.digest);
	else if (skill->spec.bundle.digest)
		buffer_appendf(out, "%s/%s/%s/%s", tenant, skill->spec.bundle.digest, skill->spec.lang,
			       skill->spec.entrypoint ? skill->spec.entrypoint : "");
	else
		buffer_appendf(out, "%s/%lld", skill->meta.uid, (long long)skill->meta.generation);
	return out->failed ? error_no_memory(err) : 0;
}

struct bundle *bundle_cache_find(struct bundle_cache *cache, const struct skill *skill, enum bundle_part part,
				 const char *tenant)
{
	cleanup_buffer struct buffer key = BUFFER(KEY_MAX);
	if (cache_key(skill, part, tenant, &key, NULL) != 0)
		return NULL;
	for (struct entry **at = &cache->entries; *at; at = &(*at)->next) {
		struct entry *entry = *at;
		if (strcmp(entry->key, key.data) != 0)
			continue;
		*at = entry->next;
		entry->next = cache->entries;
		cache->entries = entry;
		return bundle_ref(entry->bundle);
	}
	return NULL;
}

static void entry_free(struct entry *entry)
{
	bundle_unref(entry->bundle);
	free(entry->key);
	free(entry);
}

static void cache_trim(struct bundle_cache *cache)
{
	struct total {
		unsigned count;
		int64_t bytes;
	} memory = {0}, files = {0};
	for (struct entry **at = &cache->entries; *at;) {
		struct entry *entry = *at;
		bool in_memory = entry->bundle->frames != NULL;
		struct total *total = in_memory ? &memory : &files;
		total->count++;
		total->bytes += entry->bundle->size;
		if (total->count == 1 || (total->count <= CACHE_MAX_ENTRIES &&
					  total->bytes <= (in_memory ? CACHE_MAX_MEMORY : CACHE_MAX_FILES))) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		entry_free(entry);
	}
}

/* Takes the load's key. Not being cached is no failure. */
static void cache_put(struct bundle_cache *cache, struct load *load)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	*entry = (struct entry){cache->entries, load->key, bundle_ref(load->bundle)};
	load->key = NULL;
	cache->entries = entry;
	cache_trim(cache);
}

/* Loading */

static void load_free(struct load *load)
{
	if (load->zip_fd >= 0)
		close(load->zip_fd);
	archive_content_free(&load->content);
	reading_cancel(load->reading);
	bundle_unref(load->bundle);
	free(load->uid);
	free(load->key);
	free(load->lang);
	free(load->entrypoint);
	free(load);
}

static void cache_release(struct bundle_cache *cache)
{
	if (cache->closing && !cache->loads)
		free(cache);
}

static void load_end(struct load *load)
{
	struct bundle_cache *cache = load->cache;
	struct load **at = &cache->loads;
	while (*at != load)
		at = &(*at)->next;
	*at = load->next;
	if (load->bundle && !cache->closing)
		cache_put(cache, load);
	while (load->waits) {
		struct bundle_wait *wait = load->waits;
		load->waits = wait->next;
		wait->done(wait->context, load->bundle ? NULL : &load->error,
			   load->bundle ? bundle_ref(load->bundle) : NULL);
		free(wait);
	}
	load_free(load);
	cache_release(cache);
}

static void work_encode(uv_work_t *work)
{
	struct load *load = work->data;
	load->bundle = load->is_zip
			   ? bundle_encode_zip(load->zip_fd, load->lang, load->entrypoint, &load->error)
			   : bundle_encode(&load->content, load->lang, load->entrypoint, &load->error);
}

static void work_done(uv_work_t *work, int status)
{
	struct load *load = work->data;
	if (status != 0)
		error_set(&load->error, ERR_INTERNAL, "thread pool: %s", uv_strerror(status));
	load_end(load);
}

static int start_work(struct load *load, struct error *err)
{
	load->work.data = load;
	int status = uv_queue_work(load->cache->loop, &load->work, work_encode, work_done);
	return status == 0 ? 0 : error_set(err, ERR_INTERNAL, "thread pool: %s", uv_strerror(status));
}

/* They are stored as they are sent. */
static void packages_fetched(void *context, const struct error *error, int fd, int64_t size)
{
	struct load *load = context;
	if (error)
		load->error = *error;
	else
		load->bundle = packages_open(fd, size, &load->error);
	if (!error && !load->bundle)
		close(fd);
	if (!load->bundle)
		error_wrap(&load->error, "the skill's packages could not be fetched");
	load_end(load);
}

static void zip_fetched(void *context, const struct error *error, int fd, int64_t size)
{
	struct load *load = context;
	(void)size;
	if (error) {
		load->error = *error;
		error_wrap(&load->error, "the skill's bundle could not be fetched");
		load_end(load);
		return;
	}
	load->zip_fd = fd;
	if (start_work(load, &load->error) != 0)
		load_end(load);
}

/* Inline files are sorted like an archive's, so that entrypoints are found by the same code. */
static int copy_files(const struct skill *skill, struct archive_content *content, struct error *err)
{
	content->entries =
	    calloc(skill->spec.file_count ? skill->spec.file_count : 1, sizeof(struct archive_entry));
	if (!content->entries)
		return error_no_memory(err);
	for (size_t i = 0; i < skill->spec.file_count; i++) {
		struct archive_entry *entry = &content->entries[content->count++];
		struct str text = str_of(skill->spec.files[i].text);
		entry->mode = 0644;
		entry->path = str_dup(str_of(skill->spec.files[i].path));
		entry->data = str_dup(text);
		entry->size = text.n;
		content->total += (int64_t)text.n;
		if (!entry->path || !entry->data)
			return error_no_memory(err);
	}
	archive_sort(content);
	return 0;
}

static void skill_read(void *context, const struct kube_response *response)
{
	struct load *load = context;
	load->reading = NULL;
	cleanup_skill struct skill *skill = object_read_skill(response, load->uid, &load->error);
	if (!skill || copy_files(skill, &load->content, &load->error) != 0 ||
	    start_work(load, &load->error) != 0)
		load_end(load);
}

static int start_inline(struct load *load, const struct skill *skill, struct error *err)
{
	if (!skill->is_outline)
		return copy_files(skill, &load->content, err) != 0 ? -1 : start_work(load, err);
	load->uid = str_dup(str_of(skill->meta.uid));
	if (!load->uid)
		return error_no_memory(err);
	load->reading = object_read(load->cache->reader, API_SKILLS, &skill->meta, skill_read, load, err);
	return load->reading ? 0 : -1;
}

/* Its end comes from the loop. */
static int load_begin(struct load *load, const struct skill *skill, const char *tenant, struct error *err)
{
	struct blob_store *store = load->cache->store;
	struct blob_key zip = {BLOB_SKILLS, tenant, skill->spec.bundle.digest};
	struct blob_key packages = {BLOB_SKILLS, tenant, skill_packages(skill)->blob.digest};
	int status = load->part == BUNDLE_PACKAGES
			 ? blob_get(store, &packages, PACKAGES_MAX_SIZE, packages_fetched, load, err)
		     : load->is_zip ? blob_get(store, &zip, BUNDLE_MAX_ZIP, zip_fetched, load, err)
				    : start_inline(load, skill, err);
	if (status != 0)
		return -1;
	load->next = load->cache->loads;
	load->cache->loads = load;
	return 0;
}

static struct load *load_new(struct bundle_cache *cache, const struct skill *skill, enum bundle_part part,
			     const char *key, struct error *err)
{
	struct load *load = calloc(1, sizeof(*load));
	if (!load) {
		error_no_memory(err);
		return NULL;
	}
	load->cache = cache;
	load->part = part;
	load->zip_fd = -1;
	load->is_zip = skill->spec.bundle.digest != NULL;
	load->key = str_dup(str_of(key));
	load->lang = str_dup(str_of(skill->spec.lang));
	load->entrypoint = str_dup(str_of(skill->spec.entrypoint));
	if (load->key && load->lang && load->entrypoint)
		return load;
	error_no_memory(err);
	load_free(load);
	return NULL;
}

static struct bundle_wait *wait_new(struct load *load, bundle_done_cb done, void *context, struct error *err)
{
	struct bundle_wait *wait = calloc(1, sizeof(*wait));
	if (!wait) {
		error_no_memory(err);
		return NULL;
	}
	*wait = (struct bundle_wait){load->waits, load, done, context};
	load->waits = wait;
	return wait;
}

struct bundle_wait *bundle_cache_load(struct bundle_cache *cache, const struct skill *skill,
				      enum bundle_part part, const char *tenant, bundle_done_cb done,
				      void *context, struct error *err)
{
	cleanup_buffer struct buffer key = BUFFER(KEY_MAX);
	if (cache_key(skill, part, tenant, &key, err) != 0)
		return NULL;
	for (struct load *load = cache->loads; load; load = load->next)
		if (load->key && strcmp(load->key, key.data) == 0)
			return wait_new(load, done, context, err);
	struct load *load = load_new(cache, skill, part, key.data, err);
	if (!load)
		return NULL;
	struct bundle_wait *wait = wait_new(load, done, context, err);
	if (wait && load_begin(load, skill, tenant, err) == 0)
		return wait;
	free(wait);
	load_free(load);
	return NULL;
}

void bundle_wait_cancel(struct bundle_wait *wait)
{
	if (!wait)
		return;
	struct bundle_wait **at = &wait->load->waits;
	while (*at != wait)
		at = &(*at)->next;
	*at = wait->next;
	free(wait);
}

struct bundle_cache *bundle_cache_new(uv_loop_t *loop, struct blob_store *store, struct reader *reader,
				      struct error *err)
{
	struct bundle_cache *cache = calloc(1, sizeof(*cache));
	if (!cache) {
		error_no_memory(err);
		return NULL;
	}
	cache->loop = loop;
	cache->store = store;
	cache->reader = reader;
	return cache;
}

/* They would not end by themselves: the reader goes, too. */
static void forget_readings(struct bundle_cache *cache)
{
	for (struct load **at = &cache->loads; *at;) {
		struct load *load = *at;
		if (!load->reading) {
			at = &load->next;
			continue;
		}
		*at = load->next;
		load_free(load);
	}
}

struct bundle_cache *bundle_cache_free(struct bundle_cache *cache)
{
	if (!cache)
		return NULL;
	while (cache->entries) {
		struct entry *entry = cache->entries;
		cache->entries = entry->next;
		entry_free(entry);
	}
	cache->closing = true;
	forget_readings(cache);
	cache_release(cache);
	return NULL;
}
