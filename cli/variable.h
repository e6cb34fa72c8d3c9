/* A variable that a script is given. */
#ifndef SKILLBOX_CLI_VARIABLE_H
#define SKILLBOX_CLI_VARIABLE_H

struct variable {
	char *name, *value;
};

#endif
