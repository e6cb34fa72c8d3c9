/* Which Python wheels are for, written as wheels' tags are: "cp312-manylinux_2_36_x86_64". */
#ifndef SKILLBOX_CLI_DEPENDENCIES_TARGET_H
#define SKILLBOX_CLI_DEPENDENCIES_TARGET_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#include <stdbool.h>

#define PYTHON_TARGET_TEXT 96
/* The glibc of "3.12" alone: what most wheels are built for today, and what every image since Debian 11 and
 * RHEL 8 has. */
#define PYTHON_TARGET_GLIBC 28

struct python_target {
	unsigned minor;                /* of CPython 3.x */
	bool is_musl;                  /* musllinux instead of manylinux */
	unsigned libc[2];              /* the newest version: 2, 36 */
	char machine[32];              /* x86_64, aarch64, … */
	char text[PYTHON_TARGET_TEXT]; /* as it is written in full */
};

/* In full, or "3.12": glibc 2.28 or later on this machine's architecture. */
int python_target_parse(const char *text, struct python_target *ret, struct error *err);
/* Append each platform tag whose wheels run there, the best first, each with `separator` behind it. */
void python_target_platforms(const struct python_target *target, char separator, struct buffer *out);
/* This machine's architecture as wheels have it. */
int python_target_machine(char *ret, size_t size, struct error *err);

#endif
