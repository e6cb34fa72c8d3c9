/* lib/skill/skill_package.c and entrypoint.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/skill/skill_package.h"
#include "zip_maker.h"

#include <stdlib.h>
#include <unistd.h>

#define FRONT "---\nname: n\ndescription: d\n"
#define MANIFEST                                                                                             \
	{                                                                                                    \
		.name = "SKILL.md", .data = FRONT "---\nbody"                                                \
	}

static struct skill_package package;

static void read_good(const struct made_entry *entries, size_t count)
{
	struct error err;
	int fd = make_entries(entries, count);
	if (skill_package_read(fd, &archive_limits_default, &package, &err) != 0)
		fail_msg("%s", err.message);
	close(fd);
}

static void read_bad(const struct made_entry *entries, size_t count, const char *message)
{
	struct error err = {0};
	struct skill_package untouched = {.entrypoint = (char *)"untouched"};
	int fd = make_entries(entries, count);
	if (skill_package_read(fd, &archive_limits_default, &untouched, &err) == 0)
		fail_msg("accepted, instead of: %s", message);
	assert_string_equal(err.message, message);
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	assert_string_equal(untouched.entrypoint, "untouched");
	close(fd);
}

static void a_whole_skill(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "w/SKILL.md", .data = FRONT "version: 2.1.0\ninput_schema: in.json\n---\nbody"},
	    {.name = "w/scripts/run.js", .data = "1"},
	    {.name = "w/in.json", .data = " {\"type\": \"object\"} \n"},
	    {.name = "w/references/output.schema.json", .data = "{\"maximum\":12345678901234567890123}"},
	};
	read_good(entries, 4);
	assert_string_equal(package.manifest.name, "n");
	assert_string_equal(package.manifest.version, "2.1.0");
	assert_string_equal(package.manifest.lang, "node"); /* by the suffix */
	assert_string_equal(package.manifest.instructions, "body");
	assert_string_equal(package.entrypoint, "scripts/run.js");
	assert_string_equal(package.input_schema, "{\"type\": \"object\"}");
	assert_string_equal(package.output_schema, "{\"maximum\":12345678901234567890123}");
	assert_int_equal(package.content.count, 4);
	skill_package_free(&package);
	skill_package_free(&package);
}

static void files_are_checked_and_not_kept(void **state)
{
	(void)state;
	char *large = make_noise(3 << 20);
	const struct made_entry entries[] = {
	    MANIFEST, {.name = "data.txt", .data = large}, {.name = "main.sh", .data = "ls"}};
	read_good(entries, 3);
	const struct archive_entry *entry = archive_find(&package.content, STR("data.txt"));
	assert_non_null(entry);
	assert_int_equal(entry->size, 3 << 20);
	assert_null(entry->data);
	assert_null(archive_find(&package.content, STR("main.sh"))->data);
	assert_int_equal(package.content.total, (3 << 20) + 2 + (int64_t)strlen(FRONT "---\nbody"));
	skill_package_free(&package);
	free(large);
}

static void a_large_file_with_a_wrong_checksum(void **state)
{
	(void)state;
	char *large = make_noise(1 << 20);
	const struct made_entry entries[] = {
	    MANIFEST, {.name = "data.txt", .data = large}, {.name = "main.sh", .data = "ls"}};
	int fd = make_entries(entries, 3);
	struct error err = {0};
	struct skill_package untouched = {0};
	char byte = 1;
	assert_int_equal(pwrite(fd, &byte, 1, 600000), 1); /* in the middle of data.txt */
	assert_int_equal(skill_package_read(fd, &archive_limits_default, &untouched, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	assert_non_null(strstr(err.message, "data.txt"));
	close(fd);
	free(large);
}

static void a_manifest_beyond_memory(void **state)
{
	(void)state;
	char *large = make_noise(600 << 10);
	const struct made_entry entries[] = {{.name = "SKILL.md", .data = large},
					     {.name = "main.sh", .data = "ls"}};
	read_bad(entries, 2, "invalid skill: SKILL.md has 614400 bytes, at most 524288 are allowed");
	free(large);
}

static void an_empty_manifest_and_an_empty_schema(void **state)
{
	(void)state;
	const struct made_entry entries[] = {{.name = "SKILL.md"},
					     {.name = "main.sh", .data = "ls"},
					     {.name = "references/input.schema.json"}};
	struct error err = {0};
	struct skill_package untouched = {0};
	int fd = make_entries(entries, 3);
	assert_int_equal(skill_package_read(fd, &archive_limits_default, &untouched, &err), -1);
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	assert_non_null(strstr(err.message, "SKILL.md"));
	assert_non_null(strstr(err.message, "input_schema \"references/input.schema.json\": invalid JSON"));
	close(fd);
}

static void one_file_for_both_schemas(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "SKILL.md", .data = FRONT "input_schema: s.json\noutput_schema: s.json\n---\n"},
	    {.name = "main.sh", .data = "ls"},
	    {.name = "s.json", .data = " {\"type\":\"object\"}"},
	};
	read_good(entries, 3);
	assert_string_equal(package.input_schema, "{\"type\":\"object\"}");
	assert_string_equal(package.output_schema, "{\"type\":\"object\"}");
	skill_package_free(&package);
}

