#include "lib/run/encoder.h"

#include "lib/base/temporary.h"
#include "lib/frame/packed.h"

#include <stdlib.h>
#include <unistd.h>

#define WRITE_BLOCK ((size_t)256 * 1024)
/* Bytes of a FILE with its header: the path, and less for the rest. */
#define FILE_FRAME_MAX (FRAME_MAX_PATH + 64u)

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

struct archive_visitor encoder_visitor(struct encoder *encoder)
{
	return (struct archive_visitor){put_file, put_data, encoder};
}

int encoder_init(struct encoder *encoder, enum frame_type file_type, struct error *err)
{
	*encoder = (struct encoder){calloc(1, sizeof(*encoder->bundle)), file_type, BUFFER(FRAME_PACKED_SIZE),
				    BUFFER(WRITE_BLOCK + FRAME_MAX_PAYLOAD + FRAME_HEADER_SIZE)};
	if (!encoder->bundle)
		return error_no_memory(err);
	encoder->bundle->references = 1;
	encoder->bundle->fd = -1;
	return 0;
}

int encoder_to_file(struct encoder *encoder, int64_t begin, struct error *err)
{
	struct bundle *bundle = encoder->bundle;
	bundle->begin = begin;
	bundle->fd = temporary_file(err);
	if (bundle->fd < 0)
		return -1;
	return lseek(bundle->fd, begin, SEEK_SET) == begin ? 0 : error_errno(err, "seek in a temporary file");
}

/* What is still in the buffer goes where the bundle is to be. */
int encoder_finish(struct encoder *encoder, struct error *err)
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

struct bundle *encoder_take(struct encoder *encoder, int status)
{
	struct bundle *bundle = encoder->bundle;
	buffer_free(&encoder->plain);
	buffer_free(&encoder->out);
	encoder->bundle = NULL;
	return status == 0 ? bundle : bundle_unref(bundle);
}
