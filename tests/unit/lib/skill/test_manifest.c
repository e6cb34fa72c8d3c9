/* lib/skill/manifest.c and manifest_yaml.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/skill/manifest.h"

#include <stdlib.h>

static struct manifest m;

static void parse(const char *text)
{
	struct error err;
	if (manifest_parse(str_of(text), &m, &err) != 0)
		fail_msg("%s", err.message);
}

static void refuse(const char *text, const char *message)
{
	struct error err = {0};
	struct manifest untouched = {.timeout_ms = 77};
	if (manifest_parse(str_of(text), &untouched, &err) == 0)
		fail_msg("accepted, instead of: %s", message);
	assert_string_equal(err.message, message);
	assert_int_equal(err.code, ERR_INVALID_SKILL);
	assert_int_equal(untouched.timeout_ms, 77);
}

/* `lines` behind a good name and description. */
static void refuse_lines(const char *lines, const char *message)
{
	char text[2048];
	snprintf(text, sizeof(text), "---\nname: n\ndescription: d\n%s\n---\n", lines);
	refuse(text, message);
}

static void the_plain_form(void **state)
{
	(void)state;
	parse("---\nname: data.Analysis_2-x\nversion: 1.10.0\ndescription: Analyses data.\nlang: python\n"
	      "image: python:3.12-slim\ntimeout: 1m30s\nresources:\n  cpu: 0.5\n  memory: 256Mi\n"
	      "input_schema: schemas/in.json\noutput_schema: out.json\n---\n\n# Title\n\nDo it.\n---\nnot a "
	      "fence\n\n");
	assert_string_equal(m.name, "data.Analysis_2-x");
	assert_string_equal(m.version, "1.10.0");
	assert_string_equal(m.description, "Analyses data.");
	assert_string_equal(m.lang, "python");
	assert_string_equal(m.image, "python:3.12-slim");
	assert_int_equal(m.timeout_ms, 90000);
	assert_string_equal(m.cpu, "0.5");
	assert_string_equal(m.memory, "256Mi");
	assert_string_equal(m.input_schema, "schemas/in.json");
	assert_string_equal(m.output_schema, "out.json");
	assert_string_equal(m.instructions, "# Title\n\nDo it.\n---\nnot a fence");
	assert_int_equal(m.warning_count, 0);
	manifest_free(&m);
	manifest_free(&m);
}

static void defaults(void **state)
{
	(void)state;
	parse("---\nname: n\ndescription: d\n---\n");
	assert_string_equal(m.version, "1.0.0");
	assert_string_equal(m.lang, "");
	assert_string_equal(m.image, "");
	assert_int_equal(m.timeout_ms, 0);
	assert_string_equal(m.cpu, "");
	assert_string_equal(m.memory, "");
	assert_string_equal(m.input_schema, "");
	assert_string_equal(m.output_schema, "");
	assert_string_equal(m.instructions, "");
	manifest_free(&m);
	parse("---\nname: n\ndescription: d\nversion: \"\"\nimage: \"\"\nresources:\n---");
	assert_string_equal(m.version, "1.0.0");
	assert_string_equal(m.image, "");
	manifest_free(&m);
}

static void the_open_form(void **state)
{
	(void)state;
	parse("---\nname: n\ndescription: >\n  folded\n  text\nlicense: MIT\ncompatibility: "
	      "any\nallowed-tools: [a, b]\n"
	      "metadata: {version: \"2.0.0\", skillbox.lang: node, author: me, skillbox.timeout: \"5s\",\n"
	      "  skillbox.resources.cpu: \"1\", resources.memory: 1Gi, name: other, description: "
	      "other}\n---\nbody");
	assert_string_equal(m.name, "n");
	assert_string_equal(m.description, "folded text");
	assert_string_equal(m.version, "2.0.0");
	assert_string_equal(m.lang, "node");
	assert_int_equal(m.timeout_ms, 5000);
	assert_string_equal(m.cpu, "1");
	assert_string_equal(m.memory, "1Gi");
	assert_int_equal(m.warning_count,
			 0); /* what has no prefix of ours under metadata is somebody else's */
	manifest_free(&m);
	parse("---\nname: n\ndescription: d\nlang: bash\nmetadata:\n  version: 3.0.0\n  skillbox:\n    "
	      "timeout: 7s\n"
	      "  resources:\n    cpu: 250m\n---\n"); /* mixed and nested */
	assert_string_equal(m.lang, "bash");
	assert_string_equal(m.version, "3.0.0");
	assert_string_equal(m.cpu, "250m");
	assert_int_equal(m.timeout_ms, 7000);
	manifest_free(&m);
	parse(
	    "---\nname: n\ndescription: d\nlang: bash\nmetadata:\n  lang: bash\n---\n"); /* the same twice */
	manifest_free(&m);
	refuse_lines("lang: bash\nmetadata:\n  skillbox.lang: node",
		     "invalid skill: SKILL.md line 6: lang is given twice with "
		     "different values");
}

