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

struct gather {
	const struct call *call;
	struct http *http; /* the server; NULL: it is asked only if it must be */
};

/* What was gathered is among the folder's files afterwards. 0, -1, COMMAND_USAGE or COMMAND_INTERRUPTED. */
int gather_packages(struct folder *folder, const struct gather *gather, struct error *err);

/* With --local nothing is gathered, so that these options make no sense. 0 or COMMAND_USAGE. */
int gather_check_local(const struct call *call, struct error *err);

/* What would be gathered: append a line, "requirements.txt: …"; nothing, if there is nothing. */
int gather_describe(const struct folder *folder, struct buffer *out, struct error *err);

#endif
