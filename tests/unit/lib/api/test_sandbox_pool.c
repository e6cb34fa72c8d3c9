#include "lib/api/sandbox_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define META "\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u-1\"}"

static struct sandbox_pool *read_pool(const char *json)
{
	struct error err = {0};
	struct sandbox_pool *pool = sandbox_pool_from_json(str_of(json), &err);
	if (!pool)
		fail_msg("%s", err.message);
	return pool;
}

static void reads_its_spec(void **state)
{
	(void)state;
	struct sandbox_pool *pool =
	    read_pool("{" META ",\"spec\":{\"image\":\"bash:5\",\"lang\":\"bash\",\"preload\":[\"a\","
		      "\"b\"],\"replicas\":3,\"resources\":{\"cpu\":\"1\"}}}");
	assert_null(pool->invalid);
	assert_string_equal(pool->spec.image, "bash:5");
	assert_int_equal(pool->spec.preload_count, 2);
	assert_int_equal(pool->spec.replicas, 3);
	assert_string_equal(pool->spec.cpu, "1");
	assert_string_equal(pool->spec.memory, "");
	sandbox_pool_free(pool);
}

/* It is there, to be told what is wrong with it, and asks for nothing. */
static void tells_why_a_spec_is_invalid(void **state)
{
	static const struct {
		const char *spec, *message;
	} rows[] = {
	    {"{\"image\":\"a\\u0000b\",\"replicas\":3}", "spec.image: contains a NUL character"},
	    {"{\"preload\":[\"a\",\"\\u0000\"]}", "spec.preload[1]: contains a NUL character"},
	    {"{\"replicas\":1001}", "spec.replicas: must be a whole number from 0 to 1000, not 1001"},
	    {"{\"replicas\":-1}", "spec.replicas: must be a whole number from 0 to 1000, not -1"},
	    {"{\"lang\":[[[[]]]]}", "spec.lang: must be a string, not a list"},
	    {"7", "spec: must be an object, not a number"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buffer struct buffer json = BUFFER(4096);
		buffer_appendf(&json, "{" META ",\"spec\":%s}", rows[i].spec);
		struct sandbox_pool *pool = read_pool(json.data);
		assert_string_equal(pool->invalid, rows[i].message);
		assert_string_equal(pool->meta.uid, "u-1");
		assert_string_equal(pool->spec.image, "");
		assert_int_equal(pool->spec.replicas, 0);
		assert_int_equal(pool->spec.preload_count, 0);
		sandbox_pool_free(pool);
	}
}

static void refuses_what_has_no_identity(void **state)
{
	static const char *const texts[] = {
	    "",
	    "[]",
	    "{\"spec\":{}}",
	    "{\"metadata\":{\"name\":\"p\"},\"spec\":{}}",
	    "{" META ",\"status\":{\"replicas\":\"x\"}}",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = {0};
		assert_null(sandbox_pool_from_json(str_of(texts[i]), &err));
		assert_true(err.message[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_its_spec),
	    cmocka_unit_test(tells_why_a_spec_is_invalid),
	    cmocka_unit_test(refuses_what_has_no_identity),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
