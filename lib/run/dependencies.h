/* What a skill depends on: the wheels in its archive, unpacked into a package set and taken out of the
 * archive, so that versions with the same wheels share one set. Blocking and CPU-bound: on a server for the
 * thread pool. */
#ifndef SKILLBOX_RUN_DEPENDENCIES_H
#define SKILLBOX_RUN_DEPENDENCIES_H

#include "lib/base/digest.h"
#include "lib/base/error.h"
#include "lib/policy/policy.h"
#include "lib/skill/problems.h"
#include "lib/skill/skill_package.h"

#include <stdbool.h>
#include <stdint.h>

struct dependencies {
	/* Of wheels/sha256sums; "": it has no wheels, and no list of them either. */
	char lock[DIGEST_TEXT_SIZE];
	/* The set as a blob (lib/run/packages.h); fd -1: the archive has the list alone, or nothing. */
	int packages_fd;
	int64_t packages_size;
	char packages_digest[DIGEST_TEXT_SIZE];
	/* Unpacked; 0 with the list alone. */
	int64_t package_files, package_bytes;
	/* The archive with wheels/sha256sums in place of the wheels; fd -1: it is what it was. */
	int archive_fd;
	int64_t archive_size;
	/* It has no packages, asks for some, and they are built here. */
	bool to_be_built;
	/* What the files that are no wheels take, unpacked (policy_room_of). */
	int64_t file_room;
	/* Without a policy: requirements.txt asks for packages, and the archive has none. */
	bool lacks_packages;
};

#define DEPENDENCIES_NONE ((struct dependencies){.packages_fd = -1, .archive_fd = -1})

/* `package` was read from the archive, and still has its content; what might surprise becomes a warning of
 * its manifest. policy: which images there are, and their Pythons, which the wheels must fit; NULL: they are
 * only read. -1 with err unset: what is wrong is told in problems. */
int dependencies_read(int archive_fd, const struct archive_limits *limits, struct skill_package *package,
		      const struct policy *policy, struct dependencies *ret, struct problems *problems,
		      struct error *err);
void dependencies_free(struct dependencies *dependencies);

#endif
