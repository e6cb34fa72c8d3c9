#include "cli/dependencies/target.h"

#include <stdio.h>
#include <sys/utsname.h>

#define SHORT_LIBC "manylinux_2_28"

int target_machine(char ret[WHEEL_MACHINE_SIZE], struct error *err)
{
	struct utsname name;
	if (uname(&name) != 0)
		return error_errno(err, "can't tell this machine's architecture");
	const char *machine = strcmp(name.machine, "arm64") == 0   ? "aarch64"
			      : strcmp(name.machine, "amd64") == 0 ? "x86_64"
								   : name.machine;
	snprintf(ret, WHEEL_MACHINE_SIZE, "%s", machine);
	return 0;
}

int target_parse(const char *text, struct wheel_target *ret, struct error *err)
{
	char machine[WHEEL_MACHINE_SIZE], full[WHEEL_TARGET_SIZE];
	struct str s = str_of(text);
	int64_t minor;
	bool is_short =
	    str_starts_with(s, STR("3.")) && str_to_i64((struct str){s.p + 2, s.n - 2}, 0, 99, &minor);
	if (!is_short && (s.n == 0 || (s.p[0] >= '0' && s.p[0] <= '9')))
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "'%.100s' is no Python to bring packages for: write 3.12, or a target such as "
		    "cp312-manylinux_2_36_x86_64",
		    text);
	if (!is_short)
		return wheel_target_parse(s, ret, err);
	if (target_machine(machine, err) != 0)
		return -1;
	snprintf(full, sizeof(full), "cp3%d-" SHORT_LIBC "_%s", (int)minor, machine);
	return wheel_target_parse(str_of(full), ret, err);
}
