/* The shape of a run: what skill, execution and operator ask for, within the operator's bounds; and as the
 * text of a Pod's annotation, read back by whoever finds the Pod. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/sandbox/shape.h"

#include <limits.h>
#include <stdio.h>

#define MIB (INT64_C(1) << 20)

static const struct controller_config config = {.runner_delivery = RUNNER_IN_IMAGE,
						.policy.image_allowlist =
						    (char *)"python:3.12-slim,node:20-slim,my/image:1",
						.policy.default_timeout_ms = 60000,
						.policy.max_timeout_ms = 300000,
						.policy.default_memory = 256 * MIB,
						.policy.max_memory = 512 * MIB,
						.policy.default_cpu = 500,
						.policy.max_cpu = 1000};

/* Resolving */

struct wish {
	const char *name;
	/* of the skill */
	const char *lang, *image, *memory, *cpu, *entrypoint, *bundle_digest, *status_digest;
	int64_t timeout_ms, bundle_size;
	const char *files[2];
	/* of the execution */
	int64_t run_timeout_ms;
	const char *env;
	/* expected: image NULL: refused with this error code */
	struct run_shape shape;
	const char *error_code, *words;
};

#define DEFAULTS .timeout_ms = 60000, .memory = 256 * MIB, .cpu = 500, .skill_version = "1.2.3"

static const struct wish wishes[] = {
    {.name = "defaults of the operator",
     .lang = "python",
     .shape = {.image = "python:3.12-slim", DEFAULTS, .lang = "python"}},
    {.name = "the language's image",
     .lang = "node",
     .shape = {.image = "node:20-slim", DEFAULTS, .lang = "node"}},
    {.name = "the skill's own image",
     .lang = "python",
     .image = "my/image:1",
     .shape = {.image = "my/image:1", DEFAULTS, .lang = "python"}},
    {.name = "an image and no language", .image = "my/image:1", .shape = {.image = "my/image:1", DEFAULTS}},
    {.name = "an image that is not allowed",
     .lang = "python",
     .image = "evil:1",
     .error_code = "image_not_allowed",
     .words = "image 'evil:1' is not on the allowlist"},
    {.name = "a default image that is not allowed",
     .lang = "bash",
     .error_code = "image_not_allowed",
     .words = "is not on the allowlist"},
    {.name = "a language that there isn't",
     .lang = "cobol",
     .error_code = "sandbox_start_failed",
     .words = "skill report@1.2.3 can't be run: lang \"cobol\" must be python, node or bash"},
    {.name = "a bundle that says nothing of a script",
     .bundle_digest = "sha256:ab",
     .error_code = "no_entrypoint",
     .words = "skill report@1.2.3 can't be run: it has instructions to read and no script to run"},
    {.name = "the language by the entrypoint's suffix",
     .bundle_digest = "sha256:ab",
     .entrypoint = "jobs/a.py",
     .shape = {.image = "python:3.12-slim",
	       DEFAULTS,
	       .lang = "python",
	       .skill_digest = "sha256:ab",
	       .script = "jobs/a.py"}},
    {.name = "too little memory for a sandbox",
     .lang = "python",
     .memory = "1Mi",
     .error_code = "sandbox_start_failed",
     .words = "\"1Mi\" is too little"},
    {.name = "the skill's resources",
     .lang = "python",
     .memory = "512Mi",
     .cpu = "1",
     .shape = {.image = "python:3.12-slim",
	       .timeout_ms = 60000,
	       .memory = 512 * MIB,
	       .cpu = 1000,
	       .skill_version = "1.2.3",
	       .lang = "python"}},
    {.name = "more than there may be",
     .lang = "python",
     .memory = "64Gi",
     .cpu = "64",
     .timeout_ms = 86400000,
     .shape = {.image = "python:3.12-slim",
	       .timeout_ms = 300000,
	       .memory = 512 * MIB,
	       .cpu = 1000,
	       .skill_version = "1.2.3",
	       .lang = "python"}},
    {.name = "memory that is no quantity",
     .lang = "python",
     .memory = "much",
     .error_code = "sandbox_start_failed",
     .words = "much"},
    {.name = "a CPU that is no quantity",
     .lang = "python",
     .cpu = "-1",
     .error_code = "sandbox_start_failed",
     .words = "-1"},
    {.name = "the caller shortens",
     .lang = "python",
     .timeout_ms = 30000,
     .run_timeout_ms = 1000,
     .shape = {.image = "python:3.12-slim",
	       .timeout_ms = 1000,
	       .memory = 256 * MIB,
	       .cpu = 500,
	       .skill_version = "1.2.3",
	       .lang = "python"}},
    {.name = "the caller does not lengthen",
     .lang = "python",
     .timeout_ms = 30000,
     .run_timeout_ms = 31000,
     .shape = {.image = "python:3.12-slim",
	       .timeout_ms = 30000,
	       .memory = 256 * MIB,
	       .cpu = 500,
	       .skill_version = "1.2.3",
	       .lang = "python"}},
    {.name = "a variable that is reserved",
     .lang = "python",
     .env = "LD_PRELOAD",
     .error_code = "sandbox_start_failed",
     .words = "'LD_PRELOAD' can't be set"},
    {.name = "a bundle's digest and script",
     .lang = "python",
     .bundle_digest = "sha256:ab",
     .status_digest = "sha256:cd",
     .bundle_size = 1000,
     .entrypoint = "run.py",
     .shape = {.image = "python:3.12-slim",
	       DEFAULTS,
	       .lang = "python",
	       .skill_digest = "sha256:ab",
	       .script = "run.py"}},
    {.name = "inline files: the script is looked for, and the language by its suffix",
     .status_digest = "sha256:cd",
     .files = {"scripts/main.py", "a.txt"},
     .shape = {.image = "python:3.12-slim",
	       DEFAULTS,
	       .lang = "python",
	       .skill_digest = "sha256:cd",
	       .script = "scripts/main.py"}},
    {.name = "inline files: the script is given by name",
     .status_digest = "sha256:cd",
     .entrypoint = "./jobs/other.py",
     .files = {"main.js", "jobs/other.py"},
     .shape = {.image = "python:3.12-slim",
	       DEFAULTS,
	       .lang = "python",
	       .skill_digest = "sha256:cd",
	       .script = "jobs/other.py"}},
    {.name = "inline files: the script given by name is not there",
     .entrypoint = "other.py",
     .files = {"a.txt", "main.py"},
     .error_code = "no_entrypoint",
     .words = "entrypoint \"other.py\" is not among the files"},
    {.name = "inline files without a script of that language",
     .lang = "node",
     .files = {"a.txt", "main.py"},
     .error_code = "no_entrypoint",
     .words = "no entrypoint for lang node"},
    {.name = "inline files without any script",
     .files = {"a.txt", "b.txt"},
     .error_code = "no_entrypoint",
     .words = "no script to run"},
    {.name = "inline files that can't be laid down",
     .files = {"main.py", "../x"},
     .error_code = "sandbox_start_failed",
     .words = "\"../x\""},
};

