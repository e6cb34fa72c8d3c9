#include "runner/cell/park.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "runner/cell/spawn.h"
#include "runner/system/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* static const unsigned char hook_python[], hook_node[] = {…}; */
#include "hook_node.h"
#include "hook_python.h"

#define HOOK_DIRECTORY ".parked"

struct park_language {
	const char *name; /* in a JOB */
	const char *script;
	const char *file; /* name of the hook's file */
	/* The variable that makes the interpreter run the hook, and what its value has before and behind the
	 * path of the hook's directory. */
	const char *variable, *before, *behind;
	const char *packages; /* behind that, where the skill has packages */
	/* The file must outlive the start, so it is beside the runner; else it is laid into the sandbox's
	 * directory and removed before any job. */
	bool is_installed;
};

static const struct park_language languages[] = {
    {"python", "main.py", "sitecustomize.py", "PYTHONPATH", "", "", ":" PATH_PACKAGES, false},
    /* worker threads inherit the option and load the file again */
    {"node", "main.js", PARK_NODE_HOOK, "NODE_OPTIONS", "--require=", "/" PARK_NODE_HOOK, "", true},
};

/* What interpreters, their libraries and libc read while they start; those that end with '_' are prefixes.
 * The numeric libraries are here because they may be preloaded. PYTHON*, NODE_*, LD_*, GLIBC_* and MALLOC_*
 * are refused anyway. */
static const struct str read_at_start[] = {
    STR("LANG"),          STR("LANGUAGE"), STR("LC_"),       STR("LOCPATH"),  STR("TZ"),
    STR("TZDIR"),         STR("ICU_"),     STR("UV_"),       STR("OPENSSL_"), STR("SSL_"),
    STR("SSLKEYLOGFILE"), STR("OMP_"),     STR("OPENBLAS_"), STR("GOTO_"),    STR("MKL_"),
    STR("BLIS_"),         STR("NUMEXPR_"), STR("NPY_"),      STR("NUMPY_"),
};

void park_init(struct park *park)
{
	*park = (struct park){.channel_fd = -1};
}

int park_configure(struct park *ret, const char *name, const char *script, const char *preload,
		   struct error *err)
{
	park_init(ret);
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		if (name && strcmp(name, languages[i].name) == 0)
			ret->language = &languages[i];
	if (!ret->language)
		return 0;
	if (!script || !*script)
		script = ret->language->script;
	if (!frame_path_is_valid(str_of(script)))
		return error_set(err, ERR_BAD_REQUEST, "SKILLBOX_PARK_SCRIPT: not a plain relative path");
	snprintf(ret->script, sizeof(ret->script), "%s%s", JOB_SCRIPTS, script);
	int n = snprintf(ret->preload, sizeof(ret->preload), "%s", preload ? preload : "");
	if (n < 0 || (size_t)n >= sizeof(ret->preload))
		return error_set(err, ERR_BAD_REQUEST, "SKILLBOX_PRELOAD is longer than %zu bytes",
				 sizeof(ret->preload) - 1);
	return 0;
}

const char *park_name(const struct park *park)
{
	return park->language ? park->language->name : NULL;
}

/* The hook's file */

struct str park_node_hook(void)
{
	return (struct str){(const char *)hook_node, sizeof(hook_node)};
}

