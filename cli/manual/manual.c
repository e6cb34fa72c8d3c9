#include "cli/commands.h"
#include "cli/help.h"
#include "cli/manual/sections.h"
#include "cli/output/print.h"

#include <string.h>

#define MANUAL_MAX ((size_t)1 << 20)

/* ---- the manual page, in man(7) */

/* Text as roff shows it: a line that begins with a dot is none of its requests. */
static void roff(struct buffer *out, const char *text)
{
	bool at_start = out->len == 0 || out->data[out->len - 1] == '\n';
	for (const char *c = text; *c; c++) {
		if (at_start && (*c == '.' || *c == '\''))
			buffer_append_c(out, "\\&");
		if (*c == '\\')
			buffer_append_c(out, "\\e");
		else if (*c == '-')
			buffer_append_c(out, "\\-");
		else if (strncmp(c, "…", 3) == 0) {
			buffer_append_c(out, "...");
			c += 2;
		} else
			buffer_append_byte(out, *c);
		at_start = *c == '\n';
	}
}

static void roff_line(struct buffer *out, const char *request, const char *text)
{
	buffer_append_c(out, request);
	roff(out, text);
	buffer_append_byte(out, '\n');
}

/* Sentences in lines that the page fills anew; an empty one begins a paragraph. */
static void roff_paragraphs(struct buffer *out, const char *text)
{
	struct str rest = str_of(text), line;
	while (rest.n > 0) {
		str_split_once(rest, '\n', &line, &rest);
		cleanup_free char *copy = str_dup(line);
		if (!copy)
			return;
		roff_line(out, copy[0] ? "" : ".PP", copy);
	}
}

static void roff_term(struct buffer *out, const char *term, const char *text)
{
	buffer_append_c(out, ".TP\n.B ");
	roff(out, term);
	buffer_append_byte(out, '\n');
	roff_line(out, "", text);
}

static void roff_options(struct buffer *out, const struct option_spec *options)
{
	for (const struct option_spec *o = options; o->name; o++) {
		cleanup_buffer struct buffer form = BUFFER(1024);
		help_option_form(o, &form);
		roff_term(out, str_trim(buffer_str(&form)).p, o->help);
	}
}

static void roff_command(struct buffer *out, const struct command *command)
{
	cleanup_buffer struct buffer synopsis = BUFFER(1024), summary = BUFFER(1024);
	help_synopsis(command, &synopsis);
	help_sentence(command->summary, &summary);
	roff_line(out, ".SS ", synopsis.data);
	roff_paragraphs(out, summary.data);
	if (command->text)
		roff_paragraphs(out, command->text);
	if (command->alias) {
		buffer_append_c(out, ".PP\nAlso:\n.B skillbox ");
		roff_line(out, "", command->alias);
	}
	for (const struct argument_spec *a = command->arguments; a->name; a++) {
		cleanup_buffer struct buffer term = BUFFER(256);
		buffer_appendf(&term, "<%s>", a->name);
		roff_term(out, term.data, a->help);
	}
	roff_options(out, command->options);
	if (command->example) {
		buffer_append_c(out, ".PP\n.EX\n");
		roff(out, command->example);
		buffer_append_c(out, "\n.EE\n");
	}
}

static void append_upper(struct buffer *out, const char *text)
{
	for (const char *c = text; *c; c++)
		buffer_append_byte(out, *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
}

static void write_man(struct buffer *out)
{
	buffer_appendf(out, ".TH SKILLBOX 1 \"\" \"skillbox %s\" \"User Commands\"\n.SH NAME\nskillbox \\- ",
		       SKILLBOX_VERSION);
	roff_line(out, "", manual_summary);
	buffer_append_c(out, ".SH SYNOPSIS\n.B skillbox\n.I command\n[arguments] [options]\n.SH COMMANDS\n");
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->is_hidden)
			roff_command(out, commands[i]);
	buffer_append_c(out, ".SH OPTIONS\nEvery command takes these, in any position:\n");
	roff_options(out, global_options);
	for (const struct manual_section *s = manual_sections; s->title; s++) {
		buffer_append_c(out, ".SH ");
		append_upper(out, s->title);
		buffer_append_byte(out, '\n');
		if (s->text)
			roff_paragraphs(out, s->text);
		for (const struct manual_row *row = s->rows; row && row->term; row++)
			roff_term(out, row->term, row->text);
	}
}

/* ---- docs/cli.md */

/* In a cell of a table. */
static void cell(struct buffer *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '|' || *c == '<')
			buffer_append_byte(out, '\\');
		buffer_append_byte(out, *c);
	}
}