static void check_wish(const struct wish *wish)
{
	struct skill_file files[2] = {{(char *)wish->files[0], (char *)""},
				      {(char *)wish->files[1], (char *)""}};
	struct env_var variable = {(char *)wish->env, (char *)"x"};
	struct skill skill = {.spec = {.name = (char *)"report",
				       .version = (char *)"1.2.3",
				       .lang = (char *)wish->lang,
				       .image = (char *)wish->image,
				       .memory = (char *)wish->memory,
				       .cpu = (char *)wish->cpu,
				       .timeout_ms = wish->timeout_ms,
				       .entrypoint = (char *)wish->entrypoint,
				       .bundle = {(char *)wish->bundle_digest, wish->bundle_size},
				       .files = files,
				       .file_count = wish->files[0] ? 2 : 0},
			      .status = {.digest = (char *)wish->status_digest}};
	struct execution execution = {
	    .spec = {.timeout_ms = wish->run_timeout_ms, .env = &variable, .env_count = wish->env ? 1 : 0}};
	struct run_shape shape = {0};
	const char *error_code = NULL;
	struct error err = {0};
	int status = run_shape_resolve(&skill, &execution, &config, &shape, &error_code, &err);
	if (wish->error_code) {
		assert_int_equal(status, -1);
		assert_string_equal(error_code, wish->error_code);
		if (!strstr(err.message, wish->words))
			fail_msg("'%s' lacks '%s'", err.message, wish->words);
		return;
	}
	if (status != 0)
		fail_msg("%s", err.message);
	assert_string_equal(shape.image, wish->shape.image);
	assert_string_equal(shape.lang, wish->shape.lang);
	assert_string_equal(shape.script, wish->shape.script);
	assert_string_equal(shape.skill_version, wish->shape.skill_version);
	assert_string_equal(shape.skill_digest, wish->shape.skill_digest);
	assert_int_equal(shape.timeout_ms, wish->shape.timeout_ms);
	assert_int_equal(shape.memory, wish->shape.memory);
	assert_int_equal(shape.cpu, wish->shape.cpu);
}

static void test_wishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		print_message("%s\n", wishes[i].name);
		check_wish(&wishes[i]);
	}
}

/* An image that is allowed, but longer than a shape holds, is not cut. */
static void test_an_image_that_is_too_long(void **state)
{
	(void)state;
	struct run_shape shape;
	char image[sizeof(shape.image) + 1];
	const char *error_code;
	struct error err;
	struct execution execution = {0};
	struct controller_config other = config;
	struct skill skill = {.spec = {.name = (char *)"report", .version = (char *)"1", .image = image}};
	memset(image, 'i', sizeof(image));
	other.policy.image_allowlist = image;
	image[sizeof(image) - 1] = '\0';
	assert_int_equal(run_shape_resolve(&skill, &execution, &other, &shape, &error_code, &err), -1);
	assert_string_equal(error_code, "image_not_allowed");
	image[sizeof(image) - 2] = '\0';
	assert_int_equal(run_shape_resolve(&skill, &execution, &other, &shape, &error_code, &err), 0);
	assert_string_equal(shape.image, image);
}

