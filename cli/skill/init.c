#include "cli/commands.h"
#include "cli/files/whole_file.h"
#include "cli/output/print.h"
#include "cli/skill/templates.h"
#include "lib/policy/names.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* Names of the open Agent Skills form, so that the skill is one there, too. */
#define NAME_MAX_BYTES 64

static bool is_open_name(struct str name)
{
	bool after_dash = true; /* none at the beginning, none twice */
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (c == '-' ? after_dash : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
			return false;
		after_dash = c == '-';
	}
	return name.n > 0 && name.n <= NAME_MAX_BYTES && !after_dash;
}

/* The folder's own name, also of "." and "x/". */
static int find_name(const char *folder, const char *given, struct buffer *ret, struct error *err)
{
	char real[PATH_MAX];
	struct str name = str_of(given);
	if (!given) {
		bool is_there = realpath(folder, real) != NULL;
		name = str_of(is_there ? real : folder);
		while (name.n > 1 && name.p[name.n - 1] == '/')
			name.n--;
		for (size_t i = name.n; i > 0; i--)
			if (name.p[i - 1] == '/') {
				name = (struct str){name.p + i, name.n - i};
				break;
			}
	}
	if (!is_open_name(name))
		return call_usage(
		    err,
		    "'%.*s' is no name for a skill: it must be lower-case letters, digits and single "
		    "dashes between them, at most %d; give another folder, or --name",
		    (int)name.n, name.p, NAME_MAX_BYTES);
	buffer_append_str(ret, name);
	return buffer_check(ret, "the name", err);
}

/* There is nothing that could be overwritten: no such folder, or an empty one. */
static int check_empty(const char *folder, struct error *err)
{
	cleanup_closedir DIR *stream = opendir(folder);
	if (!stream && errno == ENOENT)
		return 0;
	if (!stream)
		return error_errno(err, "can't read the folder %s", folder);
	for (struct dirent *entry; (entry = readdir(stream));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return error_set(err, ERR_CONFLICT,
					 "%s has files already: give a folder that is new or empty", folder);
	return 0;
}

/* A template with NAME in the place of @NAME@. */
static int write_template(const char *folder, const struct skill_template *template, const char *name,
			  struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX), text = BUFFER(65536);
	struct str rest = str_of(template->text);
	while (rest.n > 0) {
		if (str_starts_with(rest, STR("@NAME@"))) {
			buffer_append_c(&text, name);
			rest = (struct str){rest.p + 6, rest.n - 6};
		} else {
			buffer_append_byte(&text, *rest.p);
			rest = (struct str){rest.p + 1, rest.n - 1};
		}
	}
	buffer_appendf(&path, "%s/%s", folder, template->path);
	if (buffer_check(&path, "a path", err) != 0 || buffer_check(&text, "a file", err) != 0)
		return -1;
	return whole_file_write(path.data, buffer_str(&text), 0644, err);
}

static int run(const struct call *call, struct error *err)
{
	const char *folder = call_argument(call, 0), *lang = call_text(call, "lang");
	cleanup_buffer struct buffer name = BUFFER(SKILL_NAME_MAX);
	int status = find_name(folder, call_text(call, "name"), &name, err);
	if (status != 0)
		return status;
	if (check_empty(folder, err) != 0)
		return COMMAND_ERROR;
	/* SKILL.md is the last: a folder that has it is a whole skill. */
	for (const struct skill_template *t = skill_templates(lang ? lang : "python"); t->path; t++)
		if (write_template(folder, t, name.data, err) != 0)
			return COMMAND_ERROR;
	if (print_text(err, "Made skill \"%s\" in %s", name.data, folder) != 0)
		return COMMAND_ERROR;
	fprintf(stderr, "Next:\n  skillbox push %s\n  skillbox run %s --input '{\"name\": \"World\"}'\n",
		folder, name.data);
	return print_flush(err);
}

const struct command skill_init_command = {
    .path = "skill init",
    .alias = "init",
    .summary = "make a new skill that runs",
    .text = "SKILL.md, a script, the schemas of its input and output, and a case for 'skillbox test'.",
    .example = "skillbox init greet\n"
	       "skillbox init tools/resize --lang node",
    .arguments = {{"folder", "a new or empty folder; its name is the skill's", .complete = COMPLETE_FOLDER}},
    .options = {{"lang", 0, VALUE_TEXT, "python|node|bash", "the language of its script (python)",
		 COMPLETE_CHOICE},
		{"name", 0, VALUE_TEXT, "NAME", "the skill's name, where the folder has another",
		 COMPLETE_NOTHING}},
    .run = run,
};
