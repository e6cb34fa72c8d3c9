/* A child that is locked down exactly as the script will be, and tries what the script must not be able to
 * do. Its findings become layers; what it couldn't try is absent. */
#ifndef SKILLBOX_RUNNER_ISOLATION_PROBE_H
#define SKILLBOX_RUNNER_ISOLATION_PROBE_H

#include "runner/isolation/layers.h"

/* Sets namespaces, no_network, noexec, read_only_scripts, rlimits, descriptors and session, and what
 * `lockdown` is to know of namespaces; takes back no_capabilities, landlock and seccomp_filter when they
 * don't hold. */
void probe(struct layers *layers, struct lockdown *lockdown);

#endif