static void values_stay_text(void **state)
{
	(void)state;
	parse("---\nname: 007\ndescription: yes\nresources: {cpu: 1.10}\n---\n");
	assert_string_equal(m.name, "007");
	assert_string_equal(m.description, "yes");
	assert_string_equal(m.cpu, "1.10");
	manifest_free(&m);
	parse("---\nname: n\ndescription: 'null'\nversion: 1.10\nlang: \"\"\n---\n");
	assert_string_equal(m.version, "1.10");
	assert_string_equal(m.description, "null");
	manifest_free(&m);
}

static void null_is_no_text(void **state)
{
	(void)state;
	static const char *const nulls[] = {"", " ~", " null", " Null", " NULL", " # only a comment"};
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
		char text[100];
		snprintf(text, sizeof(text), "lang:%s", nulls[i]);
		refuse_lines(
		    text, "invalid skill: SKILL.md line 4: lang has no value: give it one, or leave the key "
			  "out");
	}
	refuse("---\nname:\ndescription: ~\nlicense:\nmetadata:\n---\n",
	       "invalid skill: SKILL.md line 2: name has no value: give it one, or leave the key out; "
	       "SKILL.md line 3: description has no value: give it one, or leave the key out");
}

/* The open form has the keys of all tools side by side. */
static void keys_of_other_tools(void **state)
{
	(void)state;
	parse(
	    "---\nname: n\ndescription: d\nmetadata:\n  lang: en\n  timeout: 300\n"
	    "  image: https://example.com/a.png\n  entrypoint: pkg.mod:main\n  input_schema: {type: object}\n"
	    "  output_schema: ~\n  resources: {cpu: lots, memory: [1]}\n---\n");
	assert_string_equal(m.lang, "");
	assert_int_equal(m.timeout_ms, 0);
	assert_string_equal(m.image, "");
	assert_string_equal(m.entrypoint, "");
	assert_string_equal(m.input_schema, "");
	assert_string_equal(m.cpu, "");
	assert_int_equal(m.warning_count, 8);
	assert_string_equal(m.warnings[0],
			    "SKILL.md line 5: left to another tool, since it is of no use here: "
			    "\"metadata.lang\"");
	manifest_free(&m);
	parse("---\nname: n\ndescription: d\nmetadata:\n  image: logo.png\n  version: \"1.0\"\n---\n");
	assert_string_equal(m.image, "");
	assert_string_equal(m.version, "1.0");
	manifest_free(&m);
	/* those with our prefix are ours, and win, in either order */
	parse("---\nname: n\ndescription: d\nmetadata:\n  lang: python\n  skillbox.lang: bash\n"
	      "  skillbox.version: 2.0.0\n  version: \"1.0\"\n---\n");
	assert_string_equal(m.lang, "bash");
	assert_string_equal(m.version, "2.0.0");
	assert_int_equal(m.warning_count, 2);
	manifest_free(&m);
	refuse_lines("metadata:\n  skillbox.lang: en",
		     "invalid skill: SKILL.md: lang \"en\" must be python, node or bash");
	refuse_lines(
	    "metadata:\n  skillbox.timeout:",
	    "invalid skill: SKILL.md line 5: timeout has no value: give it one, or leave the key out");
	/* a version that can't be used is not passed over: all uploads would be 1.0.0 */
	refuse_lines(
	    "metadata:\n  version: latest",
	    "invalid skill: SKILL.md: version \"latest\" must be one to three numbers, such as 1.0 or 1.2.3, "
	    "perhaps with -rc.1 or +build.7 behind");
}

