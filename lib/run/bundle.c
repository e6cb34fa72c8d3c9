#include "lib/run/bundle.h"

#include "lib/base/temporary.h"
#include "lib/frame/packed.h"
#include "lib/skill/entrypoint.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define WRITE_BLOCK ((size_t)256 * 1024)
/* Bytes of a FILE with its header: the path, and less for the rest. */
#define FILE_FRAME_MAX (FRAME_MAX_PATH + 64u)

/* Frames on their way: in memory until there are too many for that, then in a file. */
struct encoder {
	struct bundle *bundle;
	enum frame_type file_type; /* FRAME_FILE or FRAME_PACKAGE */
	struct buffer plain;       /* not packed yet: FRAME_PACKED_SIZE at most */
	struct buffer out;         /* not written yet */
};

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
		ssize_t got = pread(bundle->fd, ret, n, offset);
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

static int flush(struct encoder *encoder, struct error *err)
{
	struct bundle *bundle = encoder->bundle;
	if (bundle->fd < 0)
		bundle->fd = temporary_file(err);
	if (bundle->fd < 0 || temporary_write(bundle->fd, buffer_str(&encoder->out), err) != 0)
		return -1;
	buffer_reset(&encoder->out);
	return 0;
}

static int pack(struct encoder *encoder, struct error *err)
{
	size_t before = encoder->out.len;
	if (packed_encode(buffer_str(&encoder->plain), &encoder->out, err) != 0)
		return -1;
	buffer_reset(&encoder->plain);
	encoder->bundle->size += (int64_t)(encoder->out.len - before);
	return encoder->out.len >= WRITE_BLOCK ? flush(encoder, err) : 0;
}

/* size: bytes of the frame at most. */
static int put(struct encoder *encoder, const struct frame *frame, size_t size, struct error *err)
{
	if (size > FRAME_PACKED_SIZE - encoder->plain.len && pack(encoder, err) != 0)
		return -1;
	return frame_encode(frame, &encoder->plain, err);
}

/* As an archive_visitor */
static int put_file(void *context, const struct archive_entry *entry, struct error *err)
{
	struct encoder *encoder = context;
	struct frame frame = {.type = encoder->file_type,
			      .file = {str_of(entry->path), entry->mode & 0777u, (uint64_t)entry->size}};
	encoder->bundle->file_count++;
	encoder->bundle->byte_count += entry->size;
	return put(encoder, &frame, FILE_FRAME_MAX, err) == 0 ? 0 : error_wrap(err, "%s", entry->path);
}

static int put_data(void *context, struct str piece, struct error *err)
{
	while (piece.n > 0) {
		size_t n = piece.n < FRAME_DATA_SIZE ? piece.n : FRAME_DATA_SIZE;
		struct frame frame = {.type = FRAME_DATA, .data = {piece.p, n}};
		if (put(context, &frame, FRAME_HEADER_SIZE + n, err) != 0)
			return -1;
		piece = (struct str){piece.p + n, piece.n - n};
	}
	return 0;
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

/* What is still in the buffer goes where the bundle is to be. */
static int finish(struct encoder *encoder, struct error *err)
{
	struct bundle *bundle = encoder->bundle;
	if (pack(encoder, err) != 0)
		return -1;
	if (bundle->fd >= 0 || encoder->out.len > BUNDLE_IN_MEMORY)
		return flush(encoder, err);
	bundle->frames = malloc(encoder->out.len + 1);
	if (!bundle->frames)
		return error_no_memory(err);
	if (encoder->out.len)
		memcpy(bundle->frames, encoder->out.data, encoder->out.len);
	return 0;
}

static int start(struct encoder *encoder, struct error *err)
{
	*encoder =
	    (struct encoder){calloc(1, sizeof(*encoder->bundle)), FRAME_FILE, BUFFER(FRAME_PACKED_SIZE),
			     BUFFER(WRITE_BLOCK + FRAME_MAX_PAYLOAD + FRAME_HEADER_SIZE)};
	if (!encoder->bundle)
		return error_no_memory(err);
	encoder->bundle->references = 1;
	encoder->bundle->fd = -1;
	return 0;
}

static struct bundle *end(struct encoder *encoder, int status)
{
	buffer_free(&encoder->plain);
	buffer_free(&encoder->out);
	return status == 0 ? encoder->bundle : bundle_unref(encoder->bundle);
}

struct bundle *bundle_encode_zip(int zip_fd, const char *lang, const char *entrypoint, struct error *err)
{
	struct archive_limits limits = archive_limits_default;
	limits.max_compressed = BUNDLE_MAX_ZIP;
	struct encoder encoder;
	struct archive_visitor visitor = {put_file, put_data, &encoder};
	struct archive_content content = {0};
	int status = start(&encoder, err);
	if (status == 0)
		status = archive_read_zip(zip_fd, &limits, &visitor, &content, err);
	if (status == 0)
		status = find_entrypoint(encoder.bundle, &content, lang, entrypoint, err);
	if (status == 0)
		status = finish(&encoder, err);
	archive_content_free(&content);
	return end(&encoder, status);
}

struct bundle *bundle_encode(const struct archive_content *content, const char *lang, const char *entrypoint,
			     struct error *err)
{
	struct encoder encoder;
	int status = start(&encoder, err);
	if (status == 0)
		status = find_entrypoint(encoder.bundle, content, lang, entrypoint, err);
	for (size_t i = 0; status == 0 && i < content->count; i++) {
		const struct archive_entry *entry = &content->entries[i];
		status = put_file(&encoder, entry, err);
		if (status == 0)
			status = put_data(&encoder, (struct str){entry->data, entry->size}, err);
	}
	if (status == 0)
		status = finish(&encoder, err);
	return end(&encoder, status);
}