/* As text */

static void test_there_and_back(void **state)
{
	(void)state;
	struct run_shape shapes[] = {
	    {.image = "python:3.12-slim",
	     .timeout_ms = 30000,
	     .memory = 256 << 20,
	     .cpu = 500,
	     .skill_version = "1.0.0",
	     .skill_digest = "sha256:abc",
	     .lang = "python",
	     .script = "scripts/run.py"},
	    {.image = "i", .timeout_ms = 1, .memory = 1, .cpu = 1, .skill_version = "v"},
	    {.image = "i",
	     .timeout_ms = INT64_MAX,
	     .memory = INT64_MAX,
	     .cpu = INT64_MAX,
	     .skill_version = "v"},
	};
	struct run_shape *longest = &shapes[2];
	memset(longest->image, 'i', sizeof(longest->image) - 1);
	memset(longest->skill_version, 'v', sizeof(longest->skill_version) - 1);
	memset(longest->skill_digest, 'd', sizeof(longest->skill_digest) - 1);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		cleanup_buffer struct buffer out = BUFFER(FRAME_MAX_TEXT);
		struct run_shape back;
		assert_int_equal(run_shape_write(&shapes[i], &out), 0);
		assert_true(run_shape_read(buffer_str(&out), &back));
		assert_string_equal(back.image, shapes[i].image);
		assert_string_equal(back.skill_version, shapes[i].skill_version);
		assert_string_equal(back.skill_digest, shapes[i].skill_digest);
		assert_int_equal(back.timeout_ms, shapes[i].timeout_ms);
		assert_int_equal(back.memory, shapes[i].memory);
		assert_int_equal(back.cpu, shapes[i].cpu);
		assert_string_equal(back.lang, ""); /* not in the text */
		assert_string_equal(back.script, "");
		/* Nothing shorter is a shape, as long as a word is missing. */
		const char *last = strrchr(out.data, ' ');
		for (size_t n = 0; n <= (size_t)(last - out.data); n++)
			assert_false(run_shape_read((struct str){out.data, n}, &back));
	}
	cleanup_buffer struct buffer small = BUFFER(10);
	assert_int_equal(run_shape_write(&shapes[0], &small), -1);
}

/* Annotations are anybody's who may write Pods. */
static void test_texts_that_are_no_shapes(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "",
	    "v1",
	    "v1 1 2",
	    "v2 1 2 3 a b c",
	    "V1 1 2 3 a b c",
	    " v1 1 2 3 a b c",
	    "v1  1 2 3 a b c",
	    "v1 1 2 3 a b c d",
	    "v1 1 2 3 a b ",
	    "v1 1 2 3 a  c",
	    "v1 -1 2 3 a b c",
	    "v1 0 2 3 a b c",
	    "v1 1 0 3 a b c",
	    "v1 1 2 0 a b c",
	    "v1 1.5 2 3 a b c",
	    "v1 0x1 2 3 a b c",
	    "v1 1 2 x a b c",
	    "v1 9223372036854775808 2 3 a b c",
	    "v1 1 99999999999999999999999999999999 3 a b c",
	    "v1\t1 2 3 a b c",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct run_shape back = {.cpu = 7};
		if (run_shape_read(str_of(texts[i]), &back))
			fail_msg("'%s' is read as a shape", texts[i]);
		assert_int_equal(back.cpu, 7); /* untouched */
	}
	struct run_shape back;
	assert_true(run_shape_read(STR("v1 1 2 3 a b c"), &back));
	assert_true(run_shape_read(STR("v1 1 2 3 a - c"), &back));
	assert_string_equal(back.skill_digest, "");
}

/* One byte more than a field holds is refused, and not cut. */
static void test_words_that_are_too_long(void **state)
{
	(void)state;
	struct run_shape back;
	const size_t sizes[] = {sizeof(back.skill_version), sizeof(back.skill_digest), sizeof(back.image)};
	for (size_t field = 0; field < 3; field++) {
		for (size_t n = sizes[field] - 1; n <= sizes[field]; n++) {
			cleanup_buffer struct buffer text = BUFFER(FRAME_MAX_TEXT);
			buffer_append_c(&text, "v1 1 2 3");
			for (size_t i = 0; i < 3; i++)
				buffer_appendf(&text, " %0*d", i == field ? (int)n : 1, 0);
			assert_int_equal(run_shape_read(buffer_str(&text), &back), n < sizes[field]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wishes),
	    cmocka_unit_test(test_an_image_that_is_too_long),
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_texts_that_are_no_shapes),
	    cmocka_unit_test(test_words_that_are_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
