/* What a pool's sandboxes are made as, and what they serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/pool/shape.h"

static struct controller_config config = {.runtime_class = (char *)"",
					  .seccomp_profile = (char *)"",
					  .runner_image = (char *)"runner:1",
					  .policy.image_allowlist =
					      (char *)"python:3.12-slim,node:22-slim,registry.example/bash:5",
					  .policy.default_memory = 256 << 20,
					  .policy.max_memory = 1 << 30,
					  .policy.default_cpu = 500,
					  .policy.max_cpu = 4000,
					  .runner_delivery = RUNNER_IN_IMAGE};

static struct sandbox_pool *read_pool(const char *spec)
{
	struct buffer json = BUFFER(8192);
	struct error problem;
	buffer_appendf(
	    &json,
	    "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\",\"generation\":3},\"spec\":%s,"
	    "\"status\":{\"ready\":1,\"replicas\":2,\"claimed\":3,\"reserved\":{\"memory\":\"1Gi\"}}}",
	    spec);
	struct sandbox_pool *pool = sandbox_pool_from_json(buffer_str(&json), &problem);
	if (!pool)
		fail_msg("%s", problem.message);
	buffer_free(&json);
	return pool;
}

static void refuses(const char *spec, const char *words)
{
	struct sandbox_pool *pool = read_pool(spec);
	struct pool_shape shape;
	struct error problem;
	assert_int_equal(pool_shape_resolve(pool, NULL, &config, &shape, &problem), -1);
	if (!strstr(problem.message, words))
		fail_msg("%s lacks %s", problem.message, words);
	sandbox_pool_free(pool);
}

static void test_resolve(void **state)
{
	(void)state;
	struct pool_shape shape;
	struct error problem;
	struct sandbox_pool *pool = read_pool(
	    "{\"image\":\"python:3.12-slim\",\"replicas\":4,\"preload\":[\"json\",\"numpy.linalg\"]}");
	assert_int_equal(pool->spec.replicas, 4);
	assert_int_equal(pool->status.claimed, 3);
	assert_string_equal(pool->status.reserved_memory, "1Gi");
	assert_int_equal(pool_shape_resolve(pool, NULL, &config, &shape, &problem), 0);
	assert_string_equal(shape.lang, "python");
	assert_string_equal(shape.preload, "json,numpy.linalg");
	assert_int_equal(shape.memory, 256 << 20);

	struct buffer one = BUFFER(16384), two = BUFFER(16384);
	assert_int_equal(pool_shape_write(&shape, &config, &one), 0);
	shape.preload[0] = 'J';
	assert_int_equal(pool_shape_write(&shape, &config, &two), 0);
	assert_false(str_eq(buffer_str(&one), buffer_str(&two)));
	shape.preload[0] = 'j';
	buffer_reset(&two);
	config.user_namespaces = true;
	assert_int_equal(pool_shape_write(&shape, &config, &two), 0);
	config.user_namespaces = false;
	assert_false(str_eq(buffer_str(&one), buffer_str(&two)));
	buffer_reset(&two);
	char *usual = config.seccomp_profile;
	config.seccomp_profile = (char *)"skillbox/sandbox.json";
	assert_int_equal(pool_shape_write(&shape, &config, &two), 0);
	config.seccomp_profile = usual;
	assert_false(str_eq(buffer_str(&one), buffer_str(&two)));
	buffer_free(&one);
	buffer_free(&two);
	sandbox_pool_free(pool);

	pool = read_pool("{\"image\":\"registry.example/"
			 "bash:5\",\"replicas\":1,\"resources\":{\"memory\":\"512Mi\",\"cpu\":\"1\"}}");
	assert_int_equal(pool_shape_resolve(pool, NULL, &config, &shape, &problem), 0);
	assert_string_equal(shape.lang, "bash");
	assert_int_equal(shape.cpu, 1000);
	sandbox_pool_free(pool);

	refuses("{\"image\":\"evil:1\",\"replicas\":1}", "image 'evil:1' is not on the allowlist");
	refuses("{\"image\":\"python:3.12-slim\",\"replicas\":1,\"runtimeClassName\":\"gvisor\"}",
		"'gvisor' is not the one");
	refuses("{\"image\":\"python:3.12-slim\",\"replicas\":1,\"resources\":{\"memory\":\"2Gi\"}}",
		"SKILLBOX_MAX_MEMORY");
	refuses("{\"image\":\"python:3.12-slim\",\"replicas\":1,\"resources\":{\"cpu\":\"lots\"}}",
		"spec.resources.cpu");
}

static void test_serves(void **state)
{
	(void)state;
	struct pool_shape pool = {.image = "python:3.12-slim", .memory = 256 << 20, .cpu = 500};
	struct run_shape run = {.image = "python:3.12-slim", .memory = 256 << 20, .cpu = 500};
	assert_true(pool_shape_serves(&pool, &run, &config));
	run.memory++;
	assert_false(pool_shape_serves(&pool, &run, &config));
	run.memory--;
	run.cpu = 400;
	assert_false(pool_shape_serves(&pool, &run, &config));
	run.cpu = 500;
	run.image[0] = 'q';
	assert_false(pool_shape_serves(&pool, &run, &config));
}

#define DIGEST_A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct skill bundled_skill(const char *digest)
{
	return (struct skill){.spec = {.name = (char *)"report",
				       .version = (char *)"1.2.0",
				       .lang = (char *)"python",
				       .image = (char *)"",
				       .entrypoint = (char *)"scripts/run.py",
				       .memory = (char *)"300Mi",
				       .bundle = {(char *)(uintptr_t)digest, 1000}}};
}

static void resolve_bound(const struct skill *skill, struct pool_shape *ret)
{
	struct error problem;
	struct sandbox_pool *pool = read_pool("{\"skillRef\":{\"name\":\"report\",\"version\":\"latest\"},"
					      "\"replicas\":1,\"preload\":[\"json\"]}");
	assert_string_equal(pool->spec.skill_name, "report");
	assert_string_equal(pool->spec.skill_version, "latest");
	assert_string_equal(pool->spec.image, "");
	if (pool_shape_resolve(pool, skill, &config, ret, &problem) != 0)
		fail_msg("%s", problem.message);
	sandbox_pool_free(pool);
}

static bool same_text(const struct pool_shape *one, const struct pool_shape *two)
{
	cleanup_buffer struct buffer a = BUFFER(16384), b = BUFFER(16384);
	assert_int_equal(pool_shape_write(one, &config, &a), 0);
	assert_int_equal(pool_shape_write(two, &config, &b), 0);
	return str_eq(buffer_str(&a), buffer_str(&b));
}

/* A pool bound to a skill is as an execution of it, and says in its Pods' annotation whose files they have.
 */
