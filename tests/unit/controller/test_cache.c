/* What is known of the cluster, and how it is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/controller/stage.h"

#include <stdio.h>

static void test_all_must_be_complete(void **state)
{
	struct stage *stage = *state;
	for (int i = 0; i < CACHE_RESOURCE_COUNT; i++) {
		assert_false(cache_has_synced(stage->cache));
		assert_non_null(cache_problem(stage->cache));
		stage_sync((enum cache_resource)i);
	}
	assert_true(cache_has_synced(stage->cache));
	assert_null(cache_problem(stage->cache));
}

/* A watch that is lost: what was known stays, and /ready says which it is. */
static void test_one_is_not_up(void **state)
{
	static const char *const problems[CACHE_RESOURCE_COUNT] = {
	    "the watch of namespaces is not up", "the watch of skills is not up",
	    "the watch of executions is not up", "the watch of pods is not up",
	    "the watch of sandbox pools is not up"};
	struct stage *stage = *state;
	for (int i = 0; i < CACHE_RESOURCE_COUNT; i++) {
		enum cache_resource resource = (enum cache_resource)i;
		stage_live(resource, false);
		assert_string_equal(cache_problem(stage->cache), problems[i]);
		assert_false(cache_is_live(stage->cache, resource));
		assert_true(cache_has_synced(stage->cache));
		stage_live(resource, true);
		assert_true(cache_is_live(stage->cache, resource));
	}
	assert_null(cache_problem(stage->cache));
}

static void test_tenants(void **state)
{
	struct stage *stage = *state;
	assert_string_equal(cache_tenant(stage->cache, "ns"), "acme");
	assert_null(cache_tenant(stage->cache, "other"));
	stage_show(CACHE_TENANTS, "{\"metadata\":{\"name\":\"ns\",\"deletionTimestamp\":\"" STAGE_NOW
				  "\",\"labels\":{\"" API_TENANT_LABEL "\":\"acme\"}}}");
	assert_null(cache_tenant(stage->cache, "ns")); /* it is going */
	stage_show(CACHE_TENANTS, "{\"metadata\":{\"name\":\"ns\"}}");
	assert_null(cache_tenant(stage->cache, "ns")); /* the label went */
}

static void show_tenant(const char *namespace, const char *tenant, bool is_going)
{
	char json[256];
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",%s\"labels\":{\"" API_TENANT_LABEL "\":\"%s\"}}}", namespace,
		 is_going ? "\"deletionTimestamp\":\"" STAGE_NOW "\"," : "", tenant);
	stage_show(CACHE_TENANTS, json);
}

/* None of them is the tenant's before it is clear which. */
static void test_two_namespaces_of_one_tenant(void **state)
{
	struct stage *stage = *state;
	assert_null(cache_tenant_rival(stage->cache, "ns"));
	show_tenant("other", "acme", false);
	show_tenant("another", "acme", false);
	show_tenant("third", "else", false);
	assert_null(cache_tenant(stage->cache, "ns"));
	assert_null(cache_tenant(stage->cache, "other"));
	assert_string_equal(cache_tenant_label(stage->cache, "ns"), "acme");
	assert_string_equal(cache_tenant_rival(stage->cache, "ns"), "another");
	assert_string_equal(cache_tenant_rival(stage->cache, "another"), "ns");
	assert_string_equal(cache_tenant(stage->cache, "third"), "else");
	assert_null(cache_tenant_rival(stage->cache, "third"));
	assert_null(cache_tenant_rival(stage->cache, "no tenant's"));
	show_tenant("another", "acme", true); /* one that is going is nobody's */
	show_tenant("other", "else", false);
	assert_string_equal(cache_tenant(stage->cache, "ns"), "acme");
	assert_string_equal(cache_tenant_rival(stage->cache, "third"), "other");
}

static void show_skill(const char *name, const char *version, const char *uploaded)
{
	char json[512];
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"annotations\":{"
		 "\"" API_UPLOADED_AT_ANNOTATION
		 "\":\"%s\"}},\"spec\":{\"name\":\"adder\",\"version\":\"%s\",\"description\":\"d\","
		 "\"lang\":\"python\",\"source\":{\"files\":{\"main.py\":\"\"}}}}",
		 name, uploaded, version);
	stage_show(CACHE_SKILLS, json);
}

