/* What a skill's folder says that it needs, brought into its archive: wheels of requirements.txt, by pip;
 * node_modules of package.json, by npm. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_GATHER_H
#define SKILLBOX_CLI_DEPENDENCIES_GATHER_H

#include "cli/command.h"
#include "cli/files/folder.h"
#include "cli/remote/http.h"

/* Of the commands that push or package. */
#define GATHER_OPTIONS                                                                                       \
	{"no-deps", 0, VALUE_NONE, NULL, "leave out the packages that it asks for", COMPLETE_NOTHING},       \
	    {"python",                                                                                       \
	     0,                                                                                              \
	     VALUE_TEXT,                                                                                     \
	     "TARGET",                                                                                       \
	     "for which Python they are: cp312-manylinux_2_36_x86_64, or 3.12; else the server is asked",    \
	     COMPLETE_NOTHING},                                                                              \
	{                                                                                                    \
		"relock", 0, VALUE_NONE, NULL, "make requirements.lock anew", COMPLETE_NOTHING               \
	}

/* Which packages fit this machine's interpreter, "python" or "node": "cp311-manylinux_2_36_x86_64", or
 * Node.js's names of CPU and C library, "x64 glibc". */
#define GATHER_HERE_SIZE 64
typedef int gather_here_fn(const char *interpreter, char ret[GATHER_HERE_SIZE], struct error *err);

struct gather {
	const struct call *call;
	struct http *http; /* the server; NULL: it is asked only if it must be */
	/* For a run on this machine: it is asked instead of a server, and a lock that is for another Python
	 * stays as it is. NULL: they are for a server. */
	gather_here_fn *here;
	bool is_again; /* what there is to say of a lock that stays was said before */
};

/* What was gathered is among the folder's files afterwards. 0, -1, COMMAND_USAGE or COMMAND_INTERRUPTED. */
int gather_packages(struct folder *folder, const struct gather *gather, struct error *err);

/* What would be gathered: append a line, "requirements.txt: …"; nothing, if there is nothing. */
int gather_describe(const struct folder *folder, struct buffer *out, struct error *err);

#endif
