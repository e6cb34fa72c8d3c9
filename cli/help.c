#include "cli/help.h"

#include "cli/parse.h"

#include <string.h>

#define COLUMN 26 /* where explanations begin */

void help_synopsis(const struct command *command, struct buffer *out)
{
	buffer_appendf(out, "skillbox %s", command->path);
	for (const struct argument_spec *a = command->arguments; a->name; a++)
		buffer_appendf(out, a->optional ? " [<%s>%s]" : " <%s>%s", a->name, a->repeated ? "…" : "");
	if (command->options[0].name)
		buffer_append_c(out, " [options]");
}

void help_option_form(const struct option_spec *option, struct buffer *out)
{
	if (option->letter)
		buffer_appendf(out, "-%c, --%s", option->letter, option->name);
	else
		buffer_appendf(out, "    --%s", option->name);
	if (option->value)
		buffer_appendf(out, " %s", option->value);
}

void help_sentence(const char *summary, struct buffer *out)
{
	size_t start = out->len;
	buffer_append_c(out, summary);
	if (out->len > start && out->data[start] >= 'a' && out->data[start] <= 'z')
		out->data[start] = (char)(out->data[start] - 'a' + 'A');
	if (out->len > start && !strchr(".?", out->data[out->len - 1]))
		buffer_append_byte(out, '.');
}

/* Pad the line that began at `start` up to the column; a longer one goes on in the next line. */
static void pad(struct buffer *out, size_t start)
{
	size_t width = 0;
	for (size_t i = start; i < out->len; i++)
		width += ((unsigned char)out->data[i] & 0xc0) != 0x80; /* characters, not bytes */
	if (width + 2 > COLUMN) {
		buffer_append_byte(out, '\n');
		width = 0;
	}
	for (; width < COLUMN; width++)
		buffer_append_byte(out, ' ');
}

static void write_options(const struct option_spec *options, struct buffer *out)
{
	for (const struct option_spec *o = options; o->name; o++) {
		size_t start = out->len;
		buffer_append_c(out, "  ");
		help_option_form(o, out);
		pad(out, start);
		buffer_appendf(out, "%s\n", o->help);
	}
}

/* Each line with two blanks before it. */
static void write_indented(const char *text, struct buffer *out)
{
	struct str rest = str_of(text), line;
	while (rest.n > 0) {
		str_split_once(rest, '\n', &line, &rest);
		buffer_appendf(out, "  %.*s\n", (int)line.n, line.p);
	}
}

static void write_command(const struct command *command, struct buffer *out)
{
	help_sentence(command->summary, out);
	buffer_append_c(out, "\n\nUsage:\n  ");
	help_synopsis(command, out);
	buffer_append_byte(out, '\n');
	if (command->alias)
		buffer_appendf(out, "  skillbox %s … is the same\n", command->alias);
	if (command->text)
		buffer_appendf(out, "\n%s\n", command->text);
	if (command->arguments[0].name)
		buffer_append_c(out, "\nArguments:\n");
	for (const struct argument_spec *a = command->arguments; a->name; a++) {
		size_t start = out->len;
		buffer_appendf(out, "  <%s>", a->name);
		pad(out, start);
		buffer_appendf(out, "%s\n", a->help);
	}
	if (command->options[0].name) {
		buffer_append_c(out, "\nOptions:\n");
		write_options(command->options, out);
	}
	if (command->example) {
		buffer_append_c(out, "\nExamples:\n");
		write_indented(command->example, out);
	}
	buffer_append_c(out, "\nEvery command takes these:\n");
	write_options(global_options, out);
}

static void write_list(struct str group, struct buffer *out)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *command = commands[i];
		struct str head, tail;
		str_split_once(str_of(command->path), ' ', &head, &tail);
		if (command->is_hidden || (group.n > 0 && !str_eq(head, group)))
			continue;
		size_t start = out->len;
		buffer_appendf(out, "  %s", command->path);
		pad(out, start);
		buffer_appendf(out, "%s\n", command->summary);
	}
}

void help_write(const char *topic, struct buffer *out)
{
	const struct command *command = topic[0] ? command_find(str_of(topic)) : NULL;
	if (command) {
		write_command(command, out);
		return;
	}
	if (topic[0])
		buffer_appendf(out, "Usage:\n  skillbox %s <command> …\n\nCommands:\n", topic);
	else
		buffer_append_c(out,
				"skillbox runs skills for AI agents, each in a sandbox of its own\n\nUsage:\n"
				"  skillbox <command> …\n\nCommands:\n");
	write_list(str_of(topic), out);
	buffer_append_c(out, "\nEvery command takes these, in any position:\n");
	write_options(global_options, out);
	buffer_append_c(out, "\nskillbox <command> --help says more of a command.\n");
}
