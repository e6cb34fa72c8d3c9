/* What follows from a change in the cluster: which keys are looked at, and who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/execution/arrival.h"
#include "controller/route.h"

#include <stdio.h>

/* What was asked of the rest, in order: "execution ns/a", "history ns/a" … */
static char seen[512];
static bool synced, own_end, joins;
static const struct execution *owner;
static const struct execution *all_executions[3];
static const struct sandbox_pool *all_pools[3];
static int queues[3];
#define EXECUTIONS ((struct workqueue *)&queues[0])
#define SKILLS ((struct workqueue *)&queues[1])
#define POOLS ((struct workqueue *)&queues[2])

static const struct route route = {.execution_queue = EXECUTIONS, .skill_queue = SKILLS, .pool_queue = POOLS};

static void note(const char *what, const struct object_meta *meta)
{
	size_t n = strlen(seen);
	snprintf(seen + n, sizeof(seen) - n, "%s%s %s/%s", n ? ", " : "", what, meta->namespace, meta->name);
}

void cache_enqueue(struct workqueue *queue, const struct object_meta *meta)
{
	note(queue == EXECUTIONS ? "execution" : queue == SKILLS ? "skill" : "pool", meta);
}

void cache_key(const struct object_meta *meta, struct buffer *out)
{
	buffer_appendf(out, "%s/%s", meta->namespace, meta->name);
}

bool cache_has_synced(const struct cache *cache)
{
	(void)cache;
	return synced;
}

const char *cache_tenant(const struct cache *cache, const char *namespace)
{
	(void)cache;
	(void)namespace;
	return "acme";
}

/* In place of the watch of namespaces. */
static const struct tenant *all_tenants[3];

const char *cache_tenant_label(const struct cache *cache, const char *namespace)
{
	(void)cache;
	for (size_t i = 0; i < 3; i++)
		if (all_tenants[i] && strcmp(all_tenants[i]->meta.name, namespace) == 0)
			return all_tenants[i]->name;
	return NULL;
}

const char *cache_tenant_rival(const struct cache *cache, const char *namespace)
{
	const char *label = cache_tenant_label(cache, namespace);
	for (size_t i = 0; label && i < 3; i++)
		if (all_tenants[i] && strcmp(all_tenants[i]->meta.name, namespace) != 0 &&
		    strcmp(all_tenants[i]->name, label) == 0)
			return all_tenants[i]->meta.name;
	return NULL;
}

void cache_each_of_tenant(const struct cache *cache, const char *name,
			  bool (*visit)(void *context, const void *object), void *context)
{
	(void)cache;
	for (size_t i = 0; i < 3; i++)
		if (all_tenants[i] && strcmp(all_tenants[i]->name, name) == 0)
			assert_true(visit(context, all_tenants[i]));
}

void event_record(struct event_recorder *recorder, const struct event_object *about, const char *type,
		  const char *reason, const char *action, const char *text)
{
	(void)recorder;
	assert_string_equal(about->kind, "Namespace");
	assert_string_equal(about->api_version, "v1");
	assert_string_equal(about->namespace, about->name); /* where it can be written */
	assert_string_equal(type, "Warning");
	assert_string_equal(action, "Read");
	assert_non_null(strstr(text, "ns and other have the same label skillbox.dev/tenant=acme"));
	const struct object_meta meta = {.namespace = (char *)(uintptr_t)about->namespace,
					 .name = (char *)(uintptr_t)reason};
	note("event", &meta);
}

const struct execution *cache_execution_of_uid(const struct cache *cache, const char *uid)
{
	(void)cache;
	return owner && strcmp(owner->meta.uid, uid) == 0 ? owner : NULL;
}

void cache_each(const struct cache *cache, enum cache_resource resource,
		bool (*visit)(void *context, const void *object), void *context)
{
	(void)cache;
	for (size_t i = 0; i < 3; i++) {
		const void *object = resource == CACHE_EXECUTIONS ? (const void *)all_executions[i]
				     : resource == CACHE_TENANTS  ? (const void *)all_tenants[i]
				     : resource == CACHE_SKILLS   ? NULL
								  : (const void *)all_pools[i];
		if (object)
			assert_true(visit(context, object));
	}
}

void pools_pod_changed(struct pools *pools, const struct pod *old, const struct pod *fresh)
{
	(void)pools;
	note("pool's pod", fresh ? &fresh->meta : &old->meta);
}

bool arrival_is_own_end(struct executions *executions, const struct execution *fresh)
{
	(void)executions;
	(void)fresh;
	return own_end;
}

bool arrival_joins(struct executions *executions, const struct execution *fresh)
{
	(void)executions;
	(void)fresh;
	return joins;
}

