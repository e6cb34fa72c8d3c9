/* What the manual page and docs/cli.md say besides the commands. */
#ifndef SKILLBOX_CLI_MANUAL_SECTIONS_H
#define SKILLBOX_CLI_MANUAL_SECTIONS_H

struct manual_row {
	const char *term, *text; /* text in sentences, without marks */
};

struct manual_section {
	const char *title;             /* "Exit status"; NULL ends the list */
	const char *text;              /* paragraphs between empty lines; NULL: none */
	const struct manual_row *rows; /* up to one without a term; NULL: none */
};

extern const char *const manual_summary; /* one line */
extern const struct manual_section manual_sections[];

#endif
