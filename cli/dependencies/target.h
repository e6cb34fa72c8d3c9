/* Which Python wheels are chosen for, as people say it. */
#ifndef SKILLBOX_CLI_DEPENDENCIES_TARGET_H
#define SKILLBOX_CLI_DEPENDENCIES_TARGET_H

#include "lib/wheel/target.h"

/* A target in full, or "3.12": glibc 2.28 on this machine's architecture. Most wheels are built for that or
 * an older one, and every image since Debian 11 and RHEL 8 has it. */
int target_parse(const char *text, struct wheel_target *ret, struct error *err);
/* This machine's architecture as wheels have it. */
int target_machine(char ret[WHEEL_MACHINE_SIZE], struct error *err);

#endif
