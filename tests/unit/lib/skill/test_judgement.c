/* lib/skill/judgement.c: what makes a skill ready is what makes it run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/skill/judgement.h"

#include <stdlib.h>

#define MIB (INT64_C(1) << 20)

static const struct policy policy = {.image_allowlist = (char *)"python:3.12-slim,node:20-slim,bash:5,own:1",
				     .default_timeout_ms = 60000,
				     .max_timeout_ms = 300000,
				     .default_memory = 256 * MIB,
				     .max_memory = 512 * MIB,
				     .default_cpu = 500,
				     .max_cpu = 1000};

/* A Skill resource → the judgement. */
struct row {
	const char *name;
	const char *lang, *entrypoint, *image, *cpu, *memory;
	int64_t asked_ms;
	const char *files[2], *text; /* text: of all */
	bool bundle;
	/* expected */
	const char *as_lang, *path, *as_image;
	bool only_instructions;
	int64_t timeout_ms, of_memory, of_cpu; /* 0: the default */
	enum error_code code;
	size_t problems;
	const char *words;
};

static const struct row rows[] = {
    {.name = "the language by the suffix",
     .files = {"main.sh"},
     .as_lang = "bash",
     .path = "main.sh",
     .as_image = "bash:5"},
    {.name = "files in any order",
     .files = {"scripts/run.js", "a"},
     .as_lang = "node",
     .path = "scripts/run.js",
     .as_image = "node:20-slim"},
    {.name = "of several languages the one that is given",
     .lang = "bash",
     .files = {"main.py", "main.sh"},
     .as_lang = "bash",
     .path = "main.sh",
     .as_image = "bash:5"},
    {.name = "the script by its name",
     .lang = "bash",
     .entrypoint = "jobs/nightly.sh",
     .files = {"main.sh", "jobs/nightly.sh"},
     .as_lang = "bash",
     .path = "jobs/nightly.sh",
     .as_image = "bash:5"},
    {.name = "alone, and the language by its suffix",
     .entrypoint = "jobs/nightly.sh",
     .files = {"jobs/nightly.sh"},
     .as_lang = "bash",
     .path = "jobs/nightly.sh",
     .as_image = "bash:5"},
    {.name = "a script without a suffix",
     .lang = "python",
     .entrypoint = "bin/tool",
     .files = {"bin/tool"},
     .as_lang = "python",
     .path = "bin/tool",
     .as_image = "python:3.12-slim"},
    {.name = "a bundle, as it was pushed",
     .bundle = true,
     .lang = "python",
     .entrypoint = "main.py",
     .as_lang = "python",
     .path = "main.py",
     .as_image = "python:3.12-slim"},
    {.name = "a bundle whose script only its files tell",
     .bundle = true,
     .lang = "python",
     .as_lang = "python",
     .path = "",
     .as_image = "python:3.12-slim"},
    {.name = "a bundle with an image of its own, and no more",
     .bundle = true,
     .image = "own:1",
     .as_lang = "",
     .path = "",
     .as_image = "own:1"},
    {.name = "instructions, pushed",
     .bundle = true,
     .as_lang = "",
     .path = "",
     .as_image = "",
     .only_instructions = true},
    {.name = "instructions as files",
     .files = {"SKILL.md", "helper.py"},
     .as_lang = "",
     .path = "",
     .as_image = "",
     .only_instructions = true},
    {.name = "what it asks for",
     .files = {"main.py"},
     .image = "own:1",
     .cpu = "250m",
     .memory = "64Mi",
     .asked_ms = 5000,
     .as_lang = "python",
     .path = "main.py",
     .as_image = "own:1",
     .timeout_ms = 5000,
     .of_memory = 64 * MIB,
     .of_cpu = 250},
    {.name = "more than there may be",
     .files = {"main.py"},
     .cpu = "64",
     .memory = "64Gi",
     .asked_ms = 86400000,
     .as_lang = "python",
     .path = "main.py",
     .as_image = "python:3.12-slim",
     .timeout_ms = 300000,
     .of_memory = 512 * MIB,
     .of_cpu = 1000},
    {.name = "no script of the language",
     .lang = "python",
     .files = {"main.sh"},
     .as_lang = "python",
     .path = "",
     .as_image = "python:3.12-slim",
     .code = ERR_NO_ENTRYPOINT,
     .problems = 1,
     .words = "no entrypoint for lang python: there must be a main.py or run.py"},
    {.name = "the script by a name that isn't there",
     .entrypoint = "jobs/nightly.sh",
     .files = {"main.sh"},
     .as_lang = "",
     .path = "",
     .as_image = "",
     .code = ERR_NO_ENTRYPOINT,
     .problems = 1,
     .words = "entrypoint \"jobs/nightly.sh\" is not among the files of the skill"},
    {.name = "a language that there isn't",
     .lang = "ruby",
     .files = {"main.sh"},
     .as_lang = "",
     .path = "",
     .as_image = "",
     .code = ERR_INVALID_SKILL,
     .problems = 1,
     .words = "lang \"ruby\" must be python, node or bash"},
    {.name = "an image that is not allowed",
     .files = {"main.sh"},
     .image = "evil:1",
     .as_lang = "bash",
     .path = "main.sh",
     .as_image = "evil:1",
     .code = ERR_IMAGE_NOT_ALLOWED,
     .problems = 1,
     .words = "image 'evil:1' is not on the allowlist"},
    {.name = "quantities that are none, and all problems at once",
     .files = {"main.sh", "../x"},
     .image = "evil:1",
     .cpu = "lots",
     .memory = "-1",
     .as_lang = "bash",
     .path = "main.sh",
     .as_image = "evil:1",
     .code = ERR_INVALID_SKILL,
     .problems = 4,
     .words = "\"../x\""},
    {.name = "too little memory",
     .files = {"main.sh"},
     .memory = "16777215",
     .as_lang = "bash",
     .path = "main.sh",
     .as_image = "bash:5",
     .code = ERR_INVALID_SKILL,
     .problems = 1,
     .words = "resources.memory \"16777215\" is too little for a sandbox: at least 16Mi"},
    {.name = "Windows line ends in bash",
     .files = {"main.sh"},
     .text = "#!/bin/bash\r\nls\r\n",
     .as_lang = "bash",
     .path = "main.sh",
     .as_image = "bash:5",
     .code = ERR_INVALID_SKILL,
     .problems = 1,
     .words = "sed -i 's/\\r$//' main.sh"},
    {.name = "Windows line ends in Python",
     .files = {"main.py"},
     .text = "print(1)\r\n",
     .as_lang = "python",
     .path = "main.py",
     .as_image = "python:3.12-slim"},
};

