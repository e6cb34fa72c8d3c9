#include "cli/parse.h"

#include "lib/base/nearest.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 4096 /* of a command line */
#define NAMES_MAX 128  /* that a guess is made from */
#define LONG_CODE 256  /* getopt's code of the n-th option is LONG_CODE + n, so that no letter is one */

struct call_value {
	const struct option_spec *spec;
	const char *text; /* NULL of a flag */
};

int call_usage(struct error *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char message[sizeof(err->message)];
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	error_set(err, ERR_BAD_REQUEST, "%s", message);
	return COMMAND_USAGE;
}

/* ---- what is in the table */

const struct command *command_find(struct str path)
{
	for (size_t i = 0; commands[i]; i++)
		if (str_eq(path, str_of(commands[i]->path)) ||
		    (commands[i]->alias && str_eq(path, str_of(commands[i]->alias))))
			return commands[i];
	return NULL;
}

/* The first word of a path. */
static struct str first_word(const char *path)
{
	struct str head, tail;
	str_split_once(str_of(path), ' ', &head, &tail);
	return head;
}

bool command_is_group(struct str word)
{
	if (command_find(word))
		return false;
	for (size_t i = 0; commands[i]; i++)
		if (str_eq(word, first_word(commands[i]->path)))
			return true;
	return false;
}

const struct option_spec *command_option(const struct command *command, struct str name)
{
	for (const struct option_spec *o = command ? command->options : NULL; o && o->name; o++)
		if (str_eq(name, str_of(o->name)))
			return o;
	for (const struct option_spec *o = global_options; o->name; o++)
		if (str_eq(name, str_of(o->name)))
			return o;
	return NULL;
}