static void test_bound(void **state)
{
	(void)state;
	struct skill skill = bundled_skill(DIGEST_A);
	struct pool_shape shape, other;
	resolve_bound(&skill, &shape);
	assert_true(pool_shape_is_bound(&shape));
	assert_string_equal(shape.image, "python:3.12-slim");
	assert_string_equal(shape.lang, "python");
	assert_string_equal(shape.script, "scripts/run.py");
	assert_string_equal(shape.preload, "json");
	assert_string_equal(shape.skill_version, "1.2.0");
	assert_string_equal(shape.skill_digest, DIGEST_A);
	assert_int_equal(shape.memory, 300 << 20);
	assert_int_equal(shape.cpu, 500);

	struct skill fresh = bundled_skill(DIGEST_B);
	resolve_bound(&fresh, &other);
	assert_false(same_text(&shape, &other));
	fresh = bundled_skill(DIGEST_A);
	fresh.spec.entrypoint = (char *)"run.py";
	resolve_bound(&fresh, &other);
	assert_false(same_text(&shape, &other));
	fresh = bundled_skill(DIGEST_A);
	fresh.spec.version = (char *)"2.0.0"; /* the same files: nothing to be made anew */
	resolve_bound(&fresh, &other);
	assert_true(same_text(&shape, &other));

	struct pool_shape unbound = shape;
	unbound.skill_digest[0] = unbound.script[0] = '\0';
	assert_false(same_text(&shape, &unbound));
	assert_false(pool_shape_is_bound(&unbound));
}

