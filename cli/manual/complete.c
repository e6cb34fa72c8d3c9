#include "cli/commands.h"
#include "cli/config/config.h"
#include "cli/config/settings.h"
#include "cli/output/print.h"
#include "cli/parse.h"
#include "cli/remote/http.h"
#include "cli/skill/remote.h"
#include "lib/base/clock.h"
#include "lib/base/jsontext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US ((int64_t)2 * 1000000) /* somebody has pressed a key and waits */
#define TEXT_MAX ((size_t)4096)

/* The words so far, understood as far as they go. */
struct line {
	const struct command *command;
	struct str group;                         /* "skill", if no command is whole yet */
	const char *arguments[COMMAND_ARGUMENTS]; /* the first ones */
	size_t argument_count;
	const struct option_spec *waiting; /* it wants the next word as its value */
	bool only_arguments;               /* behind "--" */
};

/* ---- what is offered */

/* "value\tdescription", if it begins as the word does. prefix: "--output=", before each value. */
static void offer(struct str word, const char *prefix, struct str value, const char *description)
{
	struct str rest = word, head = str_of(prefix);
	if (!str_starts_with(rest, head))
		return;
	rest.p += head.n;
	rest.n -= head.n;
	if (value.n == 0 || !str_starts_with(value, rest) || memchr(value.p, '\n', value.n) ||
	    memchr(value.p, '\t', value.n))
		return;
	printf("%s%.*s\t", prefix, (int)value.n, value.p);
	for (const char *c = description; *c && *c != '\n'; c++)
		putchar(*c == '\t' ? ' ' : *c);
	putchar('\n');
}

static void offer_choices(struct str word, const char *prefix, const char *choices)
{
	struct str rest = str_of(choices), choice;
	while (rest.n > 0) {
		str_split_once(rest, '|', &choice, &rest);
		offer(word, prefix, choice, "");
	}
}

static void offer_contexts(struct str word, const char *prefix)
{
	cleanup_config struct config config = {0};
	if (config_load(&config, NULL) != 0)
		return;
	for (size_t i = 0; i < config.count; i++)
		offer(word, prefix, str_of(config.contexts[i].name), config.contexts[i].server);
}

/* Of a list on the server: the values of `key`, described by those of `more`. */
static void offer_items(struct str word, const char *prefix, struct str list, const char *key,
			const char *more, const char *only_name)
{
	struct str item;
	size_t position = 0;
	cleanup_buffer struct buffer last = BUFFER(TEXT_MAX);
	while (jsontext_next_element(list, &position, &item)) {
		cleanup_buffer struct buffer value = BUFFER(TEXT_MAX), about = BUFFER(TEXT_MAX),
					     name = BUFFER(TEXT_MAX);
		if (jsontext_kind_of(item) != JSONTEXT_OBJECT)
			continue;
		json_member_text(item, key, &value);
		json_member_text(item, more, &about);
		json_member_text(item, "name", &name);
		if ((only_name && !str_eq(buffer_str(&name), str_of(only_name))) ||
		    str_eq(buffer_str(&last),
			   buffer_str(&value))) /* lists are in order: versions of one skill */
			continue;
		offer(word, prefix, buffer_str(&value), about.data ? about.data : "");
		buffer_reset(&last);
		buffer_append_str(&last, buffer_str(&value));
	}
}

static void offer_from_server(const struct call *call, const struct line *line, enum complete kind,
			      struct str word, const char *prefix)
{
	static const struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	const char *path = kind == COMPLETE_EXECUTION ? "/v1/executions?limit=50"
			   : kind == COMPLETE_KEY     ? "/v1/keys"
						      : "/v1/skills";
	struct http_request request = {.method = "GET", .path = path, .is_once = true};
	struct error err;
	cleanup_http struct http *http = http_open(call, &err);
	if (!http)
		return;
	http_set_deadline(http, clock_monotonic_us(&clock_system) + PATIENCE_US);
	if (http_send(http, &request, &answer, &err) != 0 ||
	    jsontext_check(buffer_str(&answer.body), &rules, &err) != 0)
		return;
	struct str list = str_trim(buffer_str(&answer.body));
	if (kind == COMPLETE_EXECUTION &&
	    (jsontext_kind_of(list) != JSONTEXT_OBJECT || !jsontext_member(list, STR("executions"), &list)))
		return;
	if (jsontext_kind_of(list) != JSONTEXT_ARRAY)
		return;
	if (kind == COMPLETE_SKILL)
		offer_items(word, prefix, list, "name", "description", NULL);
	else if (kind == COMPLETE_VERSION)
		offer_items(word, prefix, list, "version", "uploaded_at",
			    line->argument_count > 0 ? line->arguments[0] : "");
	else if (kind == COMPLETE_EXECUTION)
		offer_items(word, prefix, list, "execution_id", "skill_name", NULL);
	else
		offer_items(word, prefix, list, "id", "name", NULL);
}

static void offer_kind(const struct call *call, const struct line *line, enum complete kind,
		       const char *choices, struct str word, const char *prefix)
{
	switch (kind) {
	case COMPLETE_FILE:
		puts(":files");
		break;
	case COMPLETE_FOLDER:
		puts(":folders");
		break;
	case COMPLETE_CHOICE:
		offer_choices(word, prefix, choices);
		break;
	case COMPLETE_CONTEXT:
		offer_contexts(word, prefix);
		break;
	case COMPLETE_NOTHING:
		break;
	default:
		offer_from_server(call, line, kind, word, prefix);
	}
}