static const struct option_spec *option_of_letter(const struct command *command, int letter)
{
	for (const struct option_spec *o = command ? command->options : NULL; o && o->name; o++)
		if (o->letter == letter)
			return o;
	for (const struct option_spec *o = global_options; o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* ---- guesses */

/* The words that may stand behind `group` ("": at the beginning). */
static size_t words_behind(struct str group, char (*store)[PARSE_TOPIC_SIZE], const char **names)
{
	size_t count = 0;
	for (size_t i = 0; commands[i] && count + 2 < NAMES_MAX; i++) {
		struct str head, tail;
		if (commands[i]->is_hidden)
			continue;
		str_split_once(str_of(commands[i]->path), ' ', &head, &tail);
		struct str word = group.n == 0 ? head : str_eq(head, group) ? tail : (struct str){NULL, 0};
		if (word.n == 0)
			continue;
		snprintf(store[count], PARSE_TOPIC_SIZE, "%.*s", (int)word.n, word.p);
		names[count] = store[count];
		count++;
		if (group.n == 0 && commands[i]->alias)
			names[count++] = commands[i]->alias;
	}
	return count;
}

/* The path of a command whose second word it is, or nearly: `skillbox list` for `skillbox skill list`. */
static const char *path_by_second_word(const char *word)
{
	const char *names[NAMES_MAX], *paths[NAMES_MAX];
	size_t count = 0;
	for (size_t i = 0; commands[i] && count < NAMES_MAX; i++) {
		const char *blank = strchr(commands[i]->path, ' ');
		if (!blank || commands[i]->is_hidden)
			continue;
		names[count] = blank + 1;
		paths[count++] = commands[i]->path;
	}
	const char *near = nearest_name(str_of(word), names, count);
	for (size_t i = 0; near && i < count; i++)
		if (names[i] == near)
			return paths[i];
	return NULL;
}

static void unknown_command(struct str group, const char *word, struct error *err)
{
	char store[NAMES_MAX][PARSE_TOPIC_SIZE];
	const char *names[NAMES_MAX];
	size_t count = words_behind(group, store, names);
	const char *near = nearest_name(str_of(word), names, count);
	const char *path = group.n == 0 ? path_by_second_word(word) : NULL;
	if (path && (!near || strcmp(strchr(path, ' ') + 1, word) == 0))
		near = path;
	if (near)
		error_set(err, ERR_BAD_REQUEST, "unknown command '%s': did you mean '%s'?", word, near);
	else if (group.n > 0)
		error_set(err, ERR_BAD_REQUEST, "unknown command '%.*s %s'", (int)group.n, group.p, word);
	else
		error_set(err, ERR_BAD_REQUEST, "unknown command '%s'", word);
}

static void unknown_option(const struct command *command, const char *word, struct error *err)
{
	const char *names[NAMES_MAX];
	size_t count = 0, matches = 0;
	struct str name, value;
	str_split_once(str_of(word + 2), '=', &name, &value);
	for (const struct option_spec *o = command ? command->options : NULL; o && o->name; o++)
		names[count++] = o->name;
	for (const struct option_spec *o = global_options; o->name && count < NAMES_MAX; o++)
		names[count++] = o->name;
	for (size_t i = 0; i < count; i++)
		matches += str_starts_with(str_of(names[i]), name);
	const char *near = nearest_name(name, names, count);
	if (matches > 1)
		error_set(err, ERR_BAD_REQUEST, "option '--%.*s' may mean several: write it out", (int)name.n,
			  name.p);
	else if (near)
		error_set(err, ERR_BAD_REQUEST, "unknown option '--%.*s': did you mean '--%s'?", (int)name.n,
			  name.p, near);
	else
		error_set(err, ERR_BAD_REQUEST, "unknown option '--%.*s'", (int)name.n, name.p);
}

/* ---- which command: its words may have global options between them */

struct finding {
	const struct command *command;
	char topic[PARSE_TOPIC_SIZE];
	int words[2], word_count; /* their places in argv */
	bool asks_help, asks_version, is_wrong;
};

/* A global option at argv[i], before the command is known: how many words it takes; 0: it is none. */
static int skip_global(int argc, char **argv, int i, struct finding *found, struct error *err)
{
	const char *word = argv[i];
	const struct option_spec *spec;
	bool has_value;
	if (word[1] == '-') {
		struct str name, value;
		has_value = str_split_once(str_of(word + 2), '=', &name, &value);
		spec = command_option(NULL, name);
		found->asks_version |= str_eq(name, STR("version"));
		if (!spec && !found->asks_version)
			unknown_option(NULL, word, err);
	} else {
		spec = option_of_letter(NULL, word[1]);
		has_value = word[1] && word[2];
		if (!spec)
			error_set(err, ERR_BAD_REQUEST, "unknown option '-%c'", word[1]);
	}
	if (found->asks_version)
		return 1;
	if (!spec)
		return 0;
	found->asks_help |= strcmp(spec->name, "help") == 0;
	if (spec->kind == VALUE_NONE || has_value)
		return 1;
	if (i + 1 < argc)
		return 2;
	error_set(err, ERR_BAD_REQUEST, "option '%s' needs a value: %s", word, spec->value);
	return 0;
}

static void take_word(struct finding *found, char **argv, int i, struct error *err)
{
	const char *word = argv[i];
	struct str group = str_of(found->topic);
	char path[2 * PARSE_TOPIC_SIZE];
	snprintf(path, sizeof(path), "%s%s%s", found->topic, group.n ? " " : "", word);
	const struct command *command = command_find(str_of(path));
	if (!command && (group.n || !command_is_group(str_of(word)))) {
		unknown_command(group, word, err);
		found->is_wrong = true;
		return;
	}
	found->command = command;
	snprintf(found->topic, sizeof(found->topic), "%s", command ? command->path : word);
	found->words[found->word_count++] = i;
}

static void find_command(int argc, char **argv, struct finding *found, struct error *err)
{
	for (int i = 1; i < argc && !found->command && !found->is_wrong && !found->asks_version;) {
		if (argv[i][0] == '-' && argv[i][1]) {
			int taken = skip_global(argc, argv, i, found, err);
			found->is_wrong = taken == 0;
			i += taken;
			continue;
		}
		take_word(found, argv, i, err);
		i++;
	}
}

/* ---- its options and arguments */

static bool choice_is(const char *choices, struct str given)
{
	struct str rest = str_of(choices), choice;
	while (rest.n > 0) {
		str_split_once(rest, '|', &choice, &rest);
		if (str_eq(choice, given))
			return true;
	}
	return false;
}

static int check_choice(const char *what, const char *choices, const char *given, struct error *err)
{
	const char *names[NAMES_MAX];
	char store[NAMES_MAX][PARSE_TOPIC_SIZE];
	size_t count = 0;
	struct str rest = str_of(choices), choice;
	if (choice_is(choices, str_of(given)))
		return 0;
	while (rest.n > 0 && count < NAMES_MAX) {
		str_split_once(rest, '|', &choice, &rest);
		snprintf(store[count], PARSE_TOPIC_SIZE, "%.*s", (int)choice.n, choice.p);
		names[count] = store[count];
		count++;
	}
	const char *near = nearest_name(str_of(given), names, count);
	if (near)
		return error_set(err, ERR_BAD_REQUEST, "%s is '%s': did you mean '%s'? (%s)", what, given,
				 near, choices);
	return error_set(err, ERR_BAD_REQUEST, "%s is '%s', and must be one of %s", what, given, choices);
}

/* getopt's tables: long options with codes from LONG_CODE on, and letters. */
struct tables {
	const struct option_spec *specs[NAMES_MAX];
	struct option longs[NAMES_MAX + 1];
	char letters[2 * NAMES_MAX + 3];
	size_t count;
};

static void add_options(struct tables *t, const struct option_spec *options)
{
	for (const struct option_spec *o = options; o->name && t->count < NAMES_MAX; o++) {
		bool known = false;
		for (size_t i = 0; i < t->count; i++)
			known |= strcmp(t->specs[i]->name, o->name) == 0;
		if (known)
			continue;
		t->longs[t->count] =
		    (struct option){o->name, o->kind == VALUE_NONE ? no_argument : required_argument, NULL,
				    LONG_CODE + (int)t->count};
		t->specs[t->count++] = o;
		if (o->letter) {
			size_t n = strlen(t->letters);
			snprintf(t->letters + n, sizeof(t->letters) - n, "%c%s", o->letter,
				 o->kind == VALUE_NONE ? "" : ":");
		}
	}
}

static const struct option_spec *spec_of(const struct tables *t, int code)
{
	if (code >= LONG_CODE)
		return t->specs[code - LONG_CODE];
	for (size_t i = 0; i < t->count; i++)
		if (t->specs[i]->letter == code)
			return t->specs[i];
	return NULL;
}

static int add_value(struct call *call, const struct option_spec *spec, const char *text, struct error *err)
{
	if (spec->complete == COMPLETE_CHOICE) {
		char what[PARSE_TOPIC_SIZE];
		snprintf(what, sizeof(what), "--%s", spec->name);
		if (check_choice(what, spec->value, text, err) != 0)
			return -1;
	}
	call->values[call->value_count++] = (struct call_value){spec, text};
	return 0;
}

/* words: of the command line, without the command's own, from 1 on. */
static int read_words(struct call *call, int count, char **words, bool *ret_help, struct error *err)
{
	struct tables t = {
	    .letters = "-:"}; /* in order, whatever POSIXLY_CORRECT says; ':' tells of missing values */
	add_options(&t, call->command->options);
	add_options(&t, global_options);
	opterr = 0;
	optind = 0; /* anew, with all that it remembers: in every getopt_long */
	for (int code; (code = getopt_long(count, words, t.letters, t.longs, NULL)) != -1;) {
		if (code == 1) {
			call->arguments[call->argument_count++] = optarg;
			continue;
		}
		if (code == '?' || code == ':') {
			const char *word = words[optind - 1];
			const struct option_spec *spec = optopt ? spec_of(&t, optopt) : NULL;
			if (code == ':' && spec)
				return error_set(err, ERR_BAD_REQUEST, "option '--%s' needs a value: %s",
						 spec->name, spec->value);
			if (spec)
				return error_set(err, ERR_BAD_REQUEST, "option '--%s' takes no value",
						 spec->name);
			if (optopt)
				return error_set(err, ERR_BAD_REQUEST, "unknown option '-%c'", optopt);
			unknown_option(call->command, word, err);
			return -1;
		}
		const struct option_spec *spec = spec_of(&t, code);
		*ret_help |= strcmp(spec->name, "help") == 0;
		if (add_value(call, spec, optarg, err) != 0)
			return -1;
	}
	while (optind < count) /* behind "--" */
		call->arguments[call->argument_count++] = words[optind++];
	return 0;
}

static int check_arguments(const struct call *call, struct error *err)
{
	const struct command *command = call->command;
	size_t n = 0;
	for (; command->arguments[n].name; n++) {
		const struct argument_spec *spec = &command->arguments[n];
		if (n >= call->argument_count && !spec->optional)
			return error_set(err, ERR_BAD_REQUEST, "%s is missing: %s", spec->name, spec->help);
		if (n < call->argument_count && spec->choices &&
		    check_choice(spec->name, spec->choices, call->arguments[n], err) != 0)
			return -1;
		if (n < call->argument_count && !call->arguments[n][0])
			return error_set(err, ERR_BAD_REQUEST, "%s is empty: %s", spec->name, spec->help);
	}
	bool takes_more = n > 0 && command->arguments[n - 1].repeated;
	if (call->argument_count > n && !takes_more && !command->takes_rest)
		return error_set(err, ERR_BAD_REQUEST, "'%s' is one argument too many", call->arguments[n]);
	return 0;
}

static enum parse_result parse_call(int argc, char **argv, const struct finding *found, struct call *ret,
				    struct error *err)
{
	cleanup_free char **words = calloc((size_t)argc + 1, sizeof(*words));
	bool asks_help = false;
	int count = 0;
	*ret = (struct call){.command = found->command};
	ret->arguments = calloc((size_t)argc + 1, sizeof(*ret->arguments));
	ret->values = calloc((size_t)argc + 1, sizeof(*ret->values));
	if (!words || !ret->arguments || !ret->values)
		return error_no_memory(err), PARSE_WRONG;
	for (int i = 0; i < argc; i++) {
		if (found->command->takes_rest && i > found->words[found->word_count - 1])
			ret->arguments[ret->argument_count++] = argv[i];
		else if (i != found->words[0] && (found->word_count < 2 || i != found->words[1]))
			words[count++] = argv[i];
	}
	if (read_words(ret, count, words, &asks_help, err) != 0)
		return PARSE_WRONG;
	if (asks_help)
		return PARSE_HELP;
	return check_arguments(ret, err) == 0 ? PARSE_CALL : PARSE_WRONG;
}

/* `skillbox help skill push` */
static bool take_help_words(int argc, char **argv, struct finding *found, struct error *err)
{
	if (argc < 2 || strcmp(argv[1], "help") != 0)
		return false;
	find_command(argc - 1, argv + 1, found, err);
	found->asks_help = true;
	return true;
}

enum parse_result parse_command_line(int argc, char **argv, struct call *ret,
				     char ret_topic[PARSE_TOPIC_SIZE], struct error *err)
{
	struct finding found = {0};
	*ret = (struct call){0};
	ret_topic[0] = 0;
	if (argc > WORDS_MAX)
		return error_set(err, ERR_BAD_REQUEST, "the command line has more than %d words", WORDS_MAX),
		       PARSE_WRONG;
	if (!take_help_words(argc, argv, &found, err))
		find_command(argc, argv, &found, err);
	snprintf(ret_topic, PARSE_TOPIC_SIZE, "%s", found.topic);
	if (found.is_wrong)
		return PARSE_WRONG;
	if (found.asks_version)
		return PARSE_VERSION;
	if (found.asks_help)
		return PARSE_HELP;
	if (!found.command)
		return PARSE_NOTHING;
	return parse_call(argc, argv, &found, ret, err);
}

/* ---- what a command asks of its call */

void call_free(struct call *call)
{
	free(call->arguments);
	free(call->values);
	*call = (struct call){0};
}

const char *call_argument(const struct call *call, size_t n)
{
	return n < call->argument_count ? call->arguments[n] : NULL;
}

static const char *value_at(const struct call *call, const char *name, size_t n, bool want_last,
			    size_t *ret_count)
{
	const char *found = NULL;
	size_t count = 0;
	if (!command_option(call->command, str_of(name))) {
		fprintf(stderr, "skillbox: the table of '%s' has no option '%s'\n", call->command->path,
			name);
		abort();
	}
	for (size_t i = 0; i < call->value_count; i++) {
		if (strcmp(call->values[i].spec->name, name) != 0)
			continue;
		if (want_last || count == n)
			found = call->values[i].text;
		count++;
	}
	*ret_count = count;
	return found;
}

bool call_flag(const struct call *call, const char *name)
{
	size_t count;
	value_at(call, name, 0, true, &count);
	return count > 0;
}

const char *call_text(const struct call *call, const char *name)
{
	size_t count;
	return value_at(call, name, 0, true, &count);
}

const char *call_texts(const struct call *call, const char *name, size_t n)
{
	size_t count;
	return value_at(call, name, n, false, &count);
}
