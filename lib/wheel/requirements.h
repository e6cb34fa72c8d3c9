/* pip's requirements files (pip.pypa.io, "Requirements File Format"), as far as they can be judged without
 * pip: requirement after requirement, with what is plain about it. */
#ifndef SKILLBOX_WHEEL_REQUIREMENTS_H
#define SKILLBOX_WHEEL_REQUIREMENTS_H

#include "lib/base/str.h"

#include <stdbool.h>

enum requirement_kind {
	/* A package with perhaps extras and versions: what can be compared with wheels. */
	REQUIREMENT_PLAIN,
	/* One with a marker ("; python_version < …"), a URL or a path, an editable one (-e), or all of
	 * another file
	 * (-r): only pip can tell what it comes to. */
	REQUIREMENT_OTHER,
	/* A line that asks for nothing, such as --index-url or -c. */
	REQUIREMENT_OPTION
};

/* All of it points into the text. */
struct requirement {
	enum requirement_kind kind;
	struct str text;    /* all of it, from its first to its last character, comments left out */
	struct str name;    /* plain only: as it is written, without extras */
	struct str version; /* plain only: of "==VERSION" alone; empty with any other condition, or none */
	struct str options; /* what stands behind it: "--hash=sha256:…" */
};

/* The next one; *text moves behind it. False at the end. Lines may go on behind a backslash; comments and
 * blank lines are passed over. */
bool requirements_next(struct str *text, struct requirement *ret);
/* The next hash of a requirement's options that is a SHA-256, in lower-case hex as pip writes it; *options
 * moves behind it. */
bool requirements_next_sha256(struct str *options, struct str *ret);
/* Does it ask for anything, so that somebody must bring packages? */
bool requirements_are_wanted(struct str text);

#endif
