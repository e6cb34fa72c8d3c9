/* The places of a sandbox, by the names that scripts know. Whoever needs one takes it from here. */
#ifndef SKILLBOX_RUNNER_SYSTEM_PATHS_H
#define SKILLBOX_RUNNER_SYSTEM_PATHS_H

/* In the directory of a run. */
#define NAME_SCRIPTS "scripts"
#define NAME_PACKAGES "packages"
#define NAME_INPUT "input.json"
#define NAME_OUT "out"

/* In `out`. */
#define NAME_OUTPUT "output.json"
#define NAME_FILES "files"

#define PATH_SANDBOX "/sandbox"
#define PATH_SCRIPTS PATH_SANDBOX "/" NAME_SCRIPTS
#define PATH_PACKAGES PATH_SANDBOX "/" NAME_PACKAGES
#define PATH_INPUT PATH_SANDBOX "/" NAME_INPUT
#define PATH_OUT PATH_SANDBOX "/" NAME_OUT
#define PATH_OUTPUT PATH_OUT "/" NAME_OUTPUT
#define PATH_FILES PATH_OUT "/" NAME_FILES

/* What the operator's image or volume brings: the runner, and node's hook (runner/cell/park.h). */
#define PATH_INSTALLED "/skillbox"

#define PATH_TMP "/tmp"
#define PATH_SHM "/dev/shm"

#endif