static void markdown_row(struct buffer *out, const char *term, const char *text)
{
	buffer_append_c(out, "| `");
	for (const char *c = term; *c; c++)
		buffer_append_c(out, *c == '|' ? "\\|" : (char[]){*c, 0});
	buffer_append_c(out, "` | ");
	cell(out, text);
	buffer_append_c(out, " |\n");
}

static void markdown_options(struct buffer *out, const struct option_spec *options)
{
	for (const struct option_spec *o = options; o->name; o++) {
		cleanup_buffer struct buffer form = BUFFER(1024);
		help_option_form(o, &form);
		markdown_row(out, str_trim(buffer_str(&form)).p, o->help);
	}
}

static void markdown_command(struct buffer *out, const struct command *command)
{
	cleanup_buffer struct buffer synopsis = BUFFER(1024), summary = BUFFER(1024);
	help_synopsis(command, &synopsis);
	help_sentence(command->summary, &summary);
	buffer_appendf(out, "### skillbox %s\n\n```\n%s\n```\n\n%s\n", command->path, synopsis.data,
		       summary.data);
	if (command->text)
		buffer_appendf(out, "%s\n", command->text);
	if (command->alias)
		buffer_appendf(out, "`skillbox %s` is the same.\n", command->alias);
	if (command->arguments[0].name || command->options[0].name)
		buffer_append_c(out, "\n| | |\n|---|---|\n");
	for (const struct argument_spec *a = command->arguments; a->name; a++) {
		cleanup_buffer struct buffer term = BUFFER(256);
		buffer_appendf(&term, "<%s>", a->name);
		markdown_row(out, term.data, a->help);
	}
	markdown_options(out, command->options);
	if (command->example)
		buffer_appendf(out, "\n```sh\n%s\n```\n", command->example);
	buffer_append_byte(out, '\n');
}

static void markdown_list(struct buffer *out)
{
	buffer_append_c(out, "| Command | Does |\n|---|---|\n");
	for (size_t i = 0; commands[i]; i++) {
		char anchor[256];
		size_t n = 0;
		if (commands[i]->is_hidden)
			continue;
		for (const char *c = commands[i]->path; *c && n + 1 < sizeof(anchor); c++)
			anchor[n++] = *c == ' ' ? '-' : *c;
		anchor[n] = 0;
		buffer_appendf(out, "| [`%s`](#skillbox-%s) | ", commands[i]->path, anchor);
		cell(out, commands[i]->summary);
		buffer_append_c(out, " |\n");
	}
}

static void write_markdown(struct buffer *out)
{
	buffer_appendf(out,
		       "# The command line\n\n<!-- made by `make docs` from the table of commands in cli/: "
		       "not to be edited "
		       "by hand -->\n\n`skillbox`: %s. `make cli && make install` builds and installs it "
		       "([development.md](development.md#the-command-line)); `man skillbox` and `skillbox "
		       "<command> --help` "
		       "say what is here.\n\n",
		       manual_summary);
	markdown_list(out);
	buffer_append_c(
	    out, "\n## Options of every command\n\nThey may stand in any position.\n\n| | |\n|---|---|\n");
	markdown_options(out, global_options);
	for (const struct manual_section *s = manual_sections; s->title; s++) {
		buffer_appendf(out, "\n## %s\n\n", s->title);
		if (s->text)
			buffer_appendf(out, "%s\n", s->text);
		if (s->rows)
			buffer_appendf(out, "%s| | |\n|---|---|\n", s->text ? "\n" : "");
		for (const struct manual_row *row = s->rows; row && row->term; row++)
			markdown_row(out, row->term, row->text);
	}
	buffer_append_c(out, "\n## Commands\n\n");
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->is_hidden)
			markdown_command(out, commands[i]);
	out->len--; /* of two line ends */
}

static int run(const struct call *call, struct error *err)
{
	cleanup_buffer struct buffer out = BUFFER(MANUAL_MAX);
	if (strcmp(call_argument(call, 0), "man") == 0)
		write_man(&out);
	else
		write_markdown(&out);
	if (buffer_check(&out, "the manual", err) != 0 || print_bytes(buffer_str(&out), err) != 0)
		return COMMAND_ERROR;
	return print_flush(err);
}

const struct command manual_command = {
    .path = "__manual",
    .summary = "the manual page, or docs/cli.md",
    .arguments = {{"form", "man or markdown", .complete = COMPLETE_CHOICE, .choices = "man|markdown"}},
    .is_hidden = true,
    .run = run,
};
