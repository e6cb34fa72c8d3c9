/* Whatever a zip file says, what comes out of it lies below the skill's folder and within the limits. */
#include "lib/skill/skill_package.h"

#include "lib/base/utf8.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct str path)
{
	struct str rest = path, component;
	if (path.n == 0 || path.n > 1024 || path.p[0] == '/' || memchr(path.p, '\\', path.n) ||
	    !utf8_is_valid(path, NULL))
		abort();
	for (bool more = true; more;) {
		more = str_split_once(rest, '/', &component, &rest);
		if (component.n == 0 || str_eq(component, STR(".")) || str_eq(component, STR("..")))
			abort();
	}
}

static void check_content(const struct archive_content *content, const struct archive_limits *limits)
{
	int64_t total = 0;
	for (size_t i = 0; i < content->count; i++) {
		const struct archive_entry *entry = &content->entries[i];
		check_path(str_of(entry->path));
		if ((entry->mode & ~0777u) || entry->mode == 0 ||
		    archive_find(content, str_of(entry->path)) != entry)
			abort();
		if (entry->data)
			abort();
		if (i > 0 && strcmp(entry[-1].path, entry->path) >= 0)
			abort();
		total += (int64_t)entry->size;
	}
	if (total != content->total || total > limits->max_unpacked || content->count > limits->max_entries)
		abort();
}

/* Pieces of a file are never more than it says, and all of it where the reading goes on. */
struct seen {
	uint64_t expected, got;
};

static int see_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct seen *seen = context;
	(void)err;
	if (seen->got != seen->expected)
		abort();
	*seen = (struct seen){entry->size, 0};
	return 0;
}

static int see_data(void *context, struct str piece, struct error *err)
{
	struct seen *seen = context;
	(void)err;
	seen->got += piece.n;
	if (seen->got > seen->expected)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct archive_limits limits = {
	    .max_compressed = 1 << 20, .max_unpacked = 1 << 20, .max_entries = 50, .max_ratio = 200};
	int fd = memfd_create("archive", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	struct archive_content content;
	struct skill_package package;
	struct error err = {0};
	struct seen seen = {0};
	const struct archive_visitor visitor = {see_file, see_data, &seen};
	if (archive_read_zip(fd, &limits, &visitor, &content, &err) == 0) {
		check_content(&content, &limits);
		archive_content_free(&content);
	} else if (err.code != ERR_INVALID_SKILL && err.code != ERR_TOO_LARGE) {
		abort();
	}
	if (skill_package_read(fd, &limits, &package, &err) == 0) {
		bool runs = package.entrypoint[0], has_lang = language_find(str_of(package.manifest.lang));
		if (runs != has_lang || (runs && !archive_find(&package.content, str_of(package.entrypoint))))
			abort();
		skill_package_free(&package);
	}
	close(fd);
	return 0;
}
