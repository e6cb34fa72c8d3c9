/* The cache makes a bundle once for all who want it, and keeps what was used last, within its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/bundle_cache.h"
#include "lib/base/digest.h"
#include "lib/blob/blob_internal.h"
#include "tests/unit/lib/kube/fake_reader.h"
#include "tests/unit/remove_tree.h"
#include "zip_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* With a store in a directory */

struct fixture {
	uv_loop_t loop;
	char directory[64];
	struct blob_store *store;
	struct bundle_cache *cache;
	char digest[DIGEST_TEXT_SIZE];
	struct skill skill;
	/* answers */
	unsigned calls;
	struct error error;
	struct bundle *bundle;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error err;
	snprintf(f->directory, sizeof(f->directory), "/tmp/skillbox-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->store =
	    blob_store_directory(&f->loop, f->directory, STR("a signing key"), "http://localhost", &err);
	assert_non_null(f->store);
	f->cache = bundle_cache_new(&f->loop, f->store, NULL, &err);
	assert_non_null(f->cache);
	f->skill.spec.bundle.digest = f->digest;
	f->skill.spec.lang = (char *)"python";
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	bundle_cache_free(f->cache);
	blob_store_free(f->store);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	remove_tree(f->directory);
	free(f);
	return 0;
}

static void stored(void *context, const struct error *error, int fd, int64_t size)
{
	(void)fd;
	(void)size;
	assert_null(error);
	(*(unsigned *)context)++;
}

/* Make fixture->skill one whose main.py has this text. */
static void store(struct fixture *f, const char *text)
{
	const struct made_entry files[] = {{.name = "main.py", .data = text}};
	int fd = make_entries(files, 1);
	off_t size = lseek(fd, 0, SEEK_END);
	char *bytes = malloc((size_t)size);
	unsigned done = 0;
	assert_int_equal(pread(fd, bytes, (size_t)size, 0), size);
	assert_int_equal(digest_text((struct str){bytes, (size_t)size}, f->digest, NULL), 0);
	struct blob_key key = {BLOB_SKILLS, "acme", f->digest};
	assert_int_equal(blob_put(f->store, &key, fd, size, stored, &done, NULL), 0);
	while (!done)
		uv_run(&f->loop, UV_RUN_ONCE);
	free(bytes);
	close(fd);
}

static void loaded(void *context, const struct error *error, struct bundle *bundle)
{
	struct fixture *f = context;
	f->calls++;
	f->error = error ? *error : (struct error){0};
	bundle_unref(f->bundle);
	f->bundle = bundle;
}

static void load(struct fixture *f, const char *text)
{
	store(f, text);
	unsigned before = f->calls;
	assert_non_null(bundle_cache_load(f->cache, &f->skill, BUNDLE_FILES, "acme", loaded, f, NULL));
	while (f->calls == before)
		uv_run(&f->loop, UV_RUN_ONCE);
}

static bool is_cached(struct fixture *f)
{
	struct bundle *bundle = bundle_cache_find(f->cache, &f->skill, BUNDLE_FILES, "acme");
	bundle_unref(bundle);
	return bundle != NULL;
}

static void one_load_for_all_who_wait(void **state)
{
	struct fixture *f = *state;
	store(f, "print()");
	assert_false(is_cached(f));
	struct bundle_wait *first =
	    bundle_cache_load(f->cache, &f->skill, BUNDLE_FILES, "acme", loaded, f, NULL);
	assert_non_null(bundle_cache_load(f->cache, &f->skill, BUNDLE_FILES, "acme", loaded, f, NULL));
	assert_non_null(bundle_cache_load(f->cache, &f->skill, BUNDLE_FILES, "acme", loaded, f, NULL));
	bundle_wait_cancel(first);
	while (f->calls < 2)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->error.code, ERR_NONE);
	struct bundle *found = bundle_cache_find(f->cache, &f->skill, BUNDLE_FILES, "acme");
	assert_ptr_equal(found, f->bundle);
	bundle_unref(found);
	assert_null(
	    bundle_cache_find(f->cache, &f->skill, BUNDLE_FILES, "other")); /* another tenant's is not ours */
	f->bundle = bundle_unref(f->bundle);
}

static void a_load_that_fails_is_not_kept(void **state)
{
	struct fixture *f = *state;
	memset(f->digest, 0, sizeof(f->digest));
	snprintf(f->digest, sizeof(f->digest), "sha256:%064d", 7);
	assert_non_null(bundle_cache_load(f->cache, &f->skill, BUNDLE_FILES, "acme", loaded, f, NULL));
	while (f->calls < 1)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->error.code, ERR_NOT_FOUND);
	assert_null(f->bundle);
	assert_false(is_cached(f));
	f->skill.spec.lang = (char *)"node";
	load(f, "print()");
	assert_int_equal(f->error.code, ERR_INVALID_SKILL);
	assert_false(is_cached(f));
}