static char left_out[512];

static void on_unreadable(void *context, const char *kind, const struct informer_name *object,
			  const struct error *why)
{
	(void)context;
	snprintf(left_out, sizeof(left_out), "%s %s/%s: %s", kind ? kind : "-", object->namespace,
		 object->name, why->message);
}

static void ignore_change(void *context, enum cache_resource resource, const void *old, const void *fresh)
{
	(void)context;
	(void)resource;
	(void)old;
	(void)fresh;
}

/* It is told by its kind, where that is ours, and all others go on. */
static void test_what_can_not_be_read(void **state)
{
	static const struct {
		enum cache_resource resource;
		const char *json, *told;
	} rows[] = {
	    {CACHE_EXECUTIONS,
	     "{\"metadata\":{\"name\":\"bad\",\"namespace\":\"ns\"},\"status\":{\"attempt\":\"x\"}}",
	     "Execution ns/bad: status.attempt: must be a number, not a string"},
	    {CACHE_SKILLS, "{\"metadata\":{\"name\":\"bad\",\"namespace\":\"ns\"},\"status\":{\"digest\":7}}",
	     "Skill ns/bad: status.digest: must be a string, not a number"},
	    {CACHE_SANDBOX_POOLS,
	     "{\"metadata\":{\"name\":\"bad\",\"namespace\":\"ns\",\"uid\":\"u\"},\"status\":7}",
	     "SandboxPool ns/bad: SandboxPool: status: must be an object, not a number"},
	    {CACHE_PODS, "{\"metadata\":{\"name\":\"bad\",\"namespace\":\"ns\"},\"status\":{\"phase\":{}}}",
	     "- ns/bad: status.phase: must be a string, not an object"},
	    {CACHE_TENANTS, "{\"metadata\":{\"name\":\"bad\",\"labels\":[]}}",
	     "- /bad: Namespace: metadata.labels: must be an object, not a list"},
	};
	struct stage *stage = *state;
	struct cache_options options = {.changed = ignore_change, .unreadable = on_unreadable};
	cache_free(stage->cache);
	stage->cache = cache_start(&options, NULL);
	assert_non_null(stage->cache);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		left_out[0] = '\0';
		stage_show(rows[i].resource, rows[i].json);
		assert_string_equal(left_out, rows[i].told);
		assert_int_equal(informer_unreadable_count(cache_informer(stage->cache, rows[i].resource)),
				 1);
	}
	show_skill("good", "1.0.0", "2026-01-01T00:00:00Z");
	assert_non_null(cache_skill(stage->cache, STR("ns/good")));
}

/* What a skillRef means. */
static void test_skills(void **state)
{
	static const struct {
		const char *namespace, *name, *version, *found;
	} rows[] = {
	    {"ns", "adder", NULL, "s2"},    {"ns", "adder", "", "s2"},      {"ns", "adder", "latest", "s2"},
	    {"ns", "adder", "1.0.0", "s3"}, {"ns", "adder", "2.0.0", "s2"}, {"ns", "adder", "3.0.0", NULL},
	    {"ns", "other", NULL, NULL},    {"other", "adder", NULL, NULL}, {"ns", NULL, NULL, NULL},
	};
	struct stage *stage = *state;
	show_skill("s1", "1.0.0", "2026-01-01T00:00:00Z");
	show_skill("s2", "2.0.0", "2026-01-03T00:00:00Z"); /* the newest upload, whatever the version */
	show_skill("s3", "1.0.0", "2026-01-02T00:00:00Z"); /* the same version, uploaded again */
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct skill *skill =
		    cache_find_skill(stage->cache, rows[i].namespace, rows[i].name, rows[i].version);
		assert_int_equal(skill != NULL, rows[i].found != NULL);
		if (rows[i].found)
			assert_string_equal(skill->meta.name, rows[i].found);
	}
	assert_string_equal(cache_skill(stage->cache, STR("ns/s1"))->spec.version, "1.0.0");
}

