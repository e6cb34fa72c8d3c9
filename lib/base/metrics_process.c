/* What the kernel says about this process, under the names that every Prometheus client gives them. */
#include "lib/base/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define STAT_MAX 4096

/* Fields of /proc/self/stat, counted from 1 as in proc(5). */
#define STAT_USER_TICKS 14
#define STAT_SYSTEM_TICKS 15
#define STAT_START_TICKS 22
#define STAT_VIRTUAL_BYTES 23
#define STAT_RESIDENT_PAGES 24
#define STAT_FIELDS 24

/* A small file of /proc, NUL-terminated; false if it can't be read. */
static bool read_proc(const char *path, char *ret, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, ret, size - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

/* ret[FIELD] for the fields behind the program's name, which may hold blanks and parentheses. */
static bool read_stat(int64_t ret[STAT_FIELDS + 1])
{
	char text[STAT_MAX];
	if (!read_proc("/proc/self/stat", text, sizeof(text)))
		return false;
	const char *at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return false;
	struct str rest = str_of(at + 2), field;
	str_split_once(rest, ' ', &field, &rest); /* 3: the state, a letter */
	for (size_t i = 4; i <= STAT_FIELDS; i++) {
		str_split_once(rest, ' ', &field, &rest);
		if (!str_to_i64(field, INT64_MIN, INT64_MAX, &ret[i]))
			return false;
	}
	return true;
}

/* When the process was started, in seconds since 1970. Kept from the first call on: the clocks drift against
 * each other, and a start that moves looks like a restart. */
static double start_time(int64_t start_ticks, double ticks_per_second)
{
	static double known;
	struct timespec wall, boot;
	if (known > 0)
		return known;
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	double wall_s = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9;
	double boot_s = (double)boot.tv_sec + (double)boot.tv_nsec / 1e9;
	known = wall_s - boot_s + (double)start_ticks / ticks_per_second;
	return known;
}

/* Open descriptors, without the one that counts them; -1 if they can't be seen. */
static int count_fds(void)
{
	cleanup_closedir DIR *directory = opendir("/proc/self/fd");
	int n = -1;
	if (!directory)
		return -1;
	for (const struct dirent *entry; (entry = readdir(directory));)
		n += entry->d_name[0] != '.';
	return n;
}

static void append(struct buffer *out, const char *name, const char *type, const char *help, double value)
{
	buffer_appendf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
}

void metrics_append_process(const char *component, const char *version, struct buffer *out)
{
	int64_t stat[STAT_FIELDS + 1];
	struct rlimit files;
	double ticks_per_second = (double)sysconf(_SC_CLK_TCK);
	int fds = count_fds();
	buffer_appendf(out,
		       "# HELP skillbox_build_info The program and its version; the value is always 1.\n"
		       "# TYPE skillbox_build_info gauge\n"
		       "skillbox_build_info{component=\"%s\",version=\"%s\"} 1\n",
		       component, version);
	if (read_stat(stat)) {
		append(out, "process_cpu_seconds_total", "counter", "User and system CPU time in seconds.",
		       (double)(stat[STAT_USER_TICKS] + stat[STAT_SYSTEM_TICKS]) / ticks_per_second);
		append(out, "process_resident_memory_bytes", "gauge", "Resident memory in bytes.",
		       (double)stat[STAT_RESIDENT_PAGES] * (double)sysconf(_SC_PAGESIZE));
		append(out, "process_virtual_memory_bytes", "gauge", "Virtual memory in bytes.",
		       (double)stat[STAT_VIRTUAL_BYTES]);
		append(out, "process_start_time_seconds", "gauge",
		       "Start of the process in seconds since 1970.",
		       start_time(stat[STAT_START_TICKS], ticks_per_second));
	}
	if (fds >= 0)
		append(out, "process_open_fds", "gauge", "Open file descriptors.", fds);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		append(out, "process_max_fds", "gauge", "Most file descriptors that may be open.",
		       (double)files.rlim_cur);
}