static void the_least_used_goes_first(void **state)
{
	struct fixture *f = *state;
	char text[32], first[DIGEST_TEXT_SIZE], second[DIGEST_TEXT_SIZE];
	for (int i = 0; i < 64; i++) {
		snprintf(text, sizeof(text), "print(%d)", i);
		load(f, text);
		memcpy(i == 0 ? first : second, f->digest, i < 2 ? sizeof(first) : 0);
	}
	memcpy(f->digest, first, sizeof(first));
	assert_true(is_cached(f)); /* and used just now */
	load(f, "print('one more')");
	assert_true(is_cached(f));
	memcpy(f->digest, first, sizeof(first));
	assert_true(is_cached(f));
	memcpy(f->digest, second, sizeof(second));
	assert_false(is_cached(f));
	f->bundle = bundle_unref(f->bundle);
}

/* Large bundles don't drive the small ones out, nor they each other within their room. */
static void small_and_large_have_rooms_of_their_own(void **state)
{
	struct fixture *f = *state;
	char small[DIGEST_TEXT_SIZE], large[DIGEST_TEXT_SIZE];
	char *data = make_noise(100000);
	load(f, "print('small')");
	memcpy(small, f->digest, sizeof(small));
	for (int i = 0; i < 65; i++) {
		data[0] = (char)('!' + i);
		load(f, data);
		assert_null(f->bundle->frames);
		memcpy(large, f->digest, i == 0 ? sizeof(large) : 0);
	}
	assert_true(is_cached(f)); /* the last */
	memcpy(f->digest, small, sizeof(small));
	assert_true(is_cached(f));
	memcpy(f->digest, large, sizeof(large));
	assert_false(is_cached(f));
	f->bundle = bundle_unref(f->bundle);
	free(data);
}

/* With a store that answers when the test says so */

enum { GETS_MAX = 8, WAITERS = 3 };

struct slow_store {
	struct blob_store base;
	struct {
		blob_done_cb done;
		void *context;
	} gets[GETS_MAX];
	unsigned get_count;
	bool refuses;
};

struct waiter {
	struct bundle_wait *wait;
	unsigned calls;
	struct error error;
	struct bundle *bundle;
	/* Another one, to be cancelled from inside this one's answer. */
	struct waiter *cancels;
};

struct slow {
	uv_loop_t loop;
	struct slow_store store;
	struct bundle_cache *cache;
	struct waiter waiters[WAITERS];
	struct skill skill;
	char digest[DIGEST_TEXT_SIZE];
};

static int slow_get(struct blob_store *base, const struct blob_key *key, int64_t max, blob_done_cb done,
		    void *context, struct error *err)
{
	struct slow_store *store = (struct slow_store *)base;
	assert_int_equal(key->bucket, BLOB_SKILLS);
	assert_string_equal(key->tenant, "acme");
	assert_int_equal(max, BUNDLE_MAX_ZIP);
	if (store->refuses)
		return error_set(err, ERR_UNAVAILABLE, "no more requests");
	assert_true(store->get_count < GETS_MAX);
	store->gets[store->get_count].done = done;
	store->gets[store->get_count++].context = context;
	return 0;
}

static const struct blob_operations slow_operations = {.get = slow_get};

static int slow_set_up(void **state)
{
	struct slow *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	s->store.base.operations = &slow_operations;
	s->cache = bundle_cache_new(&s->loop, &s->store.base, NULL, NULL);
	assert_non_null(s->cache);
	snprintf(s->digest, sizeof(s->digest), "sha256:%064d", 1);
	s->skill.spec.bundle.digest = s->digest;
	s->skill.spec.lang = (char *)"python";
	*state = s;
	return 0;
}

static int slow_tear_down(void **state)
{
	struct slow *s = *state;
	bundle_cache_free(s->cache);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	for (size_t i = 0; i < WAITERS; i++)
		bundle_unref(s->waiters[i].bundle);
	free(s);
	return 0;
}

static void waiter_told(void *context, const struct error *error, struct bundle *bundle)
{
	struct waiter *waiter = context;
	waiter->calls++;
	waiter->wait = NULL;
	waiter->error = error ? *error : (struct error){0};
	waiter->bundle = bundle;
	if (waiter->cancels) {
		bundle_wait_cancel(waiter->cancels->wait);
		waiter->cancels->wait = NULL;
	}
}

static void wait_for(struct slow *s, size_t first, size_t last)
{
	struct error err;
	for (size_t i = first; i <= last; i++) {
		s->waiters[i].wait = bundle_cache_load(s->cache, &s->skill, BUNDLE_FILES, "acme", waiter_told,
						       &s->waiters[i], &err);
		if (!s->waiters[i].wait)
			fail_msg("%s", err.message);
	}
}

