/* A child that is locked down exactly as the script will be, and tries what the script must not be able to
 * do. Its findings become layers; what it couldn't try is absent. */
#ifndef SKILLBOX_RUNNER_ISOLATION_PROBE_H
#define SKILLBOX_RUNNER_ISOLATION_PROBE_H

#include "runner/isolation/layers.h"

/* Sets no_network, noexec, read_only_scripts, rlimits, descriptors and session; takes back landlock and
 * seccomp_filter when they could not be applied. */
void probe(struct layers *layers, const struct lockdown *lockdown);

#endif
