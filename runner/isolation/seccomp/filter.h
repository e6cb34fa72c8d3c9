/* The seccomp filter of the script: BPF that runner/isolation/seccomp/generate.c made at build time. */
#ifndef SKILLBOX_RUNNER_ISOLATION_SECCOMP_FILTER_H
#define SKILLBOX_RUNNER_ISOLATION_SECCOMP_FILTER_H

#include <stdbool.h>

bool seccomp_filter_is_supported(void); /* false: errno says why */
unsigned seccomp_filter_length(void);

/* For the calling thread and what it starts. Needs no_new_privs. Async-signal-safe; 0, or -1 with errno. */
int seccomp_filter_install(void);

#endif
