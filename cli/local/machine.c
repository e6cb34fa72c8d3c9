#include "cli/local/machine.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RUNNER "skillbox-runner"
#define VERSION_MS 3000
#define PACKAGES_MS 20000

/* As in the sandbox (keeper.c), less what is the same there. */
static const char *const folders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
				      "/usr/bin",        "/sbin",          "/bin"};
#define FOLDERS "/usr/local/bin, /usr/bin or /bin"

/* The runner's own table (runner/system/interpreter.c). */
static const struct {
	const char *name;
	const char *programs[2];
} interpreters[] = {
    {"python", {"python", "python3"}},
    {"node", {"node", "nodejs"}},
    {"bash", {"bash", NULL}},
};

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The folder of this program, or "" where the system doesn't tell. */
static void own_folder(char ret[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);
	ret[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(ret, '/');
	if (slash)
		*slash = '\0';
}

int machine_find_runner(char ret[PATH_MAX], struct error *err)
{
	static const char *const places[] = {"", "../libexec/skillbox/", "../lib/skillbox/"};
	const char *given = getenv("SKILLBOX_RUNNER");
	char folder[PATH_MAX];
	if (given && *given) {
		int n = snprintf(ret, PATH_MAX, "%s", given);
		if (n > 0 && n < PATH_MAX && is_program(ret))
			return 0;
		return error_set(err, ERR_NOT_FOUND, "SKILLBOX_RUNNER is '%s', and there is no program there",
				 given);
	}
	own_folder(folder);
	for (size_t i = 0; folder[0] && i < sizeof(places) / sizeof(places[0]); i++) {
		int n = snprintf(ret, PATH_MAX, "%s/%s" RUNNER, folder, places[i]);
		if (n > 0 && n < PATH_MAX && is_program(ret))
			return 0;
	}
	return error_set(err, ERR_NOT_FOUND,
			 "there is no " RUNNER
			 " beside this program (%s) nor in ../libexec/skillbox: install "
			 "it there, or say where it is in SKILLBOX_RUNNER",
			 folder[0] ? folder : "whose place isn't known");
}

static bool find(const char *program, char ret[PATH_MAX])
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(ret, PATH_MAX, "%s/%s", folders[i], program);
		if (is_program(ret))
			return true;
	}
	return false;
}

int machine_find_interpreter(const char *name, struct interpreter *ret, struct error *err)
{
	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++) {
		if (strcmp(interpreters[i].name, name) != 0)
			continue;
		for (size_t k = 0; k < 2 && interpreters[i].programs[k]; k++)
			if (find(interpreters[i].programs[k], ret->path)) {
				ret->version[0] = '\0';
				return 0;
			}
	}
	return error_set(err, ERR_NOT_FOUND,
			 "this machine has no %s in " FOLDERS
			 " (one in a home folder isn't shown to scripts): install it, or use a server",
			 name);
}

/* The first line, as far as it comes in time. */
static void read_line(int fd, int64_t ms, char ret[MACHINE_VERSION_SIZE])
{
	size_t n = 0;
	int64_t end_us = clock_monotonic_us(&clock_system) + ms * 1000;
	while (n < MACHINE_VERSION_SIZE - 1 && !memchr(ret, '\n', n)) {
		int64_t left_us = end_us - clock_monotonic_us(&clock_system);
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		if (left_us <= 0 || poll(&wait, 1, (int)(left_us / 1000) + 1) <= 0)
			break;
		ssize_t got = read(fd, ret + n, MACHINE_VERSION_SIZE - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	ret[n] = '\0';
	ret[strcspn(ret, "\r\n")] = '\0';
}

void machine_name_version(char version[MACHINE_VERSION_SIZE])
{
	static const struct {
		const char *begins, *name;
	} rows[] = {{"GNU bash, version ", "Bash"}, {"v", "Node.js"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = strlen(rows[i].begins);
		if (strncmp(version, rows[i].begins, n) != 0)
			continue;
		char text[MACHINE_VERSION_SIZE];
		int digits = (int)strspn(version + n, "0123456789.");
		snprintf(text, sizeof(text), "%s %.*s", rows[i].name, digits, version + n);
		memcpy(version, text, sizeof(text));
		return;
	}
}

/* The first line that it prints; what can't be had is left "". */
static void ask(const char *const *arguments, int64_t ms, char ret[MACHINE_VERSION_SIZE])
{
	char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
	posix_spawn_file_actions_t actions;
	int fds[2];
	pid_t pid;
	ret[0] = '\0';
	if (pipe2(fds, O_CLOEXEC) != 0)
		return;
	cleanup_close int from = fds[0];
	int failed = posix_spawn_file_actions_init(&actions);
	if (failed == 0) {
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
		failed = posix_spawn(&pid, arguments[0], &actions, NULL, (char *const *)(uintptr_t)arguments,
				     environment);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(fds[1]);
	if (failed)
		return;
	read_line(from, ms, ret);
	kill(pid, SIGKILL); /* one that has more to say than a line */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void machine_ask_version(struct interpreter *interpreter)
{
	const char *const arguments[] = {interpreter->path, "--version", NULL};
	ask(arguments, VERSION_MS, interpreter->version);
	machine_name_version(interpreter->version);
}

/* Which packages fit */

/* musl says its version only when its loader is started by itself (PEP 656). */
static const char python_packages[] =
    "import os, struct, sys\n"
    "machine = os.uname().machine\n"
    "if struct.calcsize('P') == 4:\n"
    "    machine = {'x86_64': 'i686', 'aarch64': 'armv7l'}.get(machine, machine)\n"
    "try:\n"
    "    libc = os.confstr('CS_GNU_LIBC_VERSION')\n"
    "except (AttributeError, OSError, ValueError):\n"
    "    libc = None\n"
    "if libc:\n"
    "    libc = 'manylinux_' + '_'.join(libc.split()[1].split('.')[:2])\n"
    "else:\n"
    "    import glob, re, subprocess\n"
    "    said = subprocess.run(glob.glob('/lib/ld-musl-*.so.1')[:1], "
    "stderr=subprocess.PIPE).stderr.decode()\n"
    "    libc = 'musllinux_' + '_'.join(re.search(r'Version (\\d+)\\.(\\d+)', said).groups())\n"
    "name = {'cpython': 'cp'}.get(sys.implementation.name, sys.implementation.name)\n"
    "print('%s%d%d%s-%s_%s' % (name, *sys.version_info[:2], getattr(sys, 'abiflags', ''), libc, machine))\n";

static const char node_packages[] =
    "var report = process.report && (process.report.excludeNetwork = true, process.report.getReport());"
    "console.log(process.arch + (!report || report.header.glibcVersionRuntime ? ' glibc' : ' musl'))";

int machine_ask_packages(const char *name, char ret[GATHER_HERE_SIZE], struct error *err)
{
	struct interpreter found;
	char said[MACHINE_VERSION_SIZE];
	bool is_python = strcmp(name, "python") == 0;
	if (machine_find_interpreter(name, &found, err) != 0)
		return -1;
	const char *const python[] = {found.path, "-I", "-S", "-c", python_packages, NULL};
	const char *const node[] = {found.path, "-e", node_packages, NULL};
	ask(is_python ? python : node, PACKAGES_MS, said);
	if (!said[0] || strlen(said) >= GATHER_HERE_SIZE)
		return error_set(
		    err, ERR_NOT_FOUND,
		    "%s doesn't say which packages fit it: leave them out by --no-deps, or use a "
		    "server",
		    found.path);
	memcpy(ret, said, strlen(said) + 1);
	return 0;
}
