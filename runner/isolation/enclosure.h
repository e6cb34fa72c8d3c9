/* Namespaces that the runner makes for itself and the script, where it is let (gVisor does; the container
 * runtimes' filter of system calls forbids it on Linux): in a user and a mount namespace of its own it can
 * mount, and so have what Landlock and the Pod give elsewhere. Places to write become noexec, nosuid and
 * nodev, the skill's files read-only for the script, and in gVisor the script gets a network namespace
 * without interfaces. What that needs is given up before anything of the user runs.
 *
 * A relay that is entered from outside need not be in there: the socket it looks for is made before. */
#ifndef SKILLBOX_RUNNER_ISOLATION_ENCLOSURE_H
#define SKILLBOX_RUNNER_ISOLATION_ENCLOSURE_H

#include "lib/base/error.h"

#include <stdbool.h>

struct enclosure {
	char uid_map[64]; /* before: the first bytes of the Pod's own */
	bool entered;
	bool has_network;  /* a network namespace, too */
	char problem[128]; /* why not entered, or the first mount that failed; empty: none */
};

/* Is the kernel gVisor's? */
bool enclosure_kernel_is_gvisor(void);

/* Before any directory is made in the places to write. `in_shm`: the sandbox's files are going to be in
 * /dev/shm, which gets a tmpfs of its own then (runner/cell/place.h). An error is only what would leave the
 * runner half way in; not being let is none. */
int enclosure_enter(bool in_shm, struct enclosure *ret, struct error *err);
/* Make `directory`, which holds the skill's files and `out`, read-only for the script, but for `out`.
 * Descriptors that were opened in it before keep writing where the script can't any more. Then give up every
 * capability. */
int enclosure_seal(struct enclosure *enclosure, const char *directory, struct error *err);

#endif