void history_put(struct history *history, struct str key, const struct execution *execution,
		 const char *tenant)
{
	(void)history;
	assert_string_equal(tenant, "acme");
	assert_int_equal(key.n, strlen(execution->meta.namespace) + 1 + strlen(execution->meta.name));
	note("history", &execution->meta);
}

static int set_up(void **state)
{
	(void)state;
	seen[0] = '\0';
	synced = true;
	own_end = joins = false;
	owner = NULL;
	memset(all_executions, 0, sizeof(all_executions));
	memset(all_pools, 0, sizeof(all_pools));
	memset(all_tenants, 0, sizeof(all_tenants));
	return 0;
}

#define META(n)                                                                                              \
	{                                                                                                    \
		.namespace = (char *)"ns", .name = (char *)(n), .uid = (char *)"uid"                         \
	}

static void test_executions(void **state)
{
	(void)state;
	static const struct execution pending = {.meta = META("a")};
	static const struct execution ended = {.meta = META("a"), .status.succeeded.status = (char *)"True"};
	static const struct {
		const struct execution *old, *fresh;
		bool synced, own_end, joins;
		const char *seen;
	} cases[] = {
	    {NULL, &pending, true, false, false, "execution ns/a"},
	    {NULL, &pending, true, false, true, ""},
	    {NULL, &pending, false, false, true, "execution ns/a"}, /* nobody is joined by what may be old */
	    {&pending, &pending, true, false, true, "execution ns/a"},
	    {&pending, &ended, true, true, false, ""},
	    {&pending, &ended, true, false, false, "execution ns/a"},
	    {&pending, NULL, true, true, true, "execution ns/a"},
	    {&ended, NULL, true, false, false, "history ns/a, execution ns/a"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(NULL);
		synced = cases[i].synced;
		own_end = cases[i].own_end;
		joins = cases[i].joins;
		route_change(&route, CACHE_EXECUTIONS, cases[i].old, cases[i].fresh);
		if (strcmp(seen, cases[i].seen) != 0)
			fail_msg("case %zu: \"%s\"", i, seen);
	}
}

static void test_pods(void **state)
{
	(void)state;
	static const struct execution execution = {.meta = META("a")};
	struct pod before = {.meta = META("skx-1")}, after = {.meta = META("skx-1"), .ready = true};
	owner = &execution;
	route_change(&route, CACHE_PODS, NULL, &after);
	assert_string_equal(seen, ""); /* it has no owner: nobody's */
	before.meta.owner_uid = after.meta.owner_uid = (char *)"uid";
	route_change(&route, CACHE_PODS, &before, &after);
	assert_string_equal(seen, "execution ns/a");
	seen[0] = '\0';
	route_change(&route, CACHE_PODS, &after, &after); /* nothing that matters */
	assert_string_equal(seen, "");
	route_change(&route, CACHE_PODS, &after, NULL);
	assert_string_equal(seen, "execution ns/a");
	seen[0] = '\0';
	after.meta.owner_uid = (char *)"somebody else's";
	route_change(&route, CACHE_PODS, NULL, &after);
	assert_string_equal(seen, "");
	after.pool_uid = (char *)"p";
	route_change(&route, CACHE_PODS, NULL, &after);
	assert_string_equal(seen, "pool's pod ns/skx-1");
}

static void test_pools(void **state)
{
	(void)state;
	struct sandbox_pool one = {.meta = META("p")}, other = {.meta = META("p")};
	one.meta.generation = other.meta.generation = 1;
	route_change(&route, CACHE_SANDBOX_POOLS, &one, &other); /* our own status */
	assert_string_equal(seen, "");
	other.meta.generation = 2;
	route_change(&route, CACHE_SANDBOX_POOLS, &one, &other);
	route_change(&route, CACHE_SANDBOX_POOLS, NULL, &one);
	route_change(&route, CACHE_SANDBOX_POOLS, &one, NULL);
	assert_string_equal(seen, "pool ns/p, pool ns/p, pool ns/p");
}

/* Who may wait for a skill: unfinished Executions of it in its namespace, and pools that are bound to it. */
static void test_skills(void **state)
{
	(void)state;
	static const struct execution waits = {.meta = META("waits"), .spec.skill_name = (char *)"s"};
	static const struct execution ended = {.meta = META("ended"),
					       .spec.skill_name = (char *)"s",
					       .status.succeeded.status = (char *)"False"};
	static const struct execution other = {.meta = META("other"), .spec.skill_name = (char *)"t"};
	static const struct sandbox_pool bound = {.meta = META("bound"), .spec.skill_name = (char *)"s"};
	static const struct sandbox_pool elsewhere = {
	    .meta = {.namespace = (char *)"else", .name = (char *)"p"}, .spec.skill_name = (char *)"s"};
	static const struct sandbox_pool unbound = {.meta = META("unbound")};
	struct skill skill = {.meta = META("skl"), .spec.name = (char *)"s"}, judged = skill;
	judged.status.ready.status = (char *)"True";
	struct skill built = judged;
	judged.spec.build = built.spec.build = true;
	built.status.packages.blob.digest = (char *)"sha256:";
	static const char everybody[] = "pool ns/bound, skill ns/skl, execution ns/waits";
	struct {
		const struct skill *old, *fresh;
		const char *seen;
	} cases[] = {
	    {NULL, &skill, everybody},
	    {&skill, &judged, everybody}, /* the verdict on it */
	    {&judged, &judged, "pool ns/bound, skill ns/skl"},
	    {&judged, &built, everybody},
	    {&judged, NULL, "pool ns/bound, skill ns/skl"}, /* it may have a Pod that fetches packages */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(NULL);
		all_executions[0] = &ended;
		all_executions[1] = &other;
		all_executions[2] = &waits;
		all_pools[0] = &bound;
		all_pools[1] = &elsewhere;
		all_pools[2] = &unbound;
		route_change(&route, CACHE_SKILLS, cases[i].old, cases[i].fresh);
		if (strcmp(seen, cases[i].seen) != 0)
			fail_msg("case %zu: \"%s\"", i, seen);
	}
}

/* A namespace changes hands: what waits in it, and in all others with the label that it had or has, is looked
 * at; and where two have one label, both owners are told. */
static void test_tenants(void **state)
{
	(void)state;
	static const struct tenant ns = {.meta = {.name = (char *)"ns"}, .name = (char *)"acme"};
	static const struct tenant other = {.meta = {.name = (char *)"other"}, .name = (char *)"acme"};
	static const struct tenant third = {.meta = {.name = (char *)"third"}, .name = (char *)"else"};
	static const struct tenant unlabelled = {.meta = {.name = (char *)"ns"}};
	struct tenant going = ns;
	going.meta.deleted_ms = 1;
	static const struct execution mine = {.meta = META("a")};
	static const struct execution theirs = {.meta = {.namespace = (char *)"other", .name = (char *)"b"}};
	static const struct execution ended = {.meta = META("c"), .status.succeeded.status = (char *)"True"};
	static const struct sandbox_pool pools[] = {
	    {.meta = META("p")}, {.meta = {.namespace = (char *)"third", .name = (char *)"q"}}};
	static const char all[] = "execution ns/a, execution other/b, pool ns/p";
	const struct {
		const struct tenant *old, *fresh;
		const struct tenant *has_label[2]; /* beside "third" */
		bool synced;
		const char *seen;
	} cases[] = {
	    {NULL, &ns, {&ns, NULL}, true, "execution ns/a, pool ns/p"},
	    {&ns, &ns, {&ns, NULL}, true, ""},
	    {NULL,
	     &ns,
	     {&ns, &other},
	     true,
	     "event ns/AmbiguousTenant, event other/AmbiguousTenant, execution ns/a, execution other/b, pool "
	     "ns/p"},
	    {NULL, &ns, {&ns, &other}, false, "event ns/AmbiguousTenant, event other/AmbiguousTenant"},
	    {&ns, &unlabelled, {&other, NULL}, true, all},
	    {&ns, &going, {&other, NULL}, true, all},
	    {&ns, NULL, {&other, NULL}, true, all},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_up(NULL);
		all_executions[0] = &mine;
		all_executions[1] = &theirs;
		all_executions[2] = &ended;
		all_pools[0] = &pools[0];
		all_pools[1] = &pools[1];
		all_tenants[0] = cases[i].has_label[0];
		all_tenants[1] = cases[i].has_label[1];
		all_tenants[2] = &third;
		synced = cases[i].synced;
		route_change(&route, CACHE_TENANTS, cases[i].old, cases[i].fresh);
		if (strcmp(seen, cases[i].seen) != 0)
			fail_msg("case %zu: \"%s\"", i, seen);
	}
}

/* Whoever begins to work. */
static void test_all_is_looked_at(void **state)
{
	(void)state;
	static const struct tenant ns = {.meta = {.name = (char *)"ns"}, .name = (char *)"acme"};
	static const struct tenant third = {.meta = {.name = (char *)"third"}, .name = (char *)"else"};
	static const struct execution execution = {.meta = META("a")};
	static const struct sandbox_pool pool = {.meta = META("p")};
	all_tenants[0] = &ns;
	all_tenants[1] = &third;
	all_executions[0] = &execution;
	all_pools[0] = &pool;
	route_all(&route);
	assert_string_equal(seen, "pool ns/p, execution ns/a");
}

#define TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_executions), TEST(test_pods),    TEST(test_pools),
	    TEST(test_skills),     TEST(test_tenants), TEST(test_all_is_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