static void line_ends_of_windows(void **state)
{
	(void)state;
	parse("---\r\nname: n\r\ndescription: d\r\n---\r\nbody\r\n");
	assert_string_equal(m.name, "n");
	assert_string_equal(m.description, "d");
	assert_string_equal(m.instructions, "body");
	manifest_free(&m);
}

static void unknown_keys_warn(void **state)
{
	(void)state;
	parse("---\nname: n\ndescription: d\nlangg: python\nfoo: {bar: 1, baz: [1, {lang: x}]}\nresources: "
	      "{gpu: 1}\n"
	      "metadata: {skillbox.lnag: x}\nlist: [lang, {name: x}]\n---\n");
	assert_int_equal(m.warning_count, 5);
	assert_string_equal(m.warnings[0], "SKILL.md line 4: unknown key \"langg\"");
	assert_string_equal(m.warnings[1], "SKILL.md line 5: unknown key \"foo\"");
	assert_string_equal(m.warnings[2], "SKILL.md line 6: unknown key \"resources.gpu\"");
	assert_string_equal(m.warnings[3], "SKILL.md line 7: unknown key \"metadata.skillbox.lnag\"");
	assert_string_equal(m.warnings[4], "SKILL.md line 8: unknown key \"list\"");
	assert_string_equal(m.lang, "");
	assert_string_equal(m.name, "n");
	manifest_free(&m);
}

static void every_problem_is_named(void **state)
{
	(void)state;
	refuse("---\nname: a b\nversion: one\nlang: ruby\nimage: 'a b'\ntimeout: soon\nresources: {cpu: "
	       "lots, memory: -1}\n"
	       "input_schema: ../x\noutput_schema: /x\n---\n",
	       "invalid skill: SKILL.md: name \"a b\" must start with a letter or digit and have at most 128 "
	       "letters, digits, "
	       "'.', '_' or '-'; "
	       "SKILL.md: description is missing: say what the skill does and when to use it; "
	       "SKILL.md: version \"one\" must be one to three numbers, such as 1.0 or 1.2.3, perhaps with "
	       "-rc.1 or +build.7 behind; "
	       "SKILL.md: lang \"ruby\" must be python, node or bash; "
	       "SKILL.md: image \"a b\" is not an image reference, such as python:3.12-slim; "
	       "SKILL.md: timeout: invalid duration \"soon\": must be numbers with the units h, m, s or ms, "
	       "such as \"90s\", "
	       "\"1m30s\" or \"500ms\"; "
	       "SKILL.md: resources.cpu: invalid CPU quantity \"lots\": must be a number such as \"500m\", "
	       "\"0.5\" or \"2\"; "
	       "SKILL.md: resources.memory: invalid memory quantity \"-1\": must be more than 0; "
	       "SKILL.md: input_schema \"../x\" must be the path of a file in the skill; "
	       "SKILL.md: output_schema \"/x\" must be the path of a file in the skill");
	refuse("---\nfoo: bar\n---\n",
	       "invalid skill: SKILL.md: name is missing; SKILL.md: description is missing: say what the "
	       "skill does and when to use it");
	refuse("---\n---\n",
	       "invalid skill: SKILL.md: name is missing; SKILL.md: description is missing: say what the "
	       "skill does and when to use it");
	refuse("---\nname: n\nname: m\n---\n",
	       "invalid skill: SKILL.md line 3: the key \"name\" is there twice; SKILL.md: "
	       "description is missing: say what the skill does and when to use it");
}