/* as_outline: of inline files only what skill_judge_files made of them is left. */
static void judge(const struct row *row, bool as_outline)
{
	char *text = (char *)(uintptr_t)(row->text ? row->text : "");
	struct skill_file files[2] = {{(char *)(uintptr_t)row->files[0], text},
				      {(char *)(uintptr_t)row->files[1], text}};
	struct skill skill = {.spec = {.name = (char *)"report",
				       .version = (char *)"1.0",
				       .lang = (char *)(uintptr_t)row->lang,
				       .entrypoint = (char *)(uintptr_t)row->entrypoint,
				       .image = (char *)(uintptr_t)row->image,
				       .cpu = (char *)(uintptr_t)row->cpu,
				       .memory = (char *)(uintptr_t)row->memory,
				       .timeout_ms = row->asked_ms,
				       .files = files,
				       .file_count = row->files[0] ? row->files[1] ? 2 : 1 : 0}};
	struct skill_judgement judged;
	struct error err = {0}, run_err = {0};
	cleanup_problems struct problems problems = PROBLEMS;
	skill.spec.bundle.digest = row->bundle ? (char *)"sha256:ab" : NULL;
	if (as_outline && skill.spec.file_count) {
		assert_int_equal(skill_judge_files(&skill, &skill.files_verdict, &err), 0);
		skill.spec.files = NULL;
	}
	skill.is_outline = as_outline;
	int status = skill_judge_object(&skill, &policy, &judged, &problems, &err);
	assert_int_equal(err.code, row->code);
	assert_int_equal(status, row->code == ERR_NONE ? 0 : -1);
	assert_int_equal(problems.count, row->problems);
	if (row->words && !strstr(err.message, row->words))
		fail_msg("%s lacks %s", err.message, row->words);
	const struct language *language = judged.script.language;
	assert_string_equal(language ? language->name : "", row->as_lang);
	assert_string_equal(judged.script.path, row->path);
	assert_string_equal(judged.image, row->as_image);
	assert_int_equal(judged.only_instructions, row->only_instructions);
	assert_int_equal(judged.timeout_ms, row->timeout_ms ? row->timeout_ms : 60000);
	assert_int_equal(judged.memory, row->of_memory ? row->of_memory : 256 * MIB);
	assert_int_equal(judged.cpu, row->of_cpu ? row->of_cpu : 500);
	/* who wants to run it hears the same */
	bool runs = row->code == ERR_NONE && !row->only_instructions;
	assert_int_equal(skill_judge_run(&skill, &policy, &judged, &run_err), runs ? 0 : -1);
	assert_int_equal(run_err.code, row->only_instructions ? ERR_NO_ENTRYPOINT : row->code);
	assert_int_equal(!runs && run_err.code != ERR_IMAGE_NOT_ALLOWED,
			 strstr(run_err.message, "skill report@1.0 can't be run: ") != NULL);
	free(skill.files_verdict.path);
	free(skill.files_verdict.problem);
}

static void one_judgement(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].name);
		judge(&rows[i], false);
		judge(&rows[i], true);
	}
}

static void modes(void **state)
{
	(void)state;
	const struct skill_judgement runs = {0}, instructs = {.only_instructions = true};
	assert_string_equal(skill_mode(&runs), "executable");
	assert_string_equal(skill_mode(&instructs), "instructions");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(one_judgement), cmocka_unit_test(modes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
