/* Languages, and which of a skill's files is its script. */
#ifndef SKILLBOX_SKILL_ENTRYPOINT_H
#define SKILLBOX_SKILL_ENTRYPOINT_H

#include "lib/skill/archive.h"

struct language {
	const char *name;          /* "python" */
	const char *interpreter;   /* program in the image: "python" */
	const char *suffix;        /* ".py": of main and run */
	const char *more_suffixes; /* that an entrypoint given by name may have, separated by blanks */
	const char *default_image; /* "python:3.12-slim" */
};
#define LANGUAGE_COUNT 3
/* All of them, in no order that matters. */
extern const struct language language_list[LANGUAGE_COUNT];
const struct language *language_find(struct str name); /* NULL if unknown */
const struct language *language_of_path(struct str path);

/* The contract's search order; path in the archive, or NULL. lang "" : any language. */
const char *entrypoint_find(const struct archive_content *content, struct str lang);

struct skill_script {
	/* NULL: there is none (an instruction skill), or only the files tell. */
	const struct language *language;
	/* Of that entry of the files, or as it was given; "": none, or only the files tell. */
	const char *path;
};

/* The script of a skill that says `lang` and `entrypoint` ("": it doesn't). files: NULL if they are not at
 * hand. -1: what it says can't be, with problems. */
int skill_script_find(const struct archive_content *files, const char *lang, const char *entrypoint,
		      struct skill_script *ret, struct problems *problems);

/* Bash takes the CR of Windows' line ends for a part of each command. Does the script have them throughout?
 * *ret_some: in some lines at least. */
bool script_has_windows_lines(struct str text, bool *ret_some);
/* The problem, and what to do. */
void script_add_windows_lines(const char *path, struct problems *problems);

#endif