static void names_and_versions(void **state)
{
	(void)state;
	char name[130], text[400], message[400];
	memset(name, 'a', sizeof(name));
	name[128] = '\0';
	snprintf(text, sizeof(text), "---\nname: %s\ndescription: d\n---\n", name);
	parse(text);
	manifest_free(&m);
	name[128] = 'a';
	name[129] = '\0';
	snprintf(text, sizeof(text), "---\nname: %s\ndescription: d\n---\n", name);
	assert_int_equal(manifest_parse(str_of(text), &m, NULL), -1);
	static const char *const bad_names[] = {"-a", ".a", "_a", "a/b", "a:b", "caf\xc3\xa9"};
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		snprintf(text, sizeof(text), "---\nname: %s\ndescription: d\n---\n", bad_names[i]);
		assert_int_equal(manifest_parse(str_of(text), &m, NULL), -1);
	}
	static const char *const good[] = {"0.0.0", "10.20.30", "1.0.0-rc.1", "1.0.0-0", "1.0.0-a..b",
					   "1",     "1.0",      "v1.0.0",     "1.0.0+1", "1.0-2+3"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "---\nname: n\ndescription: d\nversion: %s\n---\n", good[i]);
		parse(text);
		assert_string_equal(m.version, good[i]);
		manifest_free(&m);
	}
	static const char *const bad[] = {"1.",        "V1.0", "1.0.0.0", "latest", "1.0.0-",
					  "1.0.0-a_b", "1..0", ".1.0.0",  "1.0.0 x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "version: %s", bad[i]);
		snprintf(message, sizeof(message),
			 "invalid skill: SKILL.md: version \"%s\" must be one to three numbers, such as 1.0 "
			 "or 1.2.3, perhaps with -rc.1 or +build.7 behind",
			 bad[i]);
		refuse_lines(text, message);
	}
}

static void yaml_that_is_not_wanted(void **state)
{
	(void)state;
	refuse_lines("foo: &a 1", "invalid skill: SKILL.md line 4: YAML anchors and aliases are not allowed: "
				  "quote a value that begins with '&' or '*'");
	refuse_lines("foo: &a [1]", "invalid skill: SKILL.md line 4: YAML anchors and aliases are not "
				    "allowed: quote a value that begins with '&' or '*'");
	refuse_lines("foo: &a {b: 1}", "invalid skill: SKILL.md line 4: YAML anchors and aliases are not "
				       "allowed: quote a value that begins with '&' or '*'");
	refuse_lines("&a foo: 1", "invalid skill: SKILL.md line 4: YAML anchors and aliases are not allowed: "
				  "quote a value that begins with '&' or '*'");
	refuse_lines("foo: *name", "invalid skill: SKILL.md line 4: YAML anchors and aliases are not "
				   "allowed: quote a value that begins with '&' or '*'");
	refuse_lines("lang: bash\nlang: bash",
		     "invalid skill: SKILL.md line 5: the key \"lang\" is there twice");
	refuse_lines("lang: bash\n\"lang\": bash",
		     "invalid skill: SKILL.md line 5: the key \"lang\" is there twice");
	refuse_lines("foo: {a: {b: 1, b: 2}}",
		     "invalid skill: SKILL.md line 4: the key \"b\" is there twice");
	refuse_lines("\tlang: bash",
		     "invalid skill: SKILL.md line 4: tabs can't be used for indentation, use spaces");
	refuse_lines("resources:\n \tcpu: 1",
		     "invalid skill: SKILL.md line 5: tabs can't be used for indentation, use spaces");
	refuse_lines("? [a, b]\n: c", "invalid skill: SKILL.md line 4: a key must be text");
	refuse_lines("--- x", "invalid skill: SKILL.md line 4: a second YAML document is not allowed");
	refuse_lines("lang: [bash]", "invalid skill: SKILL.md line 4: lang must be text, not a list or a "
				     "mapping: quote it if it is text");
	refuse_lines("image: {a: b}", "invalid skill: SKILL.md line 4: image must be text, not a list or a "
				      "mapping: quote it if it is text");
	refuse_lines("resources: lots", "invalid skill: SKILL.md line 4: resources must be a mapping");
	refuse_lines("metadata: lots", "invalid skill: SKILL.md line 4: metadata must be a mapping");
	refuse_lines("image: \"a\\0b\"", "invalid skill: SKILL.md line 4: image has a NUL character");
	refuse("---\n- a\n---\n", "invalid skill: SKILL.md line 2: the frontmatter must be keys and values, "
				  "such as \"name: my-skill\"");
	refuse("---\nhello\n---\n", "invalid skill: SKILL.md line 2: the frontmatter must be keys and "
				    "values, such as \"name: my-skill\"");
	parse("---\nname: n\ndescription: |\n  text\n\n  a\ttab inside is fine\n---\n\tand in the body\n");
	assert_string_equal(m.description, "text\n\na\ttab inside is fine");
	manifest_free(&m);
}

