#include "lib/base/log.h"

#include "lib/base/buffer.h"
#include "lib/base/clock.h"
#include "lib/base/jsontext.h"

#include <errno.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 * 1024)
#define VALUE_MAX_BYTES ((size_t)8 * 1024)

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct {
	const char *component;
	enum log_level level;
} settings = {"skillbox", LOG_INFO};

void log_init(const char *component, enum log_level level)
{
	settings.component = component;
	settings.level = level;
}

bool log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (str_eq_ignore_case(str_of(name), str_of(level_names[i]))) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static void append_pair(struct buffer *line, const char *key, const char *value)
{
	struct str text = str_of(value);
	if (text.n > VALUE_MAX_BYTES)
		text.n = VALUE_MAX_BYTES;
	buffer_append_c(line, ",");
	jsontext_append_string(line, str_of(key));
	buffer_append_c(line, ":");
	jsontext_append_string(line, text);
}

static void write_all(struct str line)
{
	while (line.n > 0) {
		ssize_t n = write(STDERR_FILENO, line.p, line.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere left to say so */
		line = (struct str){line.p + n, line.n - (size_t)n};
	}
}

void log_write(enum log_level level, const char *message, ...)
{
	if (level < settings.level)
		return;
	int saved = errno;
	cleanup_buffer struct buffer line = BUFFER(LINE_MAX_BYTES);
	char now[CLOCK_RFC3339_SIZE];
	clock_format_rfc3339(clock_wall_ms(&clock_system), true, now);
	buffer_appendf(&line, "{\"ts\":\"%s\",\"level\":\"%s\"", now, level_names[level]);
	append_pair(&line, "component", settings.component);
	append_pair(&line, "msg", message);
	va_list pairs;
	va_start(pairs, message);
	for (const char *key; (key = va_arg(pairs, const char *)) != NULL;) {
		const char *value = va_arg(pairs, const char *);
		size_t before = line.len;
		if (!value)
			continue;
		append_pair(&line, key, value);
		if (line.failed &&
		    line.data) { /* a line that is too long loses its last pairs, and stays JSON */
			line.len = before;
			break;
		}
	}
	va_end(pairs);
	line.max = LINE_MAX_BYTES + 2;
	line.failed = false;
	if (buffer_append_c(&line, "}\n") == 0)
		write_all(buffer_str(&line));
	else
		write_all(STR("{\"level\":\"error\",\"msg\":\"out of memory while logging\"}\n"));
	errno = saved;
}
