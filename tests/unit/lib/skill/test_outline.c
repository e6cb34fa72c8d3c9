/* lib/skill/outline.c: a Skill of some hundred KiB takes some hundred bytes of a cache. */
#include "lib/skill/outline.h"

#include "lib/base/buffer.h"
#include "lib/kube/informer.h"
#include "lib/skill/judgement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdlib.h>

#define KIB ((size_t)1024)
#define TEXT (256 * KIB)
/* The sanitizers' build counts by itself, and is slower. */
#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#define CACHED 200
#else
#define CACHED 1000
#endif
#define MAX_EACH (2 * KIB)

static void put_text(struct buffer *out, size_t n)
{
	char *at = buffer_reserve(out, n);
	assert_non_null(at);
	memset(at, 'x', n);
	out->len += n;
}

/* As a push of a few KiB makes it: 0.77 MiB, since its texts are compressed well. */
static void put_skill(struct buffer *out, unsigned number, const char *source)
{
	buffer_appendf(out,
		       "{\"metadata\":{\"name\":\"hello-%u\",\"namespace\":\"skillbox-default\",\"uid\":"
		       "\"0123456789-0123456789-0123456789-%05u\",\"resourceVersion\":\"123456\"},"
		       "\"spec\":{\"name\":\"hello-%u\",\"version\":\"1.0.0\",\"description\":\"says "
		       "hello\",\"lang\":\"bash\",\"image\":\"bash:5\",\"resources\":{\"cpu\":\"500m\"},"
		       "\"instructions\":\"",
		       number, number, number);
	put_text(out, TEXT);
	buffer_append_c(out, "\",\"inputSchema\":{\"title\":\"");
	put_text(out, TEXT);
	buffer_append_c(out, "\"},\"outputSchema\":{\"title\":\"");
	put_text(out, TEXT);
	buffer_appendf(out, "\"},\"source\":{%s}}}", source);
}

static const char bundle[] =
    "\"bundle\":{\"digest\":\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
    "\"size\":1234}";

static struct skill *read_skill(const struct buffer *json)
{
	struct error err = {0};
	struct skill *skill = skill_from_json(buffer_str(json), &err);
	if (!skill)
		fail_msg("%s", err.message);
	return skill;
}

static void texts_go_and_the_rest_stays(void **state)
{
	(void)state;
	cleanup_buffer struct buffer json = BUFFER(16 << 20);
	put_skill(&json, 1, bundle);
	cleanup_skill struct skill *skill = read_skill(&json);
	assert_false(skill->is_outline);
	assert_true(skill->size > (int64_t)(3 * TEXT) && skill->size < (int64_t)json.len);
	assert_int_equal(skill_keep_outline(skill, 4, NULL), 0);
	assert_true(skill->is_outline);
	assert_string_equal(skill->spec.description, "says");
	assert_true(skill->is_description_cut);
	assert_true(skill->has_input_schema);
	assert_null(skill->spec.input_schema);
	assert_null(skill->spec.output_schema);
	assert_int_equal(strlen(skill->spec.instructions), TEXT);
	skill_drop_instructions(skill);
	assert_null(skill->spec.instructions);
	assert_true(skill->size > (int64_t)(3 * TEXT));
	assert_string_equal(skill->spec.name, "hello-1");
	assert_string_equal(skill->spec.image, "bash:5");
	assert_int_equal(skill->spec.bundle.size, 1234);
}

static void no_instructions_are_not_dropped_ones(void **state)
{
	(void)state;
	struct skill skill = {.spec.instructions = (char *)""};
	skill_drop_instructions(&skill);
	assert_string_equal(skill.spec.instructions, "");
}