/* Each says where it is, and how to mend it. */
static void yaml_that_is_mistaken(void **state)
{
	(void)state;
	static const struct {
		const char *lines, *place, *mend;
	} rows[] = {
	    {"x: Use when: asked", "line 4, column 12",
	     "quote the value of \"x\", since it has \": \" in it"},
	    {"x: \"foo\" bar", "line 4, column 10",
	     "quote the whole value of \"x\", and write \\\" for a quote"},
	    {"x: 'it's'", "line 4, column 8", "quote the whole value of \"x\", and write '' for a quote"},
	    {"x: [WIP] foo", "line 4, column 10", "quote the value of \"x\", since a '[' begins a list"},
	    {"x: {a} b", "line 4, column 8", "quote the value of \"x\", since a '{' begins a mapping"},
	    {"x: [a, b", "line 4, column 4", "close the list or mapping of \"x\""},
	    {"x: {a: b", "line 4, column 4", "close the list or mapping of \"x\""},
	    {"x: \"foo", "line 4, column 4", "close the quote that the value of \"x\" begins with"},
	    {"x: @foo", "line 4, column 4", "quote the value of \"x\", since a value can't begin with '@'"},
	    {"x: `foo`", "line 4, column 4", "quote the value of \"x\", since a value can't begin with '`'"},
	    {"x: %foo", "line 4, column 4", "quote the value of \"x\", since a value can't begin with '%'"},
	    {"x: * foo", "line 4, column 5", "quote the value of \"x\", since a value can't begin with '*'"},
	    {"x: & foo", "line 4, column 5", "quote the value of \"x\", since a value can't begin with '&'"},
	    {"x: !<foo", "line 4", "quote the value of \"x\", since a value can't begin with '!'"},
	    {"x: \"C:\\dir\"", "line 4, column 7", "in the value of \"x\" write \\\\ for a backslash"},
	    {"x: - a", "line 4, column 4", "put each \"- \" on a line of its own below \"x\""},
	    {"x: |foo", "line 4, column 5", "begin the text of \"x\" on the next line, indented"},
	    {"x: a\nfoo", "line 5, column 1", "write \"key: value\""},
	    {"x: a\n  y: b", "line 5, column 4",
	     "begin the line below the first letter of the key above it, or quote "
	     "the value of \"x\""},
	    {"x: 1\n y: 2", "line 5", "begin the line below the first letter of the key above it"},
	    {"x: [Read:, b]", "line 4, column 9",
	     "quote each text in the list or mapping of \"x\" that has a ':'"},
	    {"x:\n- @a", "line 5, column 3", "quote the value of that, since a value can't begin with '@'"},
	    {"x: |\n\x07", "line 5, column 1", "control character (U+0007): take it out"},
	    {"x: a\r\r b\r: c", "line 7", "begin the line below the first letter of the key"},
	    {"x: a\x07", "line 4, column 5", "control character (U+0007): take it out"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[300];
		struct error err;
		snprintf(text, sizeof(text), "---\nname: n\ndescription: d\n%s\n---\n", rows[i].lines);
		if (manifest_parse(str_of(text), &m, &err) == 0)
			fail_msg("accepted: %s", rows[i].lines);
		if (!strstr(err.message, rows[i].place) || !strstr(err.message, rows[i].mend))
			fail_msg("%s\n%s lacks %s, %s", rows[i].lines, err.message, rows[i].place,
				 rows[i].mend);
	}
	refuse_lines(
	    "x: !important foo",
	    "invalid skill: SKILL.md line 4: YAML tags are not allowed: quote a value that begins with '!'");
}

/* Tabs are refused as indentation, and stay where they are text. */
static void tabs(void **state)
{
	(void)state;
	parse("---\nname: n\ndescription: |\n  make:\n  \tcc\n\n   \tx\nx: \"a\n\tb\"\ny:\t1\n---\n");
	assert_string_equal(m.description, "make:\n\tcc\n\n \tx");
	manifest_free(&m);
	const char *refused =
	    "invalid skill: SKILL.md line 5: tabs can't be used for indentation, use spaces";
	refuse_lines("x: [\n\t1]", refused);
	refuse_lines("x:\n\ty: 1", refused);
	refuse_lines("x: a\n \tb", refused);
	refuse_lines("x: 1\n\t# a comment", refused);
}

/* A byte order mark, blank lines, line ends, fences and ends of every kind. */
static void as_editors_write_it(void **state)
{
	(void)state;
	static const char *const texts[] = {
	    "\xef\xbb\xbf---\nname: n\ndescription: d\n---\nbody\n",
	    "\n---\nname: n\ndescription: d\n---\nbody",
	    "\xef\xbb\xbf\r\n  \r\n---\r\nname: n\r\ndescription: d\r\n---\r\n\r\nbody\r\n",
	    "--- \t\nname: n\ndescription: d\n---  \nbody",
	    "---\n# a comment\nname: n # another\n\ndescription: >-\n  d\n\n---\nbody",
	    "---\nname: 'n'\ndescription: \"d\"\nallowed-tools:\n- Read\n- Bash(git:*)\nmetadata:\n  a:\n    "
	    "b: [1, "
	    "{c: d}]\n---\nbody",
	    "---\n{name: n, description: d}\n---\nbody",
	    "---\n\"name\": n\n? description\n: d\n---\nbody"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(texts[i]);
		assert_string_equal(m.name, "n");
		assert_string_equal(m.description, "d");
		assert_string_equal(m.instructions, "body");
		manifest_free(&m);
	}
	refuse("\n\n---\nname: n\ndescription: d\nlang: [x]\n---\n",
	       "invalid skill: SKILL.md line 6: lang must be text, not a list or a mapping: quote it if it "
	       "is text");
}

static void frontmatter_is_framed(void **state)
{
	(void)state;
	const char *start =
	    "invalid skill: SKILL.md must start with YAML frontmatter between two lines of ---";
	refuse("", start);
	refuse("name: n\n", start);
	refuse("\n\n", start);
	refuse("\xef\xbb\xbf", start);
	refuse("----\nname: n\n----\n", start);
	refuse("---\nname: n\n", "invalid skill: the frontmatter of SKILL.md has no closing line of ---");
	refuse("---", "invalid skill: the frontmatter of SKILL.md has no closing line of ---");
	refuse("---\nname: \xff\n---\n", "invalid skill: SKILL.md is not UTF-8 (byte 11): save it as UTF-8");
	struct error err;
	assert_int_equal(
	    manifest_parse((struct str){"---\nname: n\ndescription: d\n---\nbo\0dy", 35}, &m, &err), -1);
	assert_string_equal(err.message,
			    "invalid skill: SKILL.md has a NUL character: save it as UTF-8 text");
	assert_int_equal(manifest_parse((struct str){NULL, 0}, &m, &err), -1);
	parse("---  \nname: n\ndescription: d\n--- \nx"); /* blanks behind a fence */
	assert_string_equal(m.instructions, "x");
	manifest_free(&m);
}

static char *repeat(const char *before, const char *piece, size_t count, const char *after)
{
	struct buffer b = BUFFER((size_t)1 << 20);
	buffer_append_c(&b, before);
	for (size_t i = 0; i < count; i++)
		buffer_append_c(&b, piece);
	buffer_append_c(&b, after);
	return buffer_steal(&b);
}

static void bounds(void **state)
{
	(void)state;
	struct error err;
	char *text = repeat("---\nname: n\ndescription: d\nx: ", "x", 70000, "\n---\n");
	assert_int_equal(manifest_parse(str_of(text), &m, &err), -1);
	assert_string_equal(
	    err.message,
	    "invalid skill: the frontmatter of SKILL.md has 70027 bytes, at most 65536 are allowed");
	free(text);
	text = repeat("---\nname: n\ndescription: d\nx: ", "[", 31, "1");
	char *deep = repeat(text, "]", 31, "\n---\n");
	parse(deep);
	manifest_free(&m);
	free(text);
	free(deep);
	text = repeat("---\nname: n\ndescription: d\nx: ", "[", 32, "\n---\n");
	refuse(text, "invalid skill: SKILL.md line 4: nested more than 32 levels");
	free(text);
	static const char *const openings[] = {"[", "{a: ", "- ", "? "};
	for (size_t i = 0; i < 4; i++) {
		text = repeat("---\nname: n\ndescription: d\nx:\n ", openings[i], 10000, "\n---\n");
		assert_int_equal(manifest_parse(str_of(text), &m, &err), -1);
		assert_int_equal(err.code, ERR_INVALID_SKILL);
		free(text);
	}
	struct buffer keys = BUFFER(65536);
	buffer_append_c(&keys, "---\nname: n\ndescription: d\n");
	for (int i = 0; i < 6000; i++)
		buffer_appendf(&keys, "k%d: 1\n", i);
	buffer_append_c(&keys, "---\n");
	assert_int_equal(manifest_parse(buffer_str(&keys), &m, &err), -1);
	assert_string_equal(err.message,
			    "invalid skill: SKILL.md line 1002: more than 1000 keys in one mapping");
	buffer_free(&keys);
	text = repeat("---\nname: n\ndescription: d\n---\n", "0123456789abcdef", 16384, "");
	parse(text);
	assert_int_equal(strlen(m.instructions), 262144);
	manifest_free(&m);
	free(text);
	text = repeat("---\nname: n\ndescription: d\n---\n", "0123456789abcdef", 16384, "!");
	refuse(text, "invalid skill: SKILL.md: the text below the frontmatter has 262145 bytes, at most "
		     "262144 are allowed");
	free(text);
	refuse_lines("resources: {cpu: 1.00000000000000000000000000000000}",
		     "invalid skill: SKILL.md: resources.cpu has more than 32 characters");
}

/* A key too long to be kept must not make what is below it look like a key at the top. */
static void long_keys_hide_nothing(void **state)
{
	(void)state;
	char *text = repeat("---\nname: n\ndescription: d\n? ", "k", 600,
			    "\n: {a: 1, name: other, lang: ruby}\nimage: bash:5\n---\n");
	parse(text);
	assert_string_equal(m.name, "n");
	assert_string_equal(m.lang, "");
	assert_string_equal(m.image, "bash:5");
	manifest_free(&m);
	free(text);
}

static void every_prefix_is_survived(void **state)
{
	(void)state;
	const char *text = "---\nname: n\ndescription: \"d\\n\"\nmetadata: {skillbox.lang: node, x: [1, {y: "
			   "z}]}\nresources:\n"
			   "  cpu: '1'\n---\nbody";
	for (size_t n = 0; n <= strlen(text); n++) {
		char *copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, text, n);
		if (manifest_parse((struct str){copy, n}, &m, NULL) == 0)
			manifest_free(&m);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_plain_form),         cmocka_unit_test(defaults),
	    cmocka_unit_test(the_open_form),          cmocka_unit_test(values_stay_text),
	    cmocka_unit_test(null_is_no_text),        cmocka_unit_test(keys_of_other_tools),
	    cmocka_unit_test(yaml_that_is_mistaken),  cmocka_unit_test(tabs),
	    cmocka_unit_test(as_editors_write_it),    cmocka_unit_test(line_ends_of_windows),
	    cmocka_unit_test(unknown_keys_warn),      cmocka_unit_test(every_problem_is_named),
	    cmocka_unit_test(names_and_versions),     cmocka_unit_test(yaml_that_is_not_wanted),
	    cmocka_unit_test(frontmatter_is_framed),  cmocka_unit_test(bounds),
	    cmocka_unit_test(long_keys_hide_nothing), cmocka_unit_test(every_prefix_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