static void a_schema_that_is_too_large(void **state)
{
	(void)state;
	char *large = make_noise((256 << 10) + 1);
	const struct made_entry entries[] = {MANIFEST,
					     {.name = "main.sh", .data = "ls"},
					     {.name = "references/output.schema.json", .data = large}};
	read_bad(entries, 3,
		 "invalid skill: output_schema \"references/output.schema.json\" has 262145 bytes, at most "
		 "262144 are allowed");
	free(large);
}

/* They are compiled: what no value can be checked with is told before anybody runs the skill. */
static void schemas_that_are_none(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    MANIFEST,
	    {.name = "main.sh", .data = "ls"},
	    {.name = "references/input.schema.json", .data = "{\"properties\":{\"n\":{\"type\":\"int\"}}}"},
	    {.name = "references/output.schema.json", .data = "{\"$ref\":\"https://example.com/s.json\"}"},
	};
	read_bad(entries, 4,
		 "invalid skill: input_schema \"references/input.schema.json\": at /properties/n/type: "
		 "\"int\" is no type: there are \"array\", \"boolean\", \"integer\", \"null\", \"number\", "
		 "\"object\" and \"string\"; "
		 "output_schema \"references/output.schema.json\": at /$ref: \"https://example.com/s.json\" "
		 "leads to nothing: nothing is fetched, so what it means must be in this schema, under "
		 "\"$defs\" with that \"$id\"");
}

static void without_schemas(void **state)
{
	(void)state;
	const struct made_entry entries[] = {MANIFEST, {.name = "main.sh", .data = "ls"}};
	read_good(entries, 2);
	assert_null(package.input_schema);
	assert_null(package.output_schema);
	assert_string_equal(package.manifest.lang, "bash");
	skill_package_free(&package);
}

