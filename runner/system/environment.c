#include "runner/system/environment.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static unsigned find(const struct environment *environment, struct str name)
{
	unsigned i = 0;
	for (; i < environment->count; i++)
		if (strncmp(environment->entries[i], name.p, name.n) == 0 &&
		    environment->entries[i][name.n] == '=')
			break;
	return i;
}

int environment_set(struct environment *environment, struct str name, struct str value, struct error *err)
{
	unsigned at = find(environment, name);
	if (at == ENVIRONMENT_MAX)
		return error_set(err, ERR_BAD_REQUEST, "more than %u environment variables", FRAME_MAX_ENV);
	char *entry = malloc(name.n + value.n + 2);
	if (!entry)
		return error_no_memory(err);
	memcpy(entry, name.p, name.n);
	entry[name.n] = '=';
	if (value.n > 0)
		memcpy(entry + name.n + 1, value.p, value.n);
	entry[name.n + 1 + value.n] = '\0';
	if (at == environment->count)
		environment->entries[++environment->count] = NULL;
	else
		free(environment->entries[at]);
	environment->entries[at] = entry;
	return 0;
}

void environment_free(struct environment *environment)
{
	for (unsigned i = 0; i < environment->count; i++)
		free(environment->entries[i]);
	*environment = (struct environment){0};
}

int environment_wipe(struct error *err)
{
	for (char **entry = environ; entry && *entry; entry++)
		explicit_bzero(*entry, strlen(*entry));
	return clearenv() == 0 ? 0 : error_errno(err, "clearenv");
}
