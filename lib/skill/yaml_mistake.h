/* What libyaml couldn't read, in words that help: where it is and how to mend it. */
#ifndef SKILLBOX_SKILL_YAML_MISTAKE_H
#define SKILLBOX_SKILL_YAML_MISTAKE_H

#include "lib/skill/problems.h"

#include <stdbool.h>
#include <yaml.h>

/* parser: after it failed on `text`, whose first line is `first_line` of SKILL.md. */
void yaml_mistake_tell(const yaml_parser_t *parser, struct str text, size_t first_line,
		       struct problems *problems);

/* Cut off the first line, without its end; lines end as libyaml counts them: with LF, CR LF or CR. */
struct str yaml_next_line(struct str *rest);

/* Is there a tab among the blanks that the line begins with, and something behind them? */
bool yaml_line_is_indented_by_tab(struct str line);

#endif
