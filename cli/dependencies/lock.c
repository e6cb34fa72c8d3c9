#include "cli/dependencies/lock.h"

#include "cli/files/whole_file.h"
#include "lib/wheel/name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>

#define HEAD "# Made by skillbox from " REQUIREMENTS_NAME ": made anew when that changes, or by --relock.\n"
#define TARGET "# target: "

static void put_head(const struct requirements *requirements, const char *target, struct buffer *out)
{
	buffer_appendf(out, HEAD TARGET "%s\n", target);
	buffer_append_str(out, buffer_str(&requirements->files));
}

int lock_read(const char *folder, struct lock *ret, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	buffer_appendf(&path, "%s/" LOCK_NAME, folder);
	if (buffer_check(&path, "a path", err) != 0)
		return -1;
	cleanup_close int fd = open(path.data, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return error_errno(err, "can't read %s", path.data);
	if (whole_file_read(fd, path.data, &ret->text, err) != 0)
		return -1;
	struct str text = buffer_str(&ret->text), line, rest;
	ret->is_there = true;
	ret->is_ours = str_starts_with(text, STR(HEAD));
	if (!ret->is_ours)
		return 0;
	text = (struct str){text.p + sizeof(HEAD) - 1, text.n - (sizeof(HEAD) - 1)};
	str_split_once(text, '\n', &line, &rest);
	if (str_starts_with(line, STR(TARGET)) && line.n - (sizeof(TARGET) - 1) < sizeof(ret->target)) {
		memcpy(ret->target, line.p + sizeof(TARGET) - 1, line.n - (sizeof(TARGET) - 1));
		ret->target[line.n - (sizeof(TARGET) - 1)] = 0;
	}
	return 0;
}

bool lock_is_of(const struct lock *lock, const struct requirements *requirements, const char *target)
{
	cleanup_buffer struct buffer head = BUFFER(LOCK_MAX);
	put_head(requirements, target, &head);
	buffer_append_byte(&head, '\n'); /* there is no file more */
	return lock->is_ours && !head.failed && str_starts_with(buffer_str(&lock->text), buffer_str(&head));
}

bool lock_has_hash(const struct lock *lock, const char *hex)
{
	return lock->text.len > 0 && strstr(lock->text.data, hex);
}

/* ---- what a URL or path leads to */

static int digit(char c)
{
	return c >= '0' && c <= '9'                     ? c - '0'
	       : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
							: -1;
}

/* The file's name at its end, without what stands behind '#' and '?', and with %XX decoded. */
static void put_file_name(struct str url, struct buffer *out)
{
	struct str head, rest;
	str_split_once(url, '#', &head, &rest);
	str_split_once(head, '?', &url, &rest);
	for (size_t i = url.n; i > 0; i--)
		if (url.p[i - 1] == '/') {
			url = (struct str){url.p + i, url.n - i};
			break;
		}
	for (size_t i = 0; i < url.n; i++) {
		bool is_code =
		    url.p[i] == '%' && i + 2 < url.n && digit(url.p[i + 1]) >= 0 && digit(url.p[i + 2]) >= 0;
		int code = is_code ? digit(url.p[i + 1]) * 16 + digit(url.p[i + 2]) : url.p[i];
		buffer_append_byte(out, (char)code);
		i += is_code ? 2 : 0;
	}
}

/* Of the requirements that are URLs or paths, the one that this wheel came from. */
static struct str url_of(const struct requirements *requirements, const char *wheel)
{
	struct str rest = buffer_str(&requirements->urls), line;
	while (rest.n > 0) {
		cleanup_buffer struct buffer name = BUFFER(PATH_MAX);
		str_split_once(rest, '\n', &line, &rest);
		put_file_name(line, &name);
		if (str_eq(buffer_str(&name), str_of(wheel)))
			return line;
	}
	return (struct str){NULL, 0};
}

/* ---- its lines */

struct line {
	char *key; /* its project's name */
	struct buffer text;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->key, ((const struct line *)b)->key);
}

static int make_line(const struct requirements *requirements, const struct lock_wheel *wheel,
		     struct line *ret, struct error *err)
{
	struct wheel_name parts;
	struct str url = url_of(requirements, wheel->name);
	char name[WHEEL_NAME_MAX + 1];
	ret->text = BUFFER(REQUIREMENTS_MAX);
	if (wheel_name_parse(str_of(wheel->name), &parts, err) != 0)
		return error_wrap(err, "%s", wheel->name);
	wheel_project_normalise(parts.name, name);
	if (url.n > 0 && memchr(url.p, ':', url.n))
		buffer_appendf(&ret->text, "%s @ %.*s", name, (int)url.n, url.p);
	else if (url.n > 0)
		buffer_append_str(&ret->text, url);
	else
		buffer_appendf(&ret->text, "%s==%.*s", name, (int)parts.version.n, parts.version.p);
	buffer_appendf(&ret->text, " \\\n    --hash=sha256:%s\n", wheel->hex);
	if (buffer_check(&ret->text, wheel->name, err) != 0)
		return -1;
	ret->key = str_dup(str_of(name));
	return ret->key ? 0 : error_no_memory(err);
}

int lock_write(const struct requirements *requirements, const char *target, const struct lock_wheel *wheels,
	       size_t count, struct buffer *out, struct error *err)
{
	struct line *lines = calloc(count + 1, sizeof(*lines));
	int status = lines ? 0 : error_no_memory(err);
	for (size_t i = 0; status == 0 && i < count; i++)
		status = make_line(requirements, &wheels[i], &lines[i], err);
	if (status == 0) {
		qsort(lines, count, sizeof(*lines), compare);
		put_head(requirements, target, out);
		buffer_append_byte(out, '\n');
		buffer_append_str(out, buffer_str(&requirements->options));
		if (requirements->options.len > 0)
			buffer_append_byte(out, '\n');
	}
	for (size_t i = 0; lines && i < count; i++) {
		if (status == 0)
			buffer_append_str(out, buffer_str(&lines[i].text));
		buffer_free(&lines[i].text);
		free(lines[i].key);
	}
	free(lines);
	return status == 0 ? buffer_check(out, LOCK_NAME, err) : -1;
}