/* As texts in the object, with a script that isn't main.py and is named nowhere. */
static void test_bound_to_inline_files(void **state)
{
	(void)state;
	struct skill_file files[] = {{(char *)"lib/x.py", (char *)""}, {(char *)"run.py", (char *)""}};
	struct skill skill = bundled_skill(NULL);
	skill.spec.files = files;
	skill.spec.file_count = 2;
	skill.spec.entrypoint = (char *)"";
	skill.status.digest = (char *)DIGEST_B;
	struct pool_shape shape;
	resolve_bound(&skill, &shape);
	assert_string_equal(shape.script, "run.py");
	assert_string_equal(shape.skill_digest, DIGEST_B);
}

static void test_skill_that_cannot_run(void **state)
{
	(void)state;
	struct sandbox_pool *pool = read_pool("{\"skillRef\":{\"name\":\"report\"},\"replicas\":1}");
	struct skill skill = bundled_skill(DIGEST_A);
	struct pool_shape shape = {.image = "untouched"};
	struct error problem;
	skill.spec.image = (char *)"evil:1";
	assert_int_equal(pool_shape_resolve(pool, &skill, &config, &shape, &problem), -1);
	assert_string_equal(shape.image, "untouched");
	assert_non_null(strstr(problem.message, "image 'evil:1' is not on the allowlist"));
	sandbox_pool_free(pool);
	refuses("{\"replicas\":1}", "image '' is not on the allowlist");
}

/* Files of another upload, or a script in another language among the same files, are not what it has. */
static void test_bound_serves_its_skill_only(void **state)
{
	(void)state;
	struct skill skill = bundled_skill(DIGEST_A);
	struct pool_shape pool;
	struct run_shape run;
	const struct execution execution = {0};
	const char *code;
	resolve_bound(&skill, &pool);
	assert_int_equal(run_shape_resolve(&skill, &execution, &config, &run, &code, NULL), 0);
	assert_true(pool_shape_serves(&pool, &run, &config));
	struct run_shape other = run;
	memcpy(other.skill_digest, DIGEST_B, sizeof(DIGEST_B));
	assert_false(pool_shape_serves(&pool, &other, &config));
	other.skill_digest[0] = '\0';
	assert_false(pool_shape_serves(&pool, &other, &config));
	other = run;
	memcpy(other.lang, "node", sizeof("node"));
	assert_false(pool_shape_serves(&pool, &other, &config));
	other = run;
	other.memory--;
	assert_false(pool_shape_serves(&pool, &other, &config));
	pool.skill_digest[0] = '\0'; /* one that is nobody's serves them all */
	other = run;
	memcpy(other.skill_digest, DIGEST_B, sizeof(DIGEST_B));
	assert_true(pool_shape_serves(&pool, &other, &config));
}

static void test_status(void **state)
{
	(void)state;
	struct buffer out = BUFFER(8192);
	struct error problem;
	struct sandbox_pool pool = {0};
	pool.status.ready =
	    (struct condition){.status = (char *)"True", .reason = (char *)"Ready", .message = (char *)"m"};
	pool.status.replicas = 2;
	pool.status.reserved_cpu = (char *)"20m";
	assert_int_equal(sandbox_pool_status_patch(&pool, &out, &problem), 0);
	buffer_append_byte(&out, '\0');
	assert_non_null(strstr(
	    out.data, "\"replicas\":2,\"ready\":0,\"claimed\":0,\"skillVersion\":null,\"skillDigest\":null,"
		      "\"reserved\":{\"cpu\":\"20m\"}"));
	buffer_reset(&out);
	pool.status.skill_version = (char *)"1.2.0";
	pool.status.skill_digest = (char *)DIGEST_A;
	assert_int_equal(sandbox_pool_status_patch(&pool, &out, &problem), 0);
	buffer_append_byte(&out, '\0');
	assert_non_null(strstr(out.data, "\"skillVersion\":\"1.2.0\",\"skillDigest\":\"" DIGEST_A "\""));
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_resolve),
	    cmocka_unit_test(test_serves),
	    cmocka_unit_test(test_bound),
	    cmocka_unit_test(test_bound_to_inline_files),
	    cmocka_unit_test(test_skill_that_cannot_run),
	    cmocka_unit_test(test_bound_serves_its_skill_only),
	    cmocka_unit_test(test_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