static void every_problem_is_named(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "SKILL.md",
	     .data = "---\nname: n\nversion: x\ninput_schema: none.json\nlang: python\n---\n"},
	    {.name = "references/output.schema.json", .data = "{,}"},
	};
	/* A manifest that is wrong names no schema path: the usual places are read. */
	read_bad(
	    entries, 2,
	    "invalid skill: SKILL.md: description is missing: say what the skill does and when to use it; "
	    "SKILL.md: version \"x\" must be one to three numbers, such as 1.0 or 1.2.3, perhaps with -rc.1 "
	    "or "
	    "+build.7 behind; "
	    "output_schema \"references/output.schema.json\": invalid JSON at byte 2 (line 1, column 2): "
	    "expected a key in "
	    "double quotes");
	const struct made_entry missing[] = {{.name = "main.py", .data = "1"}};
	read_bad(missing, 1,
		 "invalid skill: SKILL.md is missing, it must be at the root of the archive or in its only "
		 "folder");
	const struct made_entry deep[] = {{.name = "repo/skills/a/SKILL.md"},
					  {.name = "repo/skills/a/main.py"}};
	read_bad(deep, 2,
		 "invalid skill: SKILL.md is missing, it must be at the root of the archive or in its only "
		 "folder: "
		 "there is \"repo/skills/a/SKILL.md\", so zip the folder that has it");
	const struct made_entry given[] = {
	    {.name = "SKILL.md",
	     .data = FRONT "lang: bash\ninput_schema: none.json\noutput_schema: out.json\n---\n"},
	    {.name = "main.py"},
	    {.name = "out.json", .data = "[]"},
	};
	read_bad(given, 3,
		 "invalid skill: no entrypoint for lang bash: there must be a main.sh or run.sh at the root "
		 "or in scripts/, or an entrypoint given by name; "
		 "input_schema \"none.json\" is not in the archive; "
		 "output_schema \"out.json\" must be a JSON Schema, that is a JSON object");
	const struct made_entry twice[] = {
	    MANIFEST,
	    {.name = "main.py"},
	    {.name = "references/input.schema.json", .data = "{\"a\":1,\"a\":2}"}};
	read_bad(twice, 3,
		 "invalid skill: input_schema \"references/input.schema.json\": invalid JSON at byte 8 (line "
		 "1, column "
		 "8): duplicate key \"a\"");
	const struct made_entry hostile[] = {MANIFEST, {.name = "../main.py"}};
	read_bad(
	    hostile, 2,
	    "invalid skill: archive entry \"../main.py\": the name has a \"..\", it must stay in the skill's "
	    "folder");
}

static const char *find(const char *const *paths, size_t count, const char *lang)
{
	static struct archive_entry entries[16];
	struct archive_content content = {entries, count, 0};
	for (size_t i = 0; i < count; i++)
		entries[i] = (struct archive_entry){.path = (char *)(uintptr_t)paths[i]};
	return entrypoint_find(&content, str_of(lang));
}

static void entrypoints_in_order(void **state)
{
	(void)state;
	/* lexical order, as archive_read_zip gives it; taken away from the front of the search order one by
	 * one */
	const char *all[] = {"main.js",         "main.py",        "main.sh",         "run.js",
			     "run.py",          "run.sh",         "scripts/main.js", "scripts/main.py",
			     "scripts/main.sh", "scripts/run.js", "scripts/run.py",  "scripts/run.sh"};
	static const char *const order[] = {"main.py",         "run.py",          "main.js",
					    "run.js",          "main.sh",         "run.sh",
					    "scripts/main.py", "scripts/run.py",  "scripts/main.js",
					    "scripts/run.js",  "scripts/main.sh", "scripts/run.sh"};
	size_t count = 12;
	for (size_t step = 0; step < 12; step++) {
		assert_string_equal(find(all, count, ""), order[step]);
		size_t at = 0;
		while (strcmp(all[at], order[step]) != 0)
			at++;
		memmove(all + at, all + at + 1, (--count - at) * sizeof(all[0]));
	}
	assert_null(find(all, 0, ""));
	const char *const some[] = {"main.py", "scripts/run.sh", "src/main.js"};
	assert_string_equal(find(some, 3, "python"), "main.py");
	assert_string_equal(find(some, 3, "bash"), "scripts/run.sh");
	assert_null(find(some, 3, "node"));
	assert_null(find(some, 3, "ruby"));
}

static void languages(void **state)
{
	(void)state;
	assert_string_equal(language_find(STR("python"))->default_image, "python:3.12-slim");
	assert_string_equal(language_find(STR("node"))->interpreter, "node");
	assert_string_equal(language_find(STR("bash"))->suffix, ".sh");
	assert_null(language_find(STR("Python")));
	assert_null(language_find(STR("")));
	assert_string_equal(language_of_path(STR("a/b.py"))->name, "python");
	assert_null(language_of_path(STR("a/b.rb")));
	assert_null(language_of_path(STR("py")));
	assert_string_equal(language_of_path(STR("a.cjs"))->name, "node");
}

