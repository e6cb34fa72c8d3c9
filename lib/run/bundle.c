#include "lib/run/bundle.h"

#include "lib/run/encoder.h"
#include "lib/skill/entrypoint.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct bundle *bundle_ref(struct bundle *bundle)
{
	bundle->references++;
	return bundle;
}

struct bundle *bundle_unref(struct bundle *bundle)
{
	if (!bundle || --bundle->references > 0)
		return NULL;
	if (bundle->fd >= 0)
		close(bundle->fd);
	free(bundle->frames);
	free(bundle->entrypoint);
	free(bundle);
	return NULL;
}

struct bundle *bundle_outline(const struct bundle *bundle)
{
	struct bundle *outline = calloc(1, sizeof(*outline));
	if (!outline)
		return NULL;
	*outline = (struct bundle){.fd = -1,
				   .file_count = bundle->file_count,
				   .byte_count = bundle->byte_count,
				   .entrypoint = str_dup(str_of(bundle->entrypoint)),
				   .interpreter = bundle->interpreter,
				   .references = 1};
	return outline->entrypoint ? outline : bundle_unref(outline);
}

int bundle_read(const struct bundle *bundle, int64_t offset, char *ret, size_t n, struct error *err)
{
	if (bundle->frames) {
		memcpy(ret, bundle->frames + offset, n);
		return 0;
	}
	while (n > 0) {
		ssize_t got = pread(bundle->fd, ret, n, bundle->begin + offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, "can't read the bundle's temporary file");
		if (got == 0)
			return error_set(err, ERR_IO, "the bundle's temporary file was cut");
		ret += got;
		offset += got;
		n -= (size_t)got;
	}
	return 0;
}

static int64_t size_of(const struct bundle *packages)
{
	return packages ? packages->size : 0;
}

int64_t bundles_size(const struct bundle *packages, const struct bundle *files)
{
	return size_of(packages) + files->size;
}

int bundles_append(const struct bundle *packages, const struct bundle *files, int64_t *sent, size_t max,
		   struct buffer *out, struct error *err)
{
	int64_t before = size_of(packages);
	bool of_packages = *sent < before;
	const struct bundle *from = of_packages ? packages : files;
	int64_t at = of_packages ? *sent : *sent - before, left = from->size - at;
	size_t n = left < (int64_t)max ? (size_t)left : max;
	char *to = buffer_reserve(out, n);
	if (!to)
		return error_no_memory(err);
	if (bundle_read(from, at, to, n, err) != 0)
		return -1;
	out->len += n;
	*sent += (int64_t)n;
	return 0;
}

struct frame bundles_start(const struct bundle *packages, const struct bundle *files, uint64_t input_size)
{
	struct frame frame = {.type = FRAME_START,
			      .start = {files->file_count, files->byte_count + input_size}};
	if (packages) {
		frame.start.file_count += packages->file_count;
		frame.start.byte_count += packages->byte_count;
	}
	return frame;
}

static int find_entrypoint(struct bundle *bundle, const struct archive_content *content, const char *lang,
			   const char *entrypoint, struct error *err)
{
	cleanup_problems struct problems problems = PROBLEMS;
	struct skill_script script = {NULL, ""};
	if (skill_script_find(content, lang, entrypoint, &script, &problems) != 0) {
		const char *why = problems.count > 0 ? problems.items[0] : "out of memory";
		return error_set(err, problems.no_memory ? ERR_NO_MEMORY : ERR_INVALID_SKILL,
				 "the skill can't be run: %s", why);
	}
	if (!script.language)
		return error_set(
		    err, ERR_INVALID_SKILL,
		    "the skill has no entrypoint: add main.py, run.py, main.js, run.js, main.sh or run.sh at "
		    "the root or under scripts/, or an entrypoint given by name");
	bundle->interpreter = script.language->interpreter;
	bundle->entrypoint = str_dup(str_of(script.path));
	return bundle->entrypoint ? 0 : error_no_memory(err);
}

struct bundle *bundle_encode_zip(int zip_fd, const char *lang, const char *entrypoint, struct error *err)
{
	struct archive_limits limits = archive_limits_default;
	limits.max_compressed = BUNDLE_MAX_ZIP;
	struct encoder encoder;
	struct archive_visitor visitor = encoder_visitor(&encoder);
	struct archive_content content = {0};
	int status = encoder_init(&encoder, FRAME_FILE, err);
	if (status == 0)
		status = archive_read_zip(zip_fd, &limits, &visitor, &content, err);
	if (status == 0)
		status = find_entrypoint(encoder.bundle, &content, lang, entrypoint, err);
	if (status == 0)
		status = encoder_finish(&encoder, err);
	archive_content_free(&content);
	return encoder_take(&encoder, status);
}

struct bundle *bundle_encode(const struct archive_content *content, const char *lang, const char *entrypoint,
			     struct error *err)
{
	struct encoder encoder;
	struct archive_visitor visitor = encoder_visitor(&encoder);
	int status = encoder_init(&encoder, FRAME_FILE, err);
	if (status == 0)
		status = find_entrypoint(encoder.bundle, content, lang, entrypoint, err);
	for (size_t i = 0; status == 0 && i < content->count; i++) {
		const struct archive_entry *entry = &content->entries[i];
		status = visitor.file(visitor.context, entry, err);
		if (status == 0)
			status = visitor.data(visitor.context, (struct str){entry->data, entry->size}, err);
	}
	if (status == 0)
		status = encoder_finish(&encoder, err);
	return encoder_take(&encoder, status);
}
