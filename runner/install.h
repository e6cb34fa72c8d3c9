/* `skillbox-runner copy DEST`: for the init container of clusters without image volumes. */
#ifndef SKILLBOX_RUNNER_INSTALL_H
#define SKILLBOX_RUNNER_INSTALL_H

#include "lib/base/error.h"

/* Copy `source` to `destination` (mode 0755); the name appears when the file is whole. */
int install_copy(const char *source, const char *destination, struct error *err);
/* Write what comes beside the runner, node's hook, into the directory of `destination`. */
int install_hook(const char *destination, struct error *err);

#endif
