/* What the sandboxes of a pool are to be by now: of a pool that is bound to a skill, and of one that is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/pool/skill.h"
#include "tests/unit/controller/pool/fake_pool.h"

static const struct skill *there;
static const char *tenant;

const struct skill *cache_find_skill(const struct cache *cache, const char *namespace, const char *name,
				     const char *version)
{
	(void)cache;
	(void)version;
	assert_string_equal(namespace, "ns");
	assert_string_equal(name, "s");
	return there;
}

static const char *rival;

const char *cache_tenant_rival(const struct cache *cache, const char *namespace)
{
	(void)cache;
	(void)namespace;
	return rival;
}

const char *cache_tenant(const struct cache *cache, const char *namespace)
{
	(void)cache;
	(void)namespace;
	return tenant;
}

static struct controller_config config = {.runner_delivery = RUNNER_IN_IMAGE,
					  .runtime_class = (char *)"",
					  .seccomp_profile = (char *)"",
					  .policy = {.default_timeout_ms = 60000,
						     .max_timeout_ms = 60000,
						     .default_memory = 64 << 20,
						     .max_memory = 1 << 30,
						     .default_cpu = 100,
						     .max_cpu = 1000,
						     .image_allowlist = (char *)"bash:5"}};

static void test_bound_pools(void **state)
{
	(void)state;
	struct skill good = {.spec = {.name = (char *)"s",
				      .version = (char *)"1",
				      .lang = (char *)"bash",
				      .image = (char *)"bash:5",
				      .bundle = {.digest = (char *)"sha256:x", .size = 5}}};
	struct skill unchecked = good, refused, evil = good;
	unchecked.spec.bundle.digest = NULL;
	refused = unchecked;
	refused.status.ready.message = (char *)"no entrypoint";
	evil.spec.image = (char *)"evil:1";
	const struct {
		const struct skill *skill;
		const char *tenant, *version;
		const char *reason, *message; /* NULL: it is resolved */
		const char *rival;
	} cases[] = {
	    {&good, "acme", "", NULL, NULL, NULL},
	    {&good, NULL, "", "Invalid", "belongs to no tenant", NULL},
	    {&good, "acme", "", "AmbiguousTenant", "namespace other has the same label", "other"},
	    {NULL, "acme", "", "SkillNotFound", "skill not found: s@latest", NULL},
	    {NULL, "acme", "2.0.0", "SkillNotFound", "skill not found: s@2.0.0", NULL},
	    {&unchecked, "acme", "", "SkillNotReady", "has not been checked yet", NULL},
	    {&refused, "acme", "", "SkillNotReady", "s@1 is not ready: no entrypoint", NULL},
	    {&evil, "acme", "", "Invalid", "image 'evil:1' is not on the allowlist", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rival = cases[i].rival;
		struct pools *pools = fake_open();
		pools->services.config = &config;
		struct pool *pool = fake_pool(pools, "ns/p", "u", "bash:5");
		struct sandbox_pool object = {.spec = {.skill_name = (char *)"s",
						       .skill_version = (char *)(uintptr_t)cases[i].version,
						       .image = (char *)"",
						       .lang = (char *)"",
						       .runtime_class = (char *)"",
						       .cpu = (char *)"",
						       .memory = (char *)"",
						       .replicas = 1}};
		struct pool_shape shape;
		const char *reason = NULL;
		struct error err = {0};
		there = cases[i].skill;
		tenant = cases[i].tenant;
		int result = pool_resolve(pool, &object, &shape, &reason, &err);
		if (!cases[i].reason) {
			assert_int_equal(result, 0);
			assert_ptr_equal(pool->skill, &good);
			assert_string_equal(shape.image, "bash:5");
			assert_string_equal(shape.skill_digest, "sha256:x");
		} else if (result == 0 || strcmp(reason, cases[i].reason) != 0 ||
			   !strstr(err.message, cases[i].message)) {
			fail_msg("case %zu: %d, %s, \"%s\"", i, result, reason, err.message);
		}
		pools_free(pools);
	}
}

static void test_a_spec_that_can_not_be_read(void **state)
{
	(void)state;
	struct pools *pools = fake_open();
	pools->services.config = &config;
	struct pool *pool = fake_pool(pools, "ns/p", "u", "bash:5");
	struct sandbox_pool object = {.invalid = (char *)"spec.image: contains a NUL character"};
	struct pool_shape shape;
	const char *reason = NULL;
	struct error err = {0};
	assert_int_equal(pool_resolve(pool, &object, &shape, &reason, &err), -1);
	assert_string_equal(reason, "Invalid");
	assert_string_equal(err.message, "spec.image: contains a NUL character");
	pools_free(pools);
}

/* Nobody is asked for a skill or a tenant then. */
static void test_a_pool_of_no_skill(void **state)
{
	(void)state;
	struct pools *pools = fake_open();
	pools->services.config = &config;
	struct pool *pool = fake_pool(pools, "ns/p", "u", "bash:5");
	struct skill before;
	struct sandbox_pool object = {.spec = {.skill_name = (char *)"",
					       .skill_version = (char *)"",
					       .image = (char *)"bash:5",
					       .lang = (char *)"",
					       .runtime_class = (char *)"",
					       .cpu = (char *)"",
					       .memory = (char *)"93Mi",
					       .replicas = 1}};
	struct pool_shape shape;
	const char *reason;
	struct error err;
	tenant = NULL;
	pool->skill = &before;
	assert_int_equal(pool_resolve(pool, &object, &shape, &reason, &err), 0);
	assert_null(pool->skill);
	assert_int_equal(shape.memory, 93 << 20);
	assert_false(pool_shape_is_bound(&shape));
	pools_free(pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bound_pools),
	    cmocka_unit_test(test_a_spec_that_can_not_be_read),
	    cmocka_unit_test(test_a_pool_of_no_skill),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