static void test_executions(void **state)
{
	struct stage *stage = *state;
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("22222222-2222-3333-4444-555555555555", "u2", "", ""));
	assert_string_equal(cache_execution(stage->cache, STAGE_KEY)->meta.uid, STAGE_UID);
	assert_string_equal(cache_execution_of_uid(stage->cache, STAGE_UID)->meta.name, "e");
	assert_null(cache_execution_of_uid(stage->cache, "nobody"));
	/* an id is the object's name if that is a UUID, else its UID */
	assert_string_equal(cache_execution_by_id(stage->cache, "ns", STAGE_UID)->meta.name, "e");
	assert_string_equal(
	    cache_execution_by_id(stage->cache, "ns", "22222222-2222-3333-4444-555555555555")->meta.uid,
	    "u2");
	assert_null(cache_execution_by_id(stage->cache, "other", STAGE_UID));
	assert_null(cache_execution_by_id(stage->cache, "ns", "nobody"));
}

static bool count(void *context, const void *object)
{
	assert_non_null(object);
	++*(int *)context;
	return true;
}

static bool stop(void *context, const void *object)
{
	count(context, object);
	return false;
}

static void test_pods(void **state)
{
	struct stage *stage = *state;
	int visited = 0;
	stage_show(CACHE_PODS, stage_pod("a", POD_POOL_LABEL, "p", "", STAGE_RUNS));
	stage_show(CACHE_PODS, stage_pod("b", POD_POOL_LABEL, "p", "", ""));
	stage_show(CACHE_PODS, stage_pod("c", POD_POOL_LABEL, "q", "", ""));
	stage_show(CACHE_PODS, stage_pod("d", POD_EXECUTION_LABEL, "p", "", ""));
	assert_true(cache_pod(stage->cache, "ns", "a")->ready);
	assert_null(cache_pod(stage->cache, "other", "a"));
	cache_each_pod_of_pool(stage->cache, "p", count, &visited);
	assert_int_equal(visited, 2);
	cache_each(stage->cache, CACHE_PODS, count, &visited);
	assert_int_equal(visited, 6);
	cache_each(stage->cache, CACHE_PODS, stop, &visited);
	assert_int_equal(visited, 7);
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(3, ""));
	assert_int_equal(cache_sandbox_pool(stage->cache, STR("ns/p"))->spec.replicas, 3);
}

static void test_keys(void **state)
{
	struct stage *stage = *state;
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	const struct object_meta meta = {.namespace = (char *)"ns", .name = (char *)"e"};
	const struct object_meta alone = {.name = (char *)"ns"};
	cache_key(&meta, &key);
	assert_string_equal(key.data, "ns/e");
	buffer_reset(&key);
	cache_key(&alone, &key);
	assert_string_equal(key.data, "ns");
	cache_enqueue(stage->execution_queue, &meta);
	assert_int_equal(stage_asked(stage->execution_queue, STAGE_KEY), 0);
}

/* Who is told of a change, and of which resource. */
static struct {
	enum cache_resource resource;
	bool had_old, has_fresh;
	unsigned count;
} told;

static void changed(void *context, enum cache_resource resource, const void *old, const void *fresh)
{
	assert_ptr_equal(context, &told);
	told.resource = resource;
	told.had_old = old != NULL;
	told.has_fresh = fresh != NULL;
	told.count++;
}

static void test_changes(void **state)
{
	struct stage *stage = *state;
	stage->changed = changed;
	stage->changed_context = &told;
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	assert_int_equal(told.resource, CACHE_EXECUTIONS);
	assert_false(told.had_old);
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", STAGE_SUCCEEDED));
	assert_true(told.had_old && told.has_fresh);
	stage_gone(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, "", ""));
	assert_false(told.has_fresh);
	stage_show(CACHE_SANDBOX_POOLS, stage_pool(1, ""));
	assert_int_equal(told.resource, CACHE_SANDBOX_POOLS);
	assert_int_equal(told.count, 4);
}

/* Thousands that have ended only wait for their end: without a history nobody reads their data again. */
static void test_what_ended_is_kept_small(void **state)
{
	struct stage *stage = *state;
	char json[1024];
	snprintf(json, sizeof(json), "%s",
		 stage_execution("e", STAGE_UID, ",\"input\":[1]", "\"output\":\"[2]\"," STAGE_SUCCEEDED));
	stage_show(CACHE_EXECUTIONS, json);
	assert_string_equal(cache_execution(stage->cache, STAGE_KEY)->status.output, "[2]"); /* keeps_ended */
	cache_free(stage->cache);
	struct cache_options options = {.changed = changed, .context = &told};
	stage->cache = cache_start(&options, NULL);
	assert_non_null(stage->cache);
	stage_show(CACHE_EXECUTIONS, json);
	assert_null(cache_execution(stage->cache, STAGE_KEY)->status.output);
	assert_null(cache_execution(stage->cache, STAGE_KEY)->spec.input);
	stage_show(CACHE_EXECUTIONS, stage_execution("f", "u", ",\"input\":[1]", ""));
	assert_string_equal(cache_execution(stage->cache, STR("ns/f"))->spec.input, "[1]");
}

