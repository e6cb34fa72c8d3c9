#include "cli/dependencies/target.h"

#include <stdio.h>
#include <sys/utsname.h>

#define FORM                                                                                                 \
	"write it as wheels' tags are, cp312-manylinux_2_36_x86_64 or cp312-musllinux_1_2_x86_64, or as "    \
	"3.12, which stands for glibc 2.28 on this machine's architecture"
#define MINOR_MIN 6
#define MINOR_MAX 99
#define LIBC_MAX 99
/* PEP 600: the oldest glibc that has tags of its own (i686 and x86_64; 2.17 of all others), and their first
 * names. */
#define GLIBC_MIN 5
#define GLIBC_MIN_OTHERS 17

static const struct {
	const char *name;
	unsigned minor;
} old_names[] = {{"manylinux2014", 17}, {"manylinux2010", 12}, {"manylinux1", 5}};
#define OLD_NAMES (sizeof(old_names) / sizeof(old_names[0]))

int python_target_machine(char *ret, size_t size, struct error *err)
{
	struct utsname name;
	if (uname(&name) != 0)
		return error_errno(err, "can't tell this machine's architecture");
	bool is_arm = strcmp(name.machine, "arm64") == 0, is_amd = strcmp(name.machine, "amd64") == 0;
	snprintf(ret, size, "%.31s", is_arm ? "aarch64" : is_amd ? "x86_64" : name.machine);
	return 0;
}

static bool take_number(struct str *rest, char separator, int64_t max, unsigned *ret)
{
	struct str head;
	int64_t value;
	if (!str_split_once(*rest, separator, &head, rest) || !str_to_i64(head, 0, max, &value))
		return false;
	*ret = (unsigned)value;
	return true;
}

static bool take_machine(struct str text, struct python_target *target)
{
	for (size_t i = 0; i < text.n; i++)
		if (!((text.p[i] >= 'a' && text.p[i] <= 'z') || (text.p[i] >= '0' && text.p[i] <= '9') ||
		      text.p[i] == '_'))
			return false;
	if (text.n == 0 || text.n >= sizeof(target->machine))
		return false;
	memcpy(target->machine, text.p, text.n);
	target->machine[text.n] = 0;
	return true;
}

/* "manylinux_2_36_x86_64" */
static bool take_platform(struct str text, struct python_target *target)
{
	struct str head, rest;
	str_split_once(text, '_', &head, &rest);
	for (size_t i = 0; i < OLD_NAMES; i++)
		if (str_eq(head, str_of(old_names[i].name))) {
			target->libc[0] = 2;
			target->libc[1] = old_names[i].minor;
			return take_machine(rest, target);
		}
	target->is_musl = str_eq(head, STR("musllinux"));
	if (!target->is_musl && !str_eq(head, STR("manylinux")))
		return false;
	unsigned major = target->is_musl ? 1 : 2;
	return take_number(&rest, '_', LIBC_MAX, &target->libc[0]) &&
	       take_number(&rest, '_', LIBC_MAX, &target->libc[1]) && target->libc[0] == major &&
	       take_machine(rest, target);
}

static bool take_minor(struct str text, struct python_target *target)
{
	int64_t minor;
	if (!str_to_i64(text, MINOR_MIN, MINOR_MAX, &minor))
		return false;
	target->minor = (unsigned)minor;
	return true;
}

int python_target_parse(const char *text, struct python_target *ret, struct error *err)
{
	struct python_target target = {0};
	struct str tag, rest, s = str_of(text);
	bool is_good = false;
	if (str_starts_with(s, STR("3."))) {
		target.libc[0] = 2;
		target.libc[1] = PYTHON_TARGET_GLIBC;
		if (python_target_machine(target.machine, sizeof(target.machine), err) != 0)
			return -1;
		is_good = take_minor((struct str){s.p + 2, s.n - 2}, &target);
	} else if (str_split_once(s, '-', &tag, &rest) && str_starts_with(tag, STR("cp3"))) {
		is_good =
		    take_minor((struct str){tag.p + 3, tag.n - 3}, &target) && take_platform(rest, &target);
	}
	if (!is_good)
		return error_set(err, ERR_BAD_REQUEST, "'%.100s' is no Python to bring packages for: " FORM,
				 text);
	snprintf(target.text, sizeof(target.text), "cp3%u-%slinux_%u_%u_%s", target.minor,
		 target.is_musl ? "musl" : "many", target.libc[0], target.libc[1], target.machine);
	*ret = target;
	return 0;
}

static void put(struct buffer *out, char separator, const char *name, const struct python_target *target)
{
	buffer_appendf(out, "%s_%s%c", name, target->machine, separator);
}

void python_target_platforms(const struct python_target *target, char separator, struct buffer *out)
{
	bool is_old = strcmp(target->machine, "x86_64") == 0 || strcmp(target->machine, "i686") == 0;
	unsigned least = target->is_musl ? 0 : is_old ? GLIBC_MIN : GLIBC_MIN_OTHERS;
	char name[32];
	for (unsigned minor = target->libc[1] + 1; minor-- > least;) {
		snprintf(name, sizeof(name), "%slinux_%u_%u", target->is_musl ? "musl" : "many",
			 target->libc[0], minor);
		put(out, separator, name, target);
		for (size_t i = 0; i < OLD_NAMES && !target->is_musl; i++)
			if (old_names[i].minor == minor && (is_old || minor == GLIBC_MIN_OTHERS))
				put(out, separator, old_names[i].name, target);
	}
	put(out, separator, "linux", target);
}
