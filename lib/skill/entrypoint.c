#include "lib/skill/entrypoint.h"

const struct language language_list[LANGUAGE_COUNT] = {
    {"python", "python", ".py", "", "python:3.12-slim"},
    {"node", "node", ".js", ".mjs .cjs", "node:20-slim"},
    {"bash", "bash", ".sh", ".bash", "bash:5"},
};

const struct language *language_find(struct str name)
{
	for (size_t i = 0; i < LANGUAGE_COUNT; i++)
		if (str_eq(name, str_of(language_list[i].name)))
			return &language_list[i];
	return NULL;
}

static bool has_suffix(const struct language *language, struct str path)
{
	struct str more = str_of(language->more_suffixes), suffix;
	bool found = str_ends_with(path, str_of(language->suffix));
	while (!found && more.n > 0) {
		str_split_once(more, ' ', &suffix, &more);
		found = str_ends_with(path, suffix);
	}
	return found;
}

const struct language *language_of_path(struct str path)
{
	for (size_t i = 0; i < LANGUAGE_COUNT; i++)
		if (has_suffix(&language_list[i], path))
			return &language_list[i];
	return NULL;
}

const char *entrypoint_find(const struct archive_content *content, struct str lang)
{
	static const char *const order[] = {
	    "main.py",         "run.py",         "main.js",         "run.js",
	    "main.sh",         "run.sh",         "scripts/main.py", "scripts/run.py",
	    "scripts/main.js", "scripts/run.js", "scripts/main.sh", "scripts/run.sh",
	};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct str path = str_of(order[i]);
		if (lang.n && !str_eq(lang, str_of(language_of_path(path)->name)))
			continue;
		const struct archive_entry *entry = archive_find(content, path);
		if (entry)
			return entry->path;
	}
	return NULL;
}

/* The entrypoint is given by name. */
static int take_named(const struct archive_content *files, const struct language *language,
		      const char *entrypoint, struct skill_script *ret, struct problems *problems)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	struct str path = str_of(entrypoint);
	while (str_starts_with(path, STR("./")))
		path = (struct str){path.p + 2, path.n - 2};
	const struct language *by_suffix = language_of_path(path);
	const struct archive_entry *entry = files ? archive_find(files, path) : NULL;
	problems_show(path, shown);
	if (files && !entry)
		problems_add(problems, "entrypoint \"%s\" is not among the files of the skill", shown);
	else if (language && by_suffix && by_suffix != language)
		problems_add(problems,
			     "entrypoint \"%s\" is a script of lang %s, but lang is %s: change one of them",
			     shown, by_suffix->name, language->name);
	else if (!language && !by_suffix)
		problems_add(
		    problems,
		    "lang is missing, and the suffix of entrypoint \"%s\" doesn't tell it: add lang python, "
		    "node or bash",
		    shown);
	else {
		*ret = (struct skill_script){language ? language : by_suffix, entry ? entry->path : path.p};
		return 0;
	}
	return -1;
}

int skill_script_find(const struct archive_content *files, const char *lang, const char *entrypoint,
		      struct skill_script *ret, struct problems *problems)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	const struct language *language = language_find(str_of(lang));
	bool has_lang = lang && *lang;
	if (has_lang && !language) {
		problems_add(problems, "lang \"%s\" must be python, node or bash",
			     problems_show(str_of(lang), shown));
		return -1;
	}
	if (entrypoint && *entrypoint)
		return take_named(files, language, entrypoint, ret, problems);
	const char *path = files ? entrypoint_find(files, str_of(lang)) : NULL;
	if (!path && files && language) {
		problems_add(problems,
			     "no entrypoint for lang %s: there must be a main%s or run%s at the root or in "
			     "scripts/, or an "
			     "entrypoint given by name",
			     language->name, language->suffix, language->suffix);
		return -1;
	}
	*ret = (struct skill_script){path ? language_of_path(str_of(path)) : language, path ? path : ""};
	return 0;
}

bool script_has_windows_lines(struct str text, bool *ret_some)
{
	size_t lines = 0, windows = 0;
	struct str line;
	bool first = false;
	for (bool more = text.n > 0; more; lines++) {
		more = str_split_once(text, '\n', &line, &text);
		if (!more)
			break;
		bool has_cr = line.n > 0 && line.p[line.n - 1] == '\r';
		first |= has_cr && lines == 0;
		windows += has_cr;
	}
	*ret_some = windows > 0;
	return first || windows * 2 > lines;
}

void script_add_windows_lines(const char *path, struct problems *problems)
{
	char shown[PROBLEMS_SHOWN_SIZE];
	problems_show(str_of(path), shown);
	problems_add(
	    problems,
	    "%s has Windows line ends (CRLF), with which bash can't run it: convert it with dos2unix %s or "
	    "sed -i 's/\\r$//' %s",
	    shown, shown, shown);
}
