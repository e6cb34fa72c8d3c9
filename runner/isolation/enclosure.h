/* Namespaces that a child of the runner makes for itself, where it is let: gVisor does, and on Linux a
 * seccomp profile of the node's that allows it (charts/skillbox/seccomp); the container runtimes' own forbids
 * it. In a user and a mount namespace of its own it can mount, and so have what Landlock and the Pod give
 * elsewhere: places to write become noexec, nosuid and nodev, all else of /sandbox read-only; and it has a
 * network namespace without interfaces. What that needs is given up before anything of the user runs.
 *
 * PID 1 stays outside: runc's exec joins the namespaces of PID 1, and could neither become root in that user
 * namespace nor find the runner's socket from that network namespace. What PID 1 writes into /sandbox is seen
 * inside, since only the mounts differ. */
#ifndef SKILLBOX_RUNNER_ISOLATION_ENCLOSURE_H
#define SKILLBOX_RUNNER_ISOLATION_ENCLOSURE_H

#include <stdbool.h>
#include <stdint.h>

/* Is the kernel gVisor's? */
bool enclosure_kernel_is_gvisor(void);

/* Bit i: mount i could not be made. */
typedef uint32_t enclosure_failures;

/* For the calling process, which has one thread, and what it starts: make the namespaces and the mounts, and
 * give up every capability. Descriptors and the working directory that it had still lead to the mounts
 * outside. -1 with errno: no namespaces, and nothing changed, if *ret_entered is false; else it is half way
 * in, and must not go on. */
int enclosure_enter(bool *ret_entered, enclosure_failures *ret_failures);

/* The first mount that failed, in words; NULL: none did. */
const char *enclosure_failure(enclosure_failures failures);

#endif
