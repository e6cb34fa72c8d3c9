#include "runner/isolation/layers.h"

#include "lib/base/str.h"
#include "runner/isolation/probe.h"
#include "runner/isolation/seccomp/filter.h"
#include "runner/system/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define SECUREBITS_UNKNOWN (-1)
#define STATUS_MAX 8192 /* bytes of /proc/self/status, far above what the kernel writes */
#define GROUPS_MAX 64

void layers_set(struct layers *layers, enum frame_layer_kind kind, bool active, const char *format, ...)
{
	struct layer *layer = &layers->of[kind];
	layer->active = active;
	va_list args;
	va_start(args, format);
	vsnprintf(layer->detail, sizeof(layer->detail), format, args);
	va_end(args);
}

/* The value of "NAME:\tVALUE\n" in /proc/self/status; empty if there is no such line. */
static struct str status_value(const char *status, struct str name)
{
	struct str rest = str_of(status), line;
	while (rest.n > 0) {
		str_split_once(rest, '\n', &line, &rest);
		struct str key, value;
		if (str_split_once(line, ':', &key, &value) && str_eq(key, name))
			return str_trim(value);
	}
	return (struct str){"", 0};
}

static bool is_zero(struct str hex)
{
	for (size_t i = 0; i < hex.n; i++)
		if (hex.p[i] != '0')
			return false;
	return hex.n > 0;
}

/* Whose: for the detail. */
static void find_capabilities(struct layers *layers, const char *status, const char *whose)
{
	static const struct {
		struct str name;
		const char *what;
	} sets[] = {
	    {{"CapEff", 6}, "effective"}, {{"CapPrm", 6}, "permitted"}, {{"CapInh", 6}, "inheritable"},
	    {{"CapAmb", 6}, "ambient"},   {{"CapBnd", 6}, "bounding"},
	};
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct str set = status_value(status, sets[i].name);
		if (is_zero(set))
			continue;
		layers_set(layers, FRAME_LAYER_NO_CAPABILITIES, false, "%s %s set: %.*s", whose, sets[i].what,
			   set.n ? (int)set.n : 7, set.n ? set.p : "unknown");
		break;
	}
}

void layers_read_script_status(struct layers *layers, const char *status)
{
	find_capabilities(layers, status, "the script's");
}

void layers_read_status(struct layers *layers, const char *status)
{
	layers_set(layers, FRAME_LAYER_NO_CAPABILITIES, true, "all five sets are empty");
	find_capabilities(layers, status, "the runner's");
	struct str mode = status_value(status, STR("Seccomp"));
	bool filtered = str_eq(mode, STR("2"));
	layers_set(layers, FRAME_LAYER_SECCOMP, filtered, "%s, mode %.*s",
		   filtered ? "profile of the Pod" : "no profile of the Pod", mode.n ? (int)mode.n : 7,
		   mode.n ? mode.p : "unknown");
}

void layers_read_interfaces(struct layers *layers, const char *text)
{
	char names[80] = "";
	size_t length = 0;
	struct str rest = str_of(text), line, name, numbers;
	bool seen = false;
	while (rest.n > 0) {
		str_split_once(rest, '\n', &line, &rest);
		if (!str_split_once(line, ':', &name, &numbers)) {
			seen = seen || line.n > 0; /* the two lines of headings */
			continue;
		}
		name = str_trim(name);
		if (str_eq(name, STR("lo")) || length >= sizeof(names) - 1)
			continue;
		int n = snprintf(names + length, sizeof(names) - length, "%s%.*s", length ? " " : "",
				 (int)(name.n < 16 ? name.n : 16), name.p);
		length += n > 0 ? (size_t)n : 0;
	}
	if (length > 0)
		layers_set(layers, FRAME_LAYER_NO_NETWORK, false,
			   "interface %s; the seccomp filter gives the script no socket for it", names);
	else
		layers_set(layers, FRAME_LAYER_NO_NETWORK, seen, "%s",
			   seen ? "no interface but lo" : "the interfaces can't be read");
}

