#include "lib/wheel/target.h"

#include "lib/base/json_write.h"
#include "lib/base/utf8.h"

#include <stdio.h>

/* Before 3.8 the tag of the ABI had an "m" behind it; those are long without support. */
#define OLDEST_MINOR 8
#define NEWEST 99

/* PEP 600 has no more than these; ppc64 and loongarch64 came later. */
static const char *const machines[] = {"x86_64", "aarch64", "i686",    "armv7l",     "ppc64le",
				       "s390x",  "ppc64",   "riscv64", "loongarch64"};

static const char *find_machine(struct str name)
{
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (str_eq(name, str_of(machines[i])))
			return machines[i];
	return NULL;
}

/* The oldest glibc 2 that has tags. */
static unsigned oldest_glibc(const char *machine)
{
	return strcmp(machine, "x86_64") == 0 || strcmp(machine, "i686") == 0 ? 5 : 17;
}

static bool read_number(struct str text, unsigned min, unsigned *ret)
{
	int64_t value;
	if ((text.n > 1 && text.p[0] == '0') || !str_to_i64(text, min, NEWEST, &value))
		return false;
	*ret = (unsigned)value;
	return true;
}

/* "manylinux_2_36_x86_64"; what is wrong with it, or NULL. */
static const char *read_platform(struct str text, struct wheel_target *ret)
{
	struct str kind, major, minor, rest;
	if (!str_split_once(text, '_', &kind, &rest) ||
	    (!str_eq(kind, STR("manylinux")) && !str_eq(kind, STR("musllinux"))))
		return "behind the first \"-\" must be manylinux_2_MINOR_MACHINE for an image with glibc "
		       "(Debian, "
		       "Ubuntu and most others) or musllinux_1_MINOR_MACHINE for one with musl (Alpine)";
	ret->is_musl = str_eq(kind, STR("musllinux"));
	str_split_once(rest, '_', &major, &rest);
	str_split_once(rest, '_', &minor, &rest);
	ret->libc_major = ret->is_musl ? 1 : 2;
	unsigned got;
	if (!read_number(major, 1, &got) || got != ret->libc_major ||
	    !read_number(minor, 0, &ret->libc_minor))
		return "the version of the C library must be 2_MINOR for manylinux (2_36 is glibc 2.36) and "
		       "1_MINOR for musllinux";
	const char *machine = find_machine(rest);
	if (!machine)
		return "the machine must be one of x86_64, aarch64, i686, armv7l, ppc64le, s390x, ppc64, "
		       "riscv64 "
		       "and loongarch64";
	if (!ret->is_musl && ret->libc_minor < oldest_glibc(machine))
		return "there are no wheels for so old a glibc: 2_5 is the oldest on x86_64 and i686, 2_17 "
		       "elsewhere";
	snprintf(ret->machine, sizeof(ret->machine), "%s", machine);
	return NULL;
}

static const char *read_target(struct str text, struct wheel_target *ret)
{
	struct str python, platform;
	str_split_once(text, '-', &python, &platform);
	ret->major = 3;
	if (!str_starts_with(python, STR("cp3")) ||
	    !read_number((struct str){python.p + 3, python.n - 3}, OLDEST_MINOR, &ret->minor))
		return "it must begin with cp3 and the minor version of CPython, from 3.8 on, such as cp312 "
		       "for 3.12";
	return read_platform(platform, ret);
}

int wheel_target_parse(struct str text, struct wheel_target *ret, struct error *err)
{
	struct wheel_target target = {0};
	const char *why = read_target(text, &target);
	if (why)
		return error_set(err, ERR_BAD_REQUEST,
				 "\"%.*s\" is no target, such as cp312-manylinux_2_36_x86_64: %s",
				 utf8_shown(text), text.n ? text.p : "", why);
	*ret = target;
	return 0;
}

static void format_libc(const struct wheel_target *target, unsigned minor, char ret[WHEEL_PLATFORM_SIZE])
{
	snprintf(ret, WHEEL_PLATFORM_SIZE, "%s_%u_%u_%s", target->is_musl ? "musllinux" : "manylinux",
		 target->libc_major, minor, target->machine);
}

void wheel_target_format(const struct wheel_target *target, char ret[WHEEL_TARGET_SIZE])
{
	char platform[WHEEL_PLATFORM_SIZE];
	format_libc(target, target->libc_minor, platform);
	snprintf(ret, WHEEL_TARGET_SIZE, "cp%u%u-%s", target->major, target->minor, platform);
}

void wheel_target_version(const struct wheel_target *target, char ret[WHEEL_PLATFORM_SIZE])
{
	snprintf(ret, WHEEL_PLATFORM_SIZE, "%u.%u", target->major, target->minor);
}

void wheel_target_abi(const struct wheel_target *target, char ret[WHEEL_PLATFORM_SIZE])
{
	snprintf(ret, WHEEL_PLATFORM_SIZE, "cp%u%u", target->major, target->minor);
}

/* The names that three versions of glibc had before PEP 600. */
static const char *legacy_name(const struct wheel_target *target, unsigned minor)
{
	if (target->is_musl)
		return NULL;
	return minor == 17   ? "manylinux2014"
	       : minor == 12 ? "manylinux2010"
	       : minor == 5  ? "manylinux1"
			     : NULL;
}

void wheel_target_platforms(const struct wheel_target *target, struct wheel_platforms *ret)
{
	unsigned oldest = target->is_musl ? 0 : oldest_glibc(target->machine);
	ret->count = 0;
	for (unsigned minor = target->libc_minor + 1; minor-- > oldest;) {
		const char *legacy = legacy_name(target, minor);
		format_libc(target, minor, ret->tags[ret->count++]);
		if (legacy)
			snprintf(ret->tags[ret->count++], WHEEL_PLATFORM_SIZE, "%s_%s", legacy,
				 target->machine);
	}
	snprintf(ret->tags[ret->count++], WHEEL_PLATFORM_SIZE, "linux_%s", target->machine);
}

void wheel_target_put(const struct wheel_target *target, struct buffer *out)
{
	char text[WHEEL_PLATFORM_SIZE];
	struct wheel_platforms platforms;
	wheel_target_version(target, text);
	json_put_string(out, "version", text);
	wheel_target_abi(target, text);
	json_put_string(out, "abi", text);
	wheel_target_platforms(target, &platforms);
	json_key(out, "platforms");
	json_open(out, '[');
	for (size_t i = 0; i < platforms.count; i++)
		json_element_string(out, platforms.tags[i]);
	json_close(out, ']');
}