static void inline_files_are_judged_first(void **state)
{
	(void)state;
	static const struct {
		const char *files;
		const char *path, *lang, *problem;
		enum error_code code;
	} rows[] = {
	    {"{\"main.sh\":\"true\",\"b\":\"\"}", "main.sh", "bash", NULL, ERR_NONE},
	    {"{\"a.txt\":\"\"}", "", "", "no entrypoint for lang bash", ERR_NO_ENTRYPOINT},
	    {"{\"main.sh\":\"a\\r\\nb\\r\\n\"}", "main.sh", "bash", "Windows line ends", ERR_INVALID_SKILL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_buffer struct buffer json = BUFFER(16 << 20);
		char source[256];
		snprintf(source, sizeof(source), "\"files\":%s", rows[i].files);
		put_skill(&json, 1, source);
		cleanup_skill struct skill *skill = read_skill(&json);
		size_t count = skill->spec.file_count;
		assert_int_equal(skill_keep_outline(skill, 1024, NULL), 0);
		assert_null(skill->spec.files);
		assert_int_equal(skill->spec.file_count, count);
		assert_string_equal(skill->files_verdict.path, rows[i].path);
		assert_int_equal(skill->files_verdict.code, rows[i].code);
		if (rows[i].problem)
			assert_non_null(strstr(skill->files_verdict.problem, rows[i].problem));
		else
			assert_string_equal(skill->files_verdict.lang, rows[i].lang);
	}
}

static void the_digest_is_of_paths_and_texts(void **state)
{
	(void)state;
	struct skill_file files[2] = {{(char *)"b", (char *)"2"}, {(char *)"a", (char *)"1"}};
	struct skill skill = {.spec = {.files = files, .file_count = 2}};
	char first[DIGEST_TEXT_SIZE], second[DIGEST_TEXT_SIZE], expected[DIGEST_TEXT_SIZE];
	assert_int_equal(digest_text((struct str){"a\0001\0001b\0001\0002", 10}, expected, NULL), 0);
	assert_int_equal(skill_digest_files(&skill, first, NULL), 0);
	assert_string_equal(first, expected);
	files[0] = (struct skill_file){(char *)"a", (char *)"1"};
	files[1] = (struct skill_file){(char *)"b", (char *)"2"};
	assert_int_equal(skill_digest_files(&skill, second, NULL), 0);
	assert_string_equal(first, second);
}

/* A cache of many: by what one takes, 10,000 are 20 MiB at most */

static void *parse(struct str json, struct error *err)
{
	struct skill *skill = skill_from_json(json, err);
	if (skill && skill_keep_outline(skill, 1024, err) != 0)
		return skill_free(skill);
	if (skill)
		skill_drop_instructions(skill);
	return skill;
}

static void drop(void *skill)
{
	skill_free(skill);
}

static void key(const void *object, struct buffer *out)
{
	const struct skill *skill = object;
	buffer_appendf(out, "%s/%s", skill->meta.namespace, skill->meta.name);
}

static size_t heap(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
#endif
}

static size_t heap_of(const struct informer_options *options, unsigned count)
{
	static char text[1 << 20]; /* one object at a time, as the watch gives them */
	struct informer *informer = informer_new(options, NULL);
	cleanup_buffer struct buffer json = BUFFER(sizeof(text));
	size_t before = heap();
	for (unsigned i = 0; i < count; i++) {
		buffer_reset(&json);
		put_skill(&json, i, bundle);
		informer_handle(informer, WATCH_ADDED, buffer_str(&json));
	}
	buffer_free(&json);
	size_t after = heap();
	assert_int_equal(informer_count(informer), count);
	informer_stop(informer);
	return after - before;
}

static void a_cache_of_many_fits_well(void **state)
{
	(void)state;
	const struct informer_options options = {
	    .parse = parse, .free_object = drop, .key = key, .indexes = {key, key, key}};
	size_t bytes = heap_of(&options, CACHED);
	print_message("%zu bytes each\n", bytes / CACHED);
	assert_true(bytes < CACHED * MAX_EACH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(texts_go_and_the_rest_stays),
					   cmocka_unit_test(no_instructions_are_not_dropped_ones),
					   cmocka_unit_test(inline_files_are_judged_first),
					   cmocka_unit_test(the_digest_is_of_paths_and_texts),
					   cmocka_unit_test(a_cache_of_many_fits_well)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
