/* For which Python wheels are chosen: a version of CPython, a C library and a machine, written as wheels'
 * tags are: "cp312-manylinux_2_36_x86_64" (CPython 3.12; the newest glibc tag that fits), or with musl
 * "cp312-musllinux_1_2_x86_64". */
#ifndef SKILLBOX_WHEEL_TARGET_H
#define SKILLBOX_WHEEL_TARGET_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define WHEEL_MACHINE_SIZE 16
#define WHEEL_TARGET_SIZE 64   /* a target as text, and its NUL */
#define WHEEL_PLATFORM_SIZE 48 /* a platform tag, and its NUL */
#define WHEEL_PLATFORMS_MAX 104

struct wheel_target {
	unsigned major, minor; /* of CPython: 3 and 12 */
	bool is_musl;          /* else glibc */
	unsigned libc_major, libc_minor;
	char machine[WHEEL_MACHINE_SIZE]; /* as uname -m says it: "x86_64" */
};

/* ERR_BAD_REQUEST naming the text and what is wrong with it. */
int wheel_target_parse(struct str text, struct wheel_target *ret, struct error *err);
void wheel_target_format(const struct wheel_target *target, char ret[WHEEL_TARGET_SIZE]);
/* "3.12", and the tag "cp312", which is that of the interpreter and of its ABI. */
void wheel_target_version(const struct wheel_target *target, char ret[WHEEL_PLATFORM_SIZE]);
void wheel_target_abi(const struct wheel_target *target, char ret[WHEEL_PLATFORM_SIZE]);

struct wheel_platforms {
	char tags[WHEEL_PLATFORMS_MAX][WHEEL_PLATFORM_SIZE];
	size_t count;
};
/* All platform tags that fit beside "any", best first, as PEP 600 and PEP 656 have them: each version of the
 * C library down to the oldest (glibc 2.5 on x86_64 and i686, 2.17 elsewhere; musl 1.0), the older names
 * manylinux2014, 2010 and 1 behind their equals, and linux_MACHINE as the last, which is what a wheel has
 * that was built without a manylinux image: pip takes it, too. */
void wheel_target_platforms(const struct wheel_target *target, struct wheel_platforms *ret);

/* Its version, abi and platforms as members of the JSON object that is open in `out`: what a program needs
 * that asks an index for wheels. */
void wheel_target_put(const struct wheel_target *target, struct buffer *out);

#endif