/* The store's answer to one request, and all that follows. */
static void answer(struct slow *s, unsigned get, const struct error *error)
{
	const struct made_entry files[] = {{.name = "main.py", .data = "print()"}};
	int fd = error ? -1 : make_entries(files, 1);
	s->store.gets[get].done(s->store.gets[get].context, error, fd, 0);
	uv_run(&s->loop, UV_RUN_DEFAULT);
}

static unsigned calls(const struct slow *s)
{
	unsigned sum = 0;
	for (size_t i = 0; i < WAITERS; i++)
		sum += s->waiters[i].calls;
	return sum;
}

static void all_get_the_same(void **state)
{
	struct slow *s = *state;
	wait_for(s, 0, 2);
	assert_int_equal(s->store.get_count, 1);
	assert_int_equal(calls(s), 0);
	answer(s, 0, NULL);
	for (size_t i = 0; i < WAITERS; i++) {
		assert_int_equal(s->waiters[i].calls, 1);
		assert_int_equal(s->waiters[i].error.code, ERR_NONE);
		assert_ptr_equal(s->waiters[i].bundle, s->waiters[0].bundle);
	}
	assert_int_equal(s->waiters[0].bundle->references, WAITERS + 1); /* one each, and the cache's */
}

static void all_hear_of_a_failure(void **state)
{
	struct slow *s = *state;
	static const struct error away = {ERR_UNAVAILABLE, "no route"};
	wait_for(s, 0, 2);
	answer(s, 0, &away);
	for (size_t i = 0; i < WAITERS; i++) {
		assert_int_equal(s->waiters[i].calls, 1);
		assert_null(s->waiters[i].bundle);
		assert_int_equal(s->waiters[i].error.code, ERR_UNAVAILABLE);
		assert_string_equal(s->waiters[i].error.message,
				    "the skill's bundle could not be fetched: no route");
	}
	wait_for(s, 0, 0); /* it is asked for again */
	assert_int_equal(s->store.get_count, 2);
	answer(s, 1, NULL);
	assert_non_null(s->waiters[0].bundle);
}

/* Other contents, and the same zip as another language's are loads of their own. */
static void what_is_another(void **state)
{
	struct slow *s = *state;
	wait_for(s, 0, 0);
	s->digest[8] = '7';
	wait_for(s, 1, 1);
	s->digest[8] = '0';
	s->skill.spec.lang = (char *)"";
	wait_for(s, 2, 2);
	assert_int_equal(s->store.get_count, 3);
	for (unsigned i = 0; i < 3; i++)
		answer(s, i, NULL);
	assert_int_equal(calls(s), 3);
	assert_ptr_not_equal(s->waiters[0].bundle, s->waiters[1].bundle);
	assert_ptr_not_equal(s->waiters[0].bundle, s->waiters[2].bundle);
}

/* Two skills of the same zip may name other scripts in it. */
static void another_script(void **state)
{
	struct slow *s = *state;
	wait_for(s, 0, 0);
	s->skill.spec.entrypoint = (char *)"main.py";
	wait_for(s, 1, 1);
	s->skill.spec.entrypoint = (char *)"other.py";
	wait_for(s, 2, 2);
	assert_int_equal(s->store.get_count, 3);
	for (unsigned i = 0; i < 3; i++)
		answer(s, i, NULL);
	assert_ptr_not_equal(s->waiters[0].bundle, s->waiters[1].bundle);
	assert_string_equal(s->waiters[1].bundle->entrypoint, "main.py");
	assert_null(s->waiters[2].bundle);
	assert_non_null(strstr(s->waiters[2].error.message, "\"other.py\" is not among the files"));
}

/* Who left is not told; what was begun for him is kept for the next. */
static void all_have_left(void **state)
{
	struct slow *s = *state;
	wait_for(s, 0, 2);
	for (size_t i = 0; i < WAITERS; i++)
		bundle_wait_cancel(s->waiters[i].wait);
	bundle_wait_cancel(NULL);
	answer(s, 0, NULL);
	assert_int_equal(calls(s), 0);
	struct bundle *found = bundle_cache_find(s->cache, &s->skill, BUNDLE_FILES, "acme");
	assert_non_null(found);
	bundle_unref(found);
}

/* They are told one after the other; one of them may end the others' waiting. */
static void left_while_others_are_told(void **state)
{
	struct slow *s = *state;
	wait_for(s, 0, 2);
	s->waiters[0].cancels = &s->waiters[1];
	s->waiters[1].cancels = &s->waiters[0];
	answer(s, 0, NULL);
	assert_int_equal(s->waiters[0].calls + s->waiters[1].calls, 1);
	assert_int_equal(s->waiters[2].calls, 1);
}