static void without_a_script_it_is_instructions(void **state)
{
	(void)state;
	const struct made_entry entries[] = {MANIFEST, {.name = "scripts/helper.py", .data = "1"}};
	read_good(entries, 2);
	assert_string_equal(package.entrypoint, "");
	assert_string_equal(package.manifest.lang, "");
	skill_package_free(&package);
	const struct made_entry with_lang[] = {{.name = "SKILL.md", .data = FRONT "lang: python\n---\n"}};
	read_bad(with_lang, 1,
		 "invalid skill: no entrypoint for lang python: there must be a main.py or run.py at the "
		 "root or in "
		 "scripts/, or an entrypoint given by name");
	const struct made_entry with_entrypoint[] = {
	    {.name = "SKILL.md", .data = FRONT "entrypoint: jobs/a.sh\n---\n"},
	    {.name = "main.sh", .data = "ls"}};
	read_bad(with_entrypoint, 2,
		 "invalid skill: entrypoint \"jobs/a.sh\" is not among the files of the skill");
}

static void an_entrypoint_by_name(void **state)
{
	(void)state;
	static const struct {
		const char *front, *path, *lang;
	} rows[] = {
	    {"entrypoint: jobs/nightly.sh", "jobs/nightly.sh", "bash"},
	    {"entrypoint: ./jobs/nightly.sh", "jobs/nightly.sh", "bash"},
	    {"metadata:\n  skillbox.entrypoint: jobs/nightly.sh", "jobs/nightly.sh", "bash"},
	    {"metadata:\n  entrypoint: jobs/nightly.sh", "jobs/nightly.sh", "bash"},
	    {"lang: bash\nentrypoint: jobs/tool", "jobs/tool", "bash"},
	    {"lang: node\nentrypoint: app.mjs", "app.mjs", "node"},
	    {"entrypoint: app.mjs", "app.mjs", "node"},
	    {"metadata: {entrypoint: 'package.module:main'}", "main.py", "python"}, /* another tool's */
	    {"lang: bash", "run.sh", "bash"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char manifest[300];
		snprintf(manifest, sizeof(manifest), FRONT "%s\n---\n", rows[i].front);
		const struct made_entry entries[] = {{.name = "SKILL.md", .data = manifest},
						     {.name = "main.py"},
						     {.name = "run.sh"},
						     {.name = "app.mjs"},
						     {.name = "jobs/nightly.sh"},
						     {.name = "jobs/tool"}};
		read_good(entries, 6);
		assert_string_equal(package.entrypoint, rows[i].path);
		assert_string_equal(package.manifest.lang, rows[i].lang);
		skill_package_free(&package);
	}
	const struct made_entry other[] = {
	    {.name = "SKILL.md", .data = FRONT "lang: python\nentrypoint: run.sh\n---\n"},
	    {.name = "run.sh"}};
	read_bad(other, 2,
		 "invalid skill: entrypoint \"run.sh\" is a script of lang bash, but lang is python: change "
		 "one of "
		 "them");
	const struct made_entry unknown[] = {{.name = "SKILL.md", .data = FRONT "entrypoint: tool\n---\n"},
					     {.name = "tool"}};
	read_bad(
	    unknown, 2,
	    "invalid skill: lang is missing, and the suffix of entrypoint \"tool\" doesn't tell it: add lang "
	    "python, node or bash");
	const struct made_entry outside[] = {
	    {.name = "SKILL.md", .data = FRONT "entrypoint: ../x.sh\n---\n"}};
	read_bad(outside, 1,
		 "invalid skill: SKILL.md: entrypoint \"../x.sh\" must be the path of a file in the skill");
}

/* Bash takes the CR of Windows' line ends for a part of each command; Python and node don't care. */
static void windows_line_ends(void **state)
{
	(void)state;
	const struct made_entry entries[] = {MANIFEST, {.name = "main.sh", .data = "#!/bin/bash\r\nls\r\n"}};
	read_bad(entries, 2,
		 "invalid skill: main.sh has Windows line ends (CRLF), with which bash can't run it: convert "
		 "it with "
		 "dos2unix main.sh or sed -i 's/\\r$//' main.sh");
	const struct made_entry most[] = {MANIFEST, {.name = "main.sh", .data = "#!/bin/bash\nls\r\na\r\n"}};
	struct error err;
	int fd = make_entries(most, 2);
	assert_int_equal(skill_package_read(fd, &archive_limits_default, &package, &err), -1);
	close(fd);
	const struct made_entry some[] = {
	    MANIFEST, {.name = "main.sh", .data = "cat <<END\nGET / HTTP/1.0\r\n\r\nEND\nls\nls\n"}};
	read_good(some, 2);
	assert_int_equal(package.manifest.warning_count, 1);
	assert_non_null(strstr(package.manifest.warnings[0], "CRLF"));
	assert_non_null(strstr(package.manifest.warnings[0], "main.sh"));
	skill_package_free(&package);
	const struct made_entry python[] = {MANIFEST, {.name = "main.py", .data = "print(1)\r\n"}};
	read_good(python, 2);
	skill_package_free(&package);
	const struct made_entry named[] = {
	    {.name = "SKILL.md", .data = FRONT "lang: bash\nentrypoint: tool\n---\n"},
	    {.name = "tool", .data = "ls\r\n"}};
	fd = make_entries(named, 2);
	assert_int_equal(skill_package_read(fd, &archive_limits_default, &package, &err), -1);
	assert_non_null(strstr(err.message, "tool has Windows line ends"));
	close(fd);
}

static void manifests_in_other_letters(void **state)
{
	(void)state;
	const struct made_entry lower[] = {{.name = "w/skill.md", .data = FRONT "---\nlower"},
					   {.name = "w/main.sh", .data = "ls"},
					   {.name = "README.md", .data = "beside"}};
	read_good(lower, 3);
	assert_string_equal(package.manifest.instructions, "lower");
	assert_int_equal(package.content.count, 2);
	skill_package_free(&package);
	const struct made_entry several[] = {{.name = "skill.md", .data = "nothing of use"},
					     {.name = "SKILL.md", .data = FRONT "---\nright"},
					     {.name = "Skill.md", .data = "nothing of use, and longer"}};
	read_good(several, 3);
	assert_string_equal(package.manifest.instructions, "right");
	skill_package_free(&package);
	const struct made_entry wrong[] = {{.name = "skill.md", .data = "nothing of use"},
					   {.name = "Skill.md", .data = FRONT "---\nfirst"}};
	read_good(wrong, 2);
	assert_string_equal(package.manifest.instructions, "first");
	skill_package_free(&package);
}

static void problems_one_by_one(void **state)
{
	(void)state;
	const struct made_entry entries[] = {
	    {.name = "SKILL.md", .data = "---\nname: 'a; b'\nlang: x; y\n---\n"},
	    {.name = "references/input.schema.json", .data = "[]"},
	};
	cleanup_problems struct problems problems = PROBLEMS;
	struct error err = {0};
	int fd = make_entries(entries, 2);
	assert_int_equal(skill_package_examine(fd, &archive_limits_default, &package, &problems, &err), -1);
	close(fd);
	assert_int_equal(err.code, ERR_NONE);
	assert_int_equal(problems.count, 4);
	assert_non_null(strstr(problems.items[0], "name \"a; b\""));
	assert_non_null(strstr(problems.items[1], "description is missing"));
	assert_non_null(strstr(problems.items[2], "lang \"x; y\""));
	assert_non_null(strstr(problems.items[3], "input_schema"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_a_script_it_is_instructions),
	    cmocka_unit_test(an_entrypoint_by_name),
	    cmocka_unit_test(windows_line_ends),
	    cmocka_unit_test(manifests_in_other_letters),
	    cmocka_unit_test(problems_one_by_one),
	    cmocka_unit_test(a_whole_skill),
	    cmocka_unit_test(files_are_checked_and_not_kept),
	    cmocka_unit_test(a_large_file_with_a_wrong_checksum),
	    cmocka_unit_test(a_manifest_beyond_memory),
	    cmocka_unit_test(an_empty_manifest_and_an_empty_schema),
	    cmocka_unit_test(one_file_for_both_schemas),
	    cmocka_unit_test(a_schema_that_is_too_large),
	    cmocka_unit_test(schemas_that_are_none),
	    cmocka_unit_test(without_schemas),
	    cmocka_unit_test(every_problem_is_named),
	    cmocka_unit_test(entrypoints_in_order),
	    cmocka_unit_test(languages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