/* An Execution that has not ended, with an input of so many bytes. */
static const char *with_input(const char *name, const char *uid, size_t bytes, const char *more)
{
	static char json[(4 << 20)];
	size_t n = (size_t)snprintf(json, sizeof(json), "%s", stage_execution(name, uid, more, ""));
	char *spec = strstr(json, "\"spec\":{") + strlen("\"spec\":{");
	static const char head[] = "\"inputText\":\"\\\"", tail[] = "\\\"\",";
	size_t added = strlen(head) + bytes + strlen(tail);
	memmove(spec + added, spec, n - (size_t)(spec - json) + 1);
	memcpy(spec, head, strlen(head));
	memset(spec + strlen(head), 'x', bytes);
	memcpy(spec + strlen(head) + bytes, tail, strlen(tail));
	return json;
}

static size_t largest_told;

static void note_size(void *context, enum cache_resource resource, const void *old, const void *fresh)
{
	(void)context;
	(void)old;
	if (resource == CACHE_EXECUTIONS && fresh && execution_data_size(fresh) > largest_told)
		largest_told = execution_data_size(fresh);
}

static const struct execution *find(const struct stage *stage, unsigned i)
{
	char key[32];
	snprintf(key, sizeof(key), "ns/e%u", i);
	return cache_execution(stage->cache, str_of(key));
}

static unsigned count_whole(const struct stage *stage, unsigned count)
{
	unsigned whole = 0;
	for (unsigned i = 0; i < count; i++)
		whole += !find(stage, i)->is_outline;
	return whole;
}

/* kubectl makes as many as it likes, of 1.5 MiB each. */
static void test_inputs_stay_while_there_is_room(void **state)
{
	struct stage *stage = *state;
	enum { MANY = 20, SIZE = 1 << 20 };
	stage->changed = note_size;
	for (unsigned i = 0; i < MANY; i++) {
		char name[16], uid[16];
		snprintf(name, sizeof(name), "e%u", i);
		snprintf(uid, sizeof(uid), "u%u", i);
		stage_show(CACHE_EXECUTIONS, with_input(name, uid, SIZE, ""));
		largest_told = largest_told > SIZE ? largest_told : 0;
	}
	assert_true(largest_told > SIZE); /* whoever hears of it sees it whole */
	assert_int_equal(count_whole(stage, MANY), CACHE_MAX_INPUTS / CACHE_SHARE / SIZE - 1);
	assert_true(find(stage, MANY - 1)->is_outline);
	assert_null(find(stage, MANY - 1)->spec.input);
	assert_string_equal(find(stage, MANY - 1)->spec.skill_name, "adder");
	/* what goes, ends or comes again makes room for others */
	stage_gone(CACHE_EXECUTIONS, stage_execution("e0", "u0", "", ""));
	stage_show(CACHE_EXECUTIONS, stage_execution("e1", "u1", "", STAGE_SUCCEEDED));
	stage_show(CACHE_EXECUTIONS, with_input("e18", "u18", SIZE, ""));
	stage_show(CACHE_EXECUTIONS, with_input("e18", "u18", SIZE, ""));
	stage_show(CACHE_EXECUTIONS, with_input("e19", "u19", SIZE, ""));
	assert_false(find(stage, 18)->is_outline);
	assert_false(find(stage, 19)->is_outline);
	stage_show(CACHE_EXECUTIONS, with_input("e17", "u17", SIZE, ""));
	assert_true(find(stage, 17)->is_outline);
}

/* A variable that may not be set is known of outlines, too. */
static void test_outlines_know_a_refused_variable(void **state)
{
	struct stage *stage = *state;
	for (unsigned i = 1; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof(name), "e%u", i);
		stage_show(CACHE_EXECUTIONS, with_input(name, name, 3 << 20, ""));
	}
	stage_show(
	    CACHE_EXECUTIONS,
	    with_input("e9", "u9", 3 << 20,
		       ",\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"PATH\",\"value\":\"2\"}]"));
	assert_true(find(stage, 9)->is_outline);
	assert_int_equal(find(stage, 9)->spec.env_count, 0);
	assert_string_equal(find(stage, 9)->refused_env, "PATH");
}

