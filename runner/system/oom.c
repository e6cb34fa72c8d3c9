#include "runner/system/oom.h"

#include "lib/base/str.h"

#include <fcntl.h>
#include <unistd.h>

#define EVENTS_MAX 1024 /* far above what the kernel writes */

int oom_open(void)
{
	int fd = open("/sys/fs/cgroup/memory.events", O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : open("/sys/fs/cgroup/memory/memory.oom_control", O_RDONLY | O_CLOEXEC);
}

uint64_t oom_parse(const char *text)
{
	struct str rest = str_of(text), line, name, number;
	while (rest.n > 0) {
		str_split_once(rest, '\n', &line, &rest);
		int64_t value;
		if (str_split_once(line, ' ', &name, &number) && str_eq(name, STR("oom_kill")) &&
		    str_to_i64(number, 0, INT64_MAX, &value))
			return (uint64_t)value;
	}
	return 0;
}

uint64_t oom_kills(int fd)
{
	char text[EVENTS_MAX];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return 0;
	text[n] = '\0';
	return oom_parse(text);
}