void layers_read_uid_map(struct layers *layers, const char *text)
{
	struct str line, rest, words[3] = {{"", 0}, {"", 0}, {"", 0}};
	str_split_once(str_of(text), '\n', &line, &rest);
	for (size_t i = 0; i < 3; i++) {
		line = str_trim(line);
		str_split_once(line, ' ', &words[i], &line);
	}
	bool all =
	    str_eq(words[0], STR("0")) && str_eq(words[1], STR("0")) && str_eq(words[2], STR("4294967295"));
	if (words[2].n == 0)
		layers_set(layers, FRAME_LAYER_USER_NAMESPACE, false, "the map of uids can't be read");
	else if (all)
		layers_set(layers, FRAME_LAYER_USER_NAMESPACE, false, "the Pod has none");
	else
		layers_set(layers, FRAME_LAYER_USER_NAMESPACE, true, "uid %.*s of the Pod is %.*s, %.*s ids",
			   (int)words[0].n, words[0].p, (int)words[1].n, words[1].p, (int)words[2].n,
			   words[2].p);
}

static void look_at_ids(struct layers *layers)
{
	uid_t uid[3];
	gid_t gid[3], groups[GROUPS_MAX];
	bool known = getresuid(&uid[0], &uid[1], &uid[2]) == 0 && getresgid(&gid[0], &gid[1], &gid[2]) == 0;
	int count = getgroups(GROUPS_MAX, groups);
	bool root = !known || count < 0;
	for (size_t i = 0; known && i < 3; i++)
		root = root || uid[i] == 0 || gid[i] == 0;
	for (int i = 0; i < count; i++)
		root = root || groups[i] == 0;
	layers_set(layers, FRAME_LAYER_NON_ROOT, !root, "uid %u, gid %u, %d more groups", geteuid(),
		   getegid(), count);
}

static void look_at_process(struct layers *layers)
{
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
	bool keeps = bits == SECUREBITS_UNKNOWN || (bits & SECBIT_KEEP_CAPS) != 0;
	layers_set(layers, FRAME_LAYER_SECUREBITS, !keeps, "0x%02x", (unsigned)bits);
	bool no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	layers_set(layers, FRAME_LAYER_NO_NEW_PRIVS, no_new_privs, "%s", no_new_privs ? "set" : "not set");
	bool dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
	layers_set(layers, FRAME_LAYER_NOT_DUMPABLE, !dumpable, "%s",
		   dumpable ? "the runner is dumpable" : "the runner is out of reach");
}

static void look_at_root(struct layers *layers)
{
	struct statvfs fs;
	bool known = statvfs("/", &fs) == 0;
	bool read_only = known && (fs.f_flag & ST_RDONLY) != 0;
	layers_set(layers, FRAME_LAYER_READ_ONLY_ROOT, read_only, "%s",
		   read_only ? "mounted read-only"
		   : known   ? "mounted writable"
			     : "can't be read");
}

static void look_at_kernel(struct layers *layers)
{
	struct utsname name = {.release = "unknown"};
	char map[64]; /* the first bytes tell */
	(void)uname(&name);
	bool own = enclosure_kernel_is_gvisor();
	layers_set(layers, FRAME_LAYER_OWN_KERNEL, own, "%s %.60s", own ? "gVisor" : "the node's Linux",
		   name.release);
	if (descriptor_read_file(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0)
		map[0] = '\0';
	layers_read_uid_map(layers, map);
}

static void look_at_lockdown(struct layers *layers, const struct lockdown *lockdown)
{
	int abi = lockdown->landlock_abi;
	if (abi > 0)
		layers_set(layers, FRAME_LAYER_LANDLOCK, true, "ABI %d: files%s%s%s", abi,
			   abi >= 4 ? ", TCP" : "", abi >= 5 ? ", devices" : "",
			   abi >= 6 ? ", abstract sockets, signals" : "");
	else
		layers_set(layers, FRAME_LAYER_LANDLOCK, false, "the kernel has none: %s",
			   strerror(lockdown->landlock_error));
	if (lockdown->seccomp_filter)
		layers_set(layers, FRAME_LAYER_SECCOMP_FILTER, true, "%u instructions",
			   seccomp_filter_length());
	else
		layers_set(layers, FRAME_LAYER_SECCOMP_FILTER, false, "the kernel has none: %s",
			   strerror(lockdown->seccomp_error));
}

void layers_find(struct layers *ret, struct lockdown *lockdown)
{
	char text[STATUS_MAX];
	*ret = (struct layers){0};
	look_at_ids(ret);
	look_at_process(ret);
	look_at_root(ret);
	look_at_kernel(ret);
	look_at_lockdown(ret, lockdown);
	/* What can't be read is empty, and then nothing of it is called active. */
	if (descriptor_read_file(AT_FDCWD, "/proc/self/status", text, sizeof(text)) < 0)
		text[0] = '\0';
	layers_read_status(ret, text);
	probe(ret, lockdown);
}