static void offer_options(const struct option_spec *options, struct str word, bool with_equals)
{
	for (const struct option_spec *o = options; o->name; o++) {
		char name[PARSE_TOPIC_SIZE];
		snprintf(name, sizeof(name), "--%s", o->name);
		if (!with_equals)
			offer(word, "", str_of(name), o->help);
	}
}

static void offer_commands(struct str group, struct str word)
{
	struct str last = {NULL, 0};
	for (size_t i = 0; commands[i]; i++) {
		struct str head, tail;
		const struct command *command = commands[i];
		bool is_group = str_split_once(str_of(command->path), ' ', &head, &tail);
		if (command->is_hidden)
			continue;
		if (group.n > 0) {
			if (str_eq(head, group))
				offer(word, "", tail, command->summary);
			continue;
		}
		if (!str_eq(head, last))
			offer(word, "", head, is_group ? "a group of commands" : command->summary);
		if (command->alias)
			offer(word, "", str_of(command->alias), command->summary);
		last = head;
	}
}

/* ---- the words so far */

/* What was given for the server counts here, too. */
static void take_setting(const struct option_spec *option, const char *value)
{
	static const char *const pairs[][2] = {{"server", "SKILLBOX_SERVER_URL"},
					       {"api-key", "SKILLBOX_API_KEY"},
					       {"tenant", "SKILLBOX_TENANT_ID"}};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (strcmp(option->name, pairs[i][0]) == 0)
			setenv(pairs[i][1], value, 1);
}

static void read_option(struct line *line, const char *word)
{
	struct str name, value;
	const struct option_spec *option = NULL;
	bool has_value = false;
	if (word[1] == '-') {
		has_value = str_split_once(str_of(word + 2), '=', &name, &value);
		option = command_option(line->command, name);
		if (option && has_value)
			take_setting(option, word + 2 + name.n + 1);
	} else {
		for (const struct option_spec *o = line->command ? line->command->options : global_options;
		     o->name; o++)
			if (o->letter == word[1])
				option = o;
		for (const struct option_spec *o = global_options; !option && o->name; o++)
			if (o->letter == word[1])
				option = o;
		has_value = word[2] != 0;
	}
	if (option && option->kind != VALUE_NONE && !has_value)
		line->waiting = option;
}

static void read_word(struct line *line, const char *word)
{
	char path[2 * PARSE_TOPIC_SIZE];
	if (line->waiting) {
		take_setting(line->waiting, word);
		line->waiting = NULL;
		return;
	}
	if (!line->only_arguments && strcmp(word, "--") == 0 && line->command) {
		line->only_arguments = true;
		return;
	}
	if (!line->only_arguments && word[0] == '-' && word[1]) {
		read_option(line, word);
		return;
	}
	if (line->command) {
		if (line->argument_count < COMMAND_ARGUMENTS)
			line->arguments[line->argument_count] = word;
		line->argument_count++;
		return;
	}
	snprintf(path, sizeof(path), "%.*s%s%s", (int)line->group.n, line->group.p, line->group.n ? " " : "",
		 word);
	line->command = command_find(str_of(path));
	if (!line->command)
		line->group = str_of(word);
}

static const struct argument_spec *argument_at(const struct line *line)
{
	const struct argument_spec *last = NULL;
	size_t n = 0;
	for (const struct argument_spec *a = line->command->arguments; a->name; a++, n++) {
		if (n == line->argument_count)
			return a;
		last = a;
	}
	return last && last->repeated ? last : NULL;
}

static void complete(const struct call *call, const struct line *line, const char *text)
{
	struct str word = str_of(text), name, value;
	if (line->waiting) {
		offer_kind(call, line, line->waiting->complete, line->waiting->value, word, "");
		return;
	}
	if (!line->only_arguments && text[0] == '-') {
		char prefix[2 * PARSE_TOPIC_SIZE];
		bool with_equals = text[1] == '-' && str_split_once(str_of(text + 2), '=', &name, &value);
		const struct option_spec *option = with_equals ? command_option(line->command, name) : NULL;
		if (option && option->kind != VALUE_NONE) {
			snprintf(prefix, sizeof(prefix), "--%s=", option->name);
			offer_kind(call, line, option->complete, option->value, word, prefix);
		}
		if (line->command)
			offer_options(line->command->options, word, with_equals);
		offer_options(global_options, word, with_equals);
		return;
	}
	if (!line->command) {
		offer_commands(line->group, word);
		return;
	}
	const struct argument_spec *argument = argument_at(line);
	if (argument)
		offer_kind(call, line, argument->complete, argument->choices, word, "");
}

static int run(const struct call *call, struct error *err)
{
	struct line line = {0};
	size_t first = call->argument_count > 0 && strcmp(call->arguments[0], "--") == 0 ? 1 : 0;
	setenv("SKILLBOX_RETRIES", "0", 1);
	if (call->argument_count > first) {
		for (size_t i = first; i + 1 < call->argument_count; i++)
			read_word(&line, call->arguments[i]);
		complete(call, &line, call->arguments[call->argument_count - 1]);
	}
	return print_flush(err);
}

const struct command complete_command = {
    .path = "__complete",
    .summary = "what may stand for the last of these words: value, tab, description",
    .is_hidden = true,
    .takes_rest = true,
    .run = run,
};