/* With a history: whole until there is no more room, or it is archived. */
static void test_ended_ones_are_whole_until_they_are_archived(void **state)
{
	struct stage *stage = *state;
	stage_show(CACHE_EXECUTIONS, stage_execution("e", STAGE_UID, ",\"input\":[1]", STAGE_SUCCEEDED));
	cache_drop_data(stage->cache, STR("ns/none"));
	assert_false(cache_execution(stage->cache, STAGE_KEY)->is_outline);
	cache_drop_data(stage->cache, STAGE_KEY);
	assert_true(cache_execution(stage->cache, STAGE_KEY)->is_outline);
	assert_null(cache_execution(stage->cache, STAGE_KEY)->spec.input);
	cache_drop_data(stage->cache, STAGE_KEY);
	stage_show(CACHE_EXECUTIONS, stage_execution("f", "u", ",\"input\":[1]", ""));
	cache_drop_data(stage->cache, STR("ns/f")); /* it has not ended */
	assert_false(cache_execution(stage->cache, STR("ns/f"))->is_outline);
}

static void test_skills_are_outlines(void **state)
{
	struct stage *stage = *state;
	enum { TEXT = 60000, MANY = CACHE_MAX_INSTRUCTIONS / CACHE_SHARE / TEXT + 3 };
	static char name[32], json[TEXT + 1024];
	unsigned kept = 0;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(
		    json, sizeof(json),
		    "{\"metadata\":{\"name\":\"s%u\",\"namespace\":\"ns\",\"uid\":\"u%u\"},\"spec\":{"
		    "\"name\":\"a\",\"version\":\"1.0.%u\",\"description\":\"d\",\"inputSchema\":{\"title\":"
		    "\"t\"},\"instructions\":\"%*d\",\"source\":{\"bundle\":{\"digest\":\"sha256:"
		    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"size\":1}}}}",
		    i, i, i, TEXT, 1);
		stage_show(CACHE_SKILLS, json);
	}
	assert_int_equal(informer_count(cache_informer(stage->cache, CACHE_SKILLS)), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "ns/s%u", i);
		const struct skill *skill = cache_skill(stage->cache, str_of(name));
		assert_non_null(skill);
		assert_true(skill->is_outline);
		assert_null(skill->spec.input_schema);
		assert_string_equal(skill->spec.description, "");
		kept += skill->spec.instructions != NULL;
	}
	assert_int_equal(kept, CACHE_MAX_INSTRUCTIONS / CACHE_SHARE / TEXT);
}

static void test_inline_files_are_judged_and_digested(void **state)
{
	struct stage *stage = *state;
	stage_show(
	    CACHE_SKILLS,
	    "{\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\",\"uid\":\"u\"},\"spec\":{\"name\":\"a\","
	    "\"version\":\"1.0.0\",\"source\":{\"files\":{\"main.sh\":\"true\"}}}}");
	const struct skill *skill = cache_skill(stage->cache, STR("ns/s"));
	assert_int_equal(strlen(skill->files_digest), strlen("sha256:") + 64);
	assert_string_equal(skill->files_verdict.path, "main.sh");
	assert_int_equal(skill->spec.file_count, 1);
	assert_null(skill->spec.files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_all_must_be_complete, stage_setup_unsynced, stage_teardown),
	    TEST(test_one_is_not_up),
	    TEST(test_tenants),
	    TEST(test_two_namespaces_of_one_tenant),
	    TEST(test_what_can_not_be_read),
	    TEST(test_skills),
	    TEST(test_executions),
	    TEST(test_pods),
	    TEST(test_keys),
	    TEST(test_changes),
	    TEST(test_what_ended_is_kept_small),
	    TEST(test_inputs_stay_while_there_is_room),
	    TEST(test_outlines_know_a_refused_variable),
	    TEST(test_ended_ones_are_whole_until_they_are_archived),
	    TEST(test_skills_are_outlines),
	    TEST(test_inline_files_are_judged_and_digested),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