static int write_file(int directory_fd, const struct park_language *language, struct error *err)
{
	cleanup_close int fd =
	    openat(directory_fd, language->file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (fd < 0 || write(fd, hook_python, sizeof(hook_python)) != (ssize_t)sizeof(hook_python))
		return error_errno(err, "write %s", language->file);
	return 0;
}

static int lay_down_hook(struct park *park, struct error *err)
{
	if (mkdirat(park->place->fd, HOOK_DIRECTORY, 0755) != 0)
		return error_errno(err, "make %s", park->directory);
	park->has_hook = true;
	cleanup_close int fd =
	    openat(park->place->fd, HOOK_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "open %s", park->directory);
	if (write_file(fd, park->language, err) != 0)
		return -1;
	/* Python would lay the compiled file beside it. */
	return fchmod(fd, 0555) == 0 ? 0 : error_errno(err, "chmod %s", park->directory);
}

static int find_hook(struct park *park, struct error *err)
{
	char file[PATH_MAX + NAME_MAX];
	bool installed = park->language->is_installed;
	int n = installed ? snprintf(park->directory, sizeof(park->directory), "%s", park->place->installed)
			  : snprintf(park->directory, sizeof(park->directory), "%s/" HOOK_DIRECTORY,
				     park->place->path);
	if (n < 0 || (size_t)n >= sizeof(park->directory))
		return error_set(err, ERR_INTERNAL, "the path of the hook is too long");
	if (!installed)
		return lay_down_hook(park, err);
	snprintf(file, sizeof(file), "%s/%s", park->directory, park->language->file);
	return access(file, R_OK) == 0
		   ? 0
		   : error_errno(err, "%s, which comes with the runner's image, can't be read", file);
}

static bool unlink_hook(const struct park *park)
{
	char path[NAME_MAX];
	snprintf(path, sizeof(path), "%s/%s", HOOK_DIRECTORY, park->language->file);
	return (unlinkat(park->place->fd, path, 0) == 0 || errno == ENOENT) &&
	       unlinkat(park->place->fd, HOOK_DIRECTORY, AT_REMOVEDIR) == 0;
}

/* Returns whether it is gone. The directory that it is in may have lost its write permission by now
 * (load_finish), and gets it back for the moment. */
static bool remove_hook(struct park *park)
{
	if (!park->has_hook)
		return true;
	park->has_hook = false;
	struct stat st;
	int fd = park->place->fd;
	if (fchmodat(fd, HOOK_DIRECTORY, 0755, 0) != 0 || fstat(fd, &st) != 0)
		return false;
	if (unlink_hook(park))
		return true;
	if (errno != EACCES || fchmod(fd, st.st_mode | S_IWUSR) != 0)
		return false;
	bool gone = unlink_hook(park);
	return fchmod(fd, st.st_mode) == 0 && gone;
}

/* Before the job */

/* The variable that makes the interpreter run the hook. */
static int set_hook(const struct park *park, struct environment *environment, struct error *err)
{
	char value[PATH_MAX + 64];
	const struct park_language *language = park->language;
	snprintf(value, sizeof(value), "%s%s%s%s", language->before, park->directory, language->behind,
		 park->has_packages ? language->packages : "");
	return environment_set(environment, str_of(language->variable), str_of(value), err);
}

static int make_environment(struct park *park, const char *search, struct error *err)
{
	char channel[16];
	snprintf(channel, sizeof(channel), "%d", SPAWN_CHANNEL);
	if (job_base_environment(&park->environment, search, err) != 0 ||
	    set_hook(park, &park->environment, err) != 0 ||
	    environment_set(&park->environment, STR("SKILLBOX_CHANNEL"), str_of(channel), err) != 0)
		return -1;
	return environment_set(&park->environment, STR("SKILLBOX_PRELOAD"), str_of(park->preload), err);
}

int park_open(struct park *park, const struct place *place, const char *search, int *ret_child_fd,
	      struct error *err)
{
	int fds[2];
	park->place = place;
	if (find_hook(park, err) != 0 || make_environment(park, search, err) != 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return error_errno(err, "socketpair");
	park->channel_fd = fds[0];
	*ret_child_fd = fds[1];
	return descriptor_set_nonblocking(fds[0]) == 0 ? 0 : error_errno(err, "make the socket non-blocking");
}

void park_close(struct park *park)
{
	descriptor_close(&park->channel_fd);
	remove_hook(park);
	environment_free(&park->environment);
}

int park_read(struct park *park, struct error *err)
{
	char byte;
	ssize_t n = read(park->channel_fd, &byte, 1);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != 1 || byte != '\0' || park->ready)
		return error_set(err, ERR_UNAVAILABLE, "%s",
				 park->ready ? "it has ended"
					     : "it did not come to the point where it waits");
	park->ready = true;
	if (!remove_hook(park)) /* read and compiled by now */
		return error_errno(err, "remove its hook");
	return 0;
}

/* The job */

static bool is_read_at_start(struct str name)
{
	for (size_t i = 0; i < sizeof(read_at_start) / sizeof(read_at_start[0]); i++) {
		struct str row = read_at_start[i];
		if (row.p[row.n - 1] == '_' ? str_starts_with(name, row) : str_eq(name, row))
			return true;
	}
	return false;
}

static bool has_entry(const struct environment *environment, const char *entry)
{
	for (unsigned i = 0; i < environment->count; i++)
		if (strcmp(environment->entries[i], entry) == 0)
			return true;
	return false;
}

bool park_fits(const struct park *park, const struct job *job)
{
	if (!park_is_open(park) || strcmp(park->language->name, job->interpreter_name) != 0 ||
	    strcmp(park->script, job->script) != 0)
		return false;
	size_t size = 0;
	for (unsigned i = 0; i < job->environment.count; i++) {
		struct str name, value, entry = str_of(job->environment.entries[i]);
		str_split_once(entry, '=', &name, &value);
		if (is_read_at_start(name) && !has_entry(&park->environment, entry.p))
			return false;
		size += entry.n + 1;
	}
	return size <= PARK_MAX_ENVIRONMENT;
}

static int wait_for(const struct park *park, short events, int64_t deadline_us, struct error *err)
{
	for (;;) {
		int64_t left_us = deadline_us - clock_monotonic_us(&clock_system);
		struct pollfd descriptor = {.fd = park->channel_fd, .events = events};
		int n = left_us <= 0 ? 0 : poll(&descriptor, 1, (int)((left_us + 999) / 1000));
		if (n > 0)
			return 0;
		if (n == 0)
			return error_set(err, ERR_UNAVAILABLE, "not ready within %d ms", PARK_AWAIT_MS);
		if (errno != EINTR)
			return error_errno(err, "poll");
	}
}

int park_await(struct park *park, struct error *err)
{
	int64_t deadline_us = clock_monotonic_us(&clock_system) + PARK_AWAIT_MS * 1000;
	while (!park->ready)
		if (wait_for(park, POLLIN, deadline_us, err) != 0 || park_read(park, err) != 0)
			return -1;
	return 0;
}

static int send_all(const struct park *park, struct str bytes, struct error *err)
{
	int64_t deadline_us = clock_monotonic_us(&clock_system) + PARK_AWAIT_MS * 1000;
	while (bytes.n > 0) {
		ssize_t n = send(park->channel_fd, bytes.p, bytes.n, MSG_NOSIGNAL);
		if (n >= 0)
			bytes = (struct str){bytes.p + n, bytes.n - (size_t)n};
		else if (errno == EAGAIN && wait_for(park, POLLOUT, deadline_us, err) != 0)
			return -1;
		else if (errno != EAGAIN && errno != EINTR)
			return error_errno(err, "send");
	}
	return 0;
}

int park_hand_over(struct park *park, const struct environment *environment, struct error *err)
{
	cleanup_buffer struct buffer message = BUFFER(4 + PARK_MAX_ENVIRONMENT);
	buffer_append(&message, "\0\0\0", 4); /* the length, when it is known */
	for (unsigned i = 0; i < environment->count; i++)
		buffer_append(&message, environment->entries[i], strlen(environment->entries[i]) + 1);
	if (message.failed)
		return error_no_memory(err);
	for (unsigned i = 0; i < 4; i++)
		message.data[i] = (char)((message.len - 4) >> (8 * (3 - i)));
	if (send_all(park, buffer_str(&message), err) != 0)
		return -1;
	park_close(park);
	return 0;
}

int park_hook_cold(const struct place *place, const char *interpreter, struct environment *environment,
		   struct error *err)
{
	struct park park;
	if (park_configure(&park, interpreter, NULL, NULL, err) != 0)
		return -1;
	if (!park.language || !park.language->is_installed)
		return 0;
	park.place = place;
	return find_hook(&park, err) != 0 ? -1 : set_hook(&park, environment, err);
}