static void a_store_that_refuses(void **state)
{
	struct slow *s = *state;
	struct error err = {0};
	s->store.refuses = true;
	assert_null(
	    bundle_cache_load(s->cache, &s->skill, BUNDLE_FILES, "acme", waiter_told, &s->waiters[0], &err));
	assert_string_equal(err.message, "no more requests");
	s->store.refuses = false;
	wait_for(s, 0, 0); /* nothing was left behind */
	assert_int_equal(s->store.get_count, 1);
	answer(s, 0, NULL);
	assert_int_equal(calls(s), 1);
}

static void freed_while_it_loads(void **state)
{
	struct slow *s = *state;
	const struct made_entry files[] = {{.name = "main.py", .data = "print()"}};
	wait_for(s, 0, 1);
	s->digest[8] = '7';
	wait_for(s, 2, 2);
	for (size_t i = 0; i < WAITERS; i++)
		bundle_wait_cancel(s->waiters[i].wait);
	/* One is being fetched, one is being made. */
	s->store.gets[0].done(s->store.gets[0].context, NULL, make_entries(files, 1), 0);
	s->cache = bundle_cache_free(s->cache);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	answer(s, 1, NULL);
	assert_int_equal(calls(s), 0);
}

/* Inline files are of one object, as it is now. */
static void inline_files(void **state)
{
	struct slow *s = *state;
	struct skill_file file = {(char *)"main.py", (char *)"print()"};
	struct skill skill = {.meta = {.uid = (char *)"uid", .generation = 1},
			      .spec = {.lang = (char *)"python", .files = &file, .file_count = 1}};
	s->skill = skill;
	wait_for(s, 0, 1);
	assert_int_equal(calls(s), 0); /* never from inside */
	file.text = (char *)"changed after the call";
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(s->store.get_count, 0);
	assert_int_equal(calls(s), 2);
	assert_int_equal(s->waiters[0].bundle->byte_count, strlen("print()"));
	struct bundle *found = bundle_cache_find(s->cache, &skill, BUNDLE_FILES, "acme");
	assert_ptr_equal(found, s->waiters[0].bundle);
	bundle_unref(found);
	skill.meta.generation = 2;
	assert_null(bundle_cache_find(s->cache, &skill, BUNDLE_FILES, "acme"));
}

/* Of an outline the files are read first, once for all who wait. */
static void inline_files_of_an_outline(void **state)
{
	struct slow *s = *state;
	struct skill skill = {
	    .meta = {.namespace = (char *)"ns", .name = (char *)"s", .uid = (char *)"uid", .generation = 1},
	    .is_outline = true,
	    .spec = {.lang = (char *)"python", .entrypoint = (char *)"", .file_count = 1}};
	s->skill = skill;
	reading_count = 0;
	wait_for(s, 0, 1);
	assert_int_equal(reading_count, 1);
	assert_string_equal(readings[0].path, API_BASE_PATH "/namespaces/ns/skills/s");
	answer_reading(0,
		       "{\"metadata\":{\"name\":\"s\",\"uid\":\"uid\"},\"spec\":{\"name\":\"a\",\"version\":"
		       "\"1.0\",\"source\":{\"files\":{\"main.py\":\"print()\"}}}}");
	assert_int_equal(calls(s), 0);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(calls(s), 2);
	assert_int_equal(s->waiters[0].bundle->byte_count, strlen("print()"));
	/* another object has its name */
	s->skill.meta.generation = 2;
	wait_for(s, 2, 2);
	answer_reading(1, "{\"metadata\":{\"name\":\"s\",\"uid\":\"other\"}}");
	assert_int_equal(s->waiters[2].calls, 1);
	assert_int_equal(s->waiters[2].error.code, ERR_NOT_FOUND);
	assert_non_null(strstr(s->waiters[2].error.message, "the skill was deleted"));
	/* the cache goes while one is read */
	s->skill.meta.generation = 3;
	wait_for(s, 2, 2);
	bundle_wait_cancel(s->waiters[2].wait);
	readings_cancelled = 0;
	s->cache = bundle_cache_free(s->cache);
	assert_int_equal(readings_cancelled, 1);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define SLOW(test) cmocka_unit_test_setup_teardown(test, slow_set_up, slow_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_DIRECTORY(one_load_for_all_who_wait),
	    IN_DIRECTORY(a_load_that_fails_is_not_kept),
	    IN_DIRECTORY(the_least_used_goes_first),
	    IN_DIRECTORY(small_and_large_have_rooms_of_their_own),
	    SLOW(all_get_the_same),
	    SLOW(all_hear_of_a_failure),
	    SLOW(what_is_another),
	    SLOW(another_script),
	    SLOW(all_have_left),
	    SLOW(left_while_others_are_told),
	    SLOW(a_store_that_refuses),
	    SLOW(freed_while_it_loads),
	    SLOW(inline_files),
	    SLOW(inline_files_of_an_outline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
