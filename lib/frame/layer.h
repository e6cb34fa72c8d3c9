/* The layers of isolation that a sandbox reports in its HELLO, each "active" or "absent" with a detail. The
 * names are stable: they stand in status.isolation of an Execution and in SKILLBOX_REQUIRED_LAYERS. */
#ifndef SKILLBOX_FRAME_LAYER_H
#define SKILLBOX_FRAME_LAYER_H

#include "lib/base/str.h"

#include <stdbool.h>

/* What each says when it is active. "The script" is everything that comes from a skill, its children too.
 *
 * of the Pod and its container:
 *   non_root           no uid and no gid of the runner and the script is 0
 *   no_capabilities    effective, permitted, inheritable, ambient and bounding set are empty
 *   securebits         nothing keeps or gains capabilities by a change of uid
 *   no_new_privs       no program can gain privileges (set-user-ID, file capabilities)
 *   seccomp            the container runtime's own filter of system calls (RuntimeDefault) is in force
 *   read_only_root     the root file system is mounted read-only
 *   no_network         the script's network namespace has no interface but lo
 *   user_namespace     uids in the sandbox are others than those on the node
 *   own_kernel         system calls reach a kernel of the sandbox's own (gVisor), not the node's
 * of the runner:
 *   not_dumpable       the script can't read the runner's memory, environment and descriptors
 *   seccomp_filter     the runner's filter: no sockets but AF_UNIX, no mounts, no namespaces, no tracing …
 *   landlock           files are written only in out, /tmp and /dev/shm, and executed only from the image
 *   namespaces         the script runs in a user and a mount namespace that the runner made
 *   noexec             files in places that can be written can't be run: by execve, ld.so nor mmap
 *   read_only_scripts  the script can't change the skill's files and its input
 *   rlimits            limits of core dumps, open files and file sizes
 *   descriptors        the script inherits no descriptor but stdin, stdout and stderr
 *   session            the script leads a session of its own, without a terminal
 */
#define FRAME_LAYERS(X)                                                                                      \
	X(NON_ROOT, "non_root")                                                                              \
	X(NO_CAPABILITIES, "no_capabilities")                                                                \
	X(SECUREBITS, "securebits")                                                                          \
	X(NO_NEW_PRIVS, "no_new_privs")                                                                      \
	X(SECCOMP, "seccomp")                                                                                \
	X(READ_ONLY_ROOT, "read_only_root")                                                                  \
	X(NO_NETWORK, "no_network")                                                                          \
	X(USER_NAMESPACE, "user_namespace")                                                                  \
	X(OWN_KERNEL, "own_kernel")                                                                          \
	X(NOT_DUMPABLE, "not_dumpable")                                                                      \
	X(SECCOMP_FILTER, "seccomp_filter")                                                                  \
	X(LANDLOCK, "landlock")                                                                              \
	X(NAMESPACES, "namespaces")                                                                          \
	X(NOEXEC, "noexec")                                                                                  \
	X(READ_ONLY_SCRIPTS, "read_only_scripts")                                                            \
	X(RLIMITS, "rlimits")                                                                                \
	X(DESCRIPTORS, "descriptors")                                                                        \
	X(SESSION, "session")

enum frame_layer_kind {
#define FRAME_LAYER_KIND(id, name) FRAME_LAYER_##id,
	FRAME_LAYERS(FRAME_LAYER_KIND)
#undef FRAME_LAYER_KIND
	    FRAME_LAYER_COUNT
};

const char *frame_layer_name(enum frame_layer_kind kind);
/* False: there is no layer of that name. */
bool frame_layer_find(struct str name, enum frame_layer_kind *ret);

#endif
