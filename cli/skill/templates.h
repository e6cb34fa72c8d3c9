/* The files of a new skill. */
#ifndef SKILLBOX_CLI_SKILL_TEMPLATES_H
#define SKILLBOX_CLI_SKILL_TEMPLATES_H

struct skill_template {
	const char *path; /* NULL ends the list */
	const char *text; /* @NAME@ stands for the skill's name */
};

/* lang: python, node or bash. SKILL.md is the last. */
const struct skill_template *skill_templates(const char *lang);

#endif
