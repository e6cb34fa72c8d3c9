#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/parse.h"

#include <string.h>

#define WORDS_MAX 32

/* A line, taken apart at blanks. */
static enum parse_result parse(const char *line, struct call *ret, char topic[PARSE_TOPIC_SIZE],
			       struct error *err)
{
	static char text[1024];
	static char *words[WORDS_MAX + 1];
	int count = 0;
	snprintf(text, sizeof(text), "%s", line);
	for (char *at = text; *at;) {
		words[count++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = 0;
	}
	words[count] = NULL;
	return parse_command_line(count, words, ret, topic, err);
}

static void test_results(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		enum parse_result result;
		const char *topic;
	} rows[] = {
	    {"skillbox", PARSE_NOTHING, ""},
	    {"skillbox skill", PARSE_NOTHING, "skill"},
	    {"skillbox --version", PARSE_VERSION, ""},
	    {"skillbox -s http://x --version", PARSE_VERSION, ""},
	    {"skillbox --help", PARSE_HELP, ""},
	    {"skillbox help", PARSE_HELP, ""},
	    {"skillbox help skill push", PARSE_HELP, "skill push"},
	    {"skillbox help wibble", PARSE_WRONG, ""},
	    {"skillbox skill push -h", PARSE_HELP, "skill push"},
	    {"skillbox skill -h push x", PARSE_HELP, "skill push"},
	    {"skillbox push x", PARSE_CALL, "skill push"},
	    {"skillbox skill push x", PARSE_CALL, "skill push"},
	    {"skillbox skill push", PARSE_WRONG, "skill push"},
	    {"skillbox skill push x y", PARSE_WRONG, "skill push"},
	    {"skillbox skill wibble", PARSE_WRONG, "skill"},
	    {"skillbox run --version 1 x", PARSE_CALL, "run"},
	    {"skillbox -", PARSE_WRONG, ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct call call;
		struct error err = {0};
		char topic[PARSE_TOPIC_SIZE];
		enum parse_result result = parse(rows[i].line, &call, topic, &err);
		if (result != rows[i].result || strcmp(topic, rows[i].topic) != 0)
			fail_msg("%s: %d '%s' %s", rows[i].line, (int)result, topic, err.message);
		call_free(&call);
	}
}

static void test_values(void **state)
{
	(void)state;
	struct call call;
	struct error err = {0};
	char topic[PARSE_TOPIC_SIZE];
	assert_int_equal(
	    parse("skillbox -o json run -e A=1 name --env=B=2 -f --input - --timeout 1s --timeout 2s -- -x",
		  &call, topic, &err),
	    PARSE_WRONG); /* -x is one argument too many */
	call_free(&call);
	assert_int_equal(
	    parse("skillbox -o json run -e A=1 name --env=B=2 -f --input - --timeout 1s --timeout 2s", &call,
		  topic, &err),
	    PARSE_CALL);
	assert_string_equal(call_argument(&call, 0), "name");
	assert_null(call_argument(&call, 1));
	assert_string_equal(call_texts(&call, "env", 0), "A=1");
	assert_string_equal(call_texts(&call, "env", 1), "B=2");
	assert_null(call_texts(&call, "env", 2));
	assert_string_equal(call_text(&call, "timeout"), "2s");
	assert_string_equal(call_text(&call, "input"), "-");
	assert_string_equal(call_text(&call, "output"), "json");
	assert_null(call_text(&call, "server"));
	assert_true(call_flag(&call, "follow"));
	assert_false(call_flag(&call, "async"));
	call_free(&call);
}

/* What getopt and the help rely on, of every row. */
static void test_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];
		bool was_optional = false;
		assert_ptr_equal(command_find(str_of(command->path)), command);
		assert_non_null(command->run);
		assert_true(strlen(command->path) < PARSE_TOPIC_SIZE);
		for (const struct argument_spec *a = command->arguments; a->name; a++) {
			assert_true(!was_optional || a->optional);
			assert_true(!a->repeated || !a[1].name);
			assert_true((a->complete == COMPLETE_CHOICE) == (a->choices != NULL));
			was_optional = a->optional;
		}
		for (const struct option_spec *o = command->options; o->name; o++) {
			assert_non_null(o->help);
			assert_true((o->kind == VALUE_NONE) == (o->value == NULL));
			for (const struct option_spec *p = o + 1; p->name; p++) {
				assert_string_not_equal(o->name, p->name);
				assert_true(!o->letter || o->letter != p->letter);
			}
			for (const struct option_spec *p = global_options; p->name; p++) {
				assert_string_not_equal(o->name, p->name);
				assert_true(!o->letter || o->letter != p->letter);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_results),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
