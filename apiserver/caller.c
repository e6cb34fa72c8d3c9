#include "apiserver/caller.h"

#include <stdlib.h>

struct caller *caller_new(void)
{
	struct caller *caller = calloc(1, sizeof(*caller));
	if (caller)
		caller->references = 1;
	return caller;
}

struct caller *caller_ref(struct caller *caller)
{
	caller->references++;
	return caller;
}

void caller_unref(struct caller *caller)
{
	if (!caller || --caller->references > 0)
		return;
	free(caller->tenant);
	free(caller->namespace);
	free(caller->key_name);
	free(caller);
}
