#include "lib/run/packages.h"

#include "lib/frame/frame.h"
#include "lib/run/encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define MAGIC "SKILLBOX PACKAGES 1\n"
#define MAGIC_SIZE (sizeof(MAGIC) - 1)

struct packages_writer {
	struct encoder encoder;
};

static void put_number(unsigned char *at, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
}

static uint64_t number(const unsigned char *at, unsigned size)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

struct packages_writer *packages_writer_new(struct error *err)
{
	struct packages_writer *writer = calloc(1, sizeof(*writer));
	if (!writer) {
		error_no_memory(err);
		return NULL;
	}
	if (encoder_init(&writer->encoder, FRAME_PACKAGE, err) != 0 ||
	    encoder_to_file(&writer->encoder, PACKAGES_HEADER_SIZE, err) != 0)
		return packages_writer_free(writer);
	return writer;
}

struct archive_visitor packages_writer_visitor(struct packages_writer *writer)
{
	return encoder_visitor(&writer->encoder);
}

int packages_writer_end(struct packages_writer *writer, int *ret_fd, int64_t *ret_size,
			char ret_digest[DIGEST_TEXT_SIZE], struct error *err)
{
	struct bundle *bundle = writer->encoder.bundle;
	unsigned char header[PACKAGES_HEADER_SIZE] = MAGIC;
	if (encoder_finish(&writer->encoder, err) != 0)
		return -1;
	put_number(header + MAGIC_SIZE, bundle->file_count, 4);
	put_number(header + MAGIC_SIZE + 4, bundle->byte_count, 8);
	if (pwrite(bundle->fd, header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return error_errno(err, "can't write the packages' header");
	*ret_fd = bundle->fd;
	*ret_size = bundle->begin + bundle->size;
	bundle->fd = -1;
	return digest_file_text(*ret_fd, 0, *ret_size, ret_digest, err);
}

struct packages_writer *packages_writer_free(struct packages_writer *writer)
{
	if (writer)
		encoder_take(&writer->encoder, -1);
	free(writer);
	return NULL;
}

static int read_header(int fd, int64_t size, unsigned char header[PACKAGES_HEADER_SIZE], struct error *err)
{
	ssize_t n;
	do
		n = pread(fd, header, PACKAGES_HEADER_SIZE, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_errno(err, "can't read the packages");
	if (n != PACKAGES_HEADER_SIZE || size < PACKAGES_HEADER_SIZE ||
	    memcmp(header, MAGIC, MAGIC_SIZE) != 0)
		return error_set(
		    err, ERR_INVALID_SKILL,
		    "the skill's packages are stored in a way that this release does not know: push it "
		    "again");
	return 0;
}

struct bundle *packages_open(int fd, int64_t size, struct error *err)
{
	unsigned char header[PACKAGES_HEADER_SIZE];
	if (read_header(fd, size, header, err) != 0)
		return NULL;
	struct bundle *bundle = calloc(1, sizeof(*bundle));
	char *none = str_dup(STR(""));
	if (!bundle || !none) {
		error_no_memory(err);
		free(bundle);
		free(none);
		return NULL;
	}
	*bundle = (struct bundle){.fd = fd,
				  .begin = PACKAGES_HEADER_SIZE,
				  .size = size - PACKAGES_HEADER_SIZE,
				  .file_count = (uint32_t)number(header + MAGIC_SIZE, 4),
				  .byte_count = number(header + MAGIC_SIZE + 4, 8),
				  .entrypoint = none,
				  .references = 1};
	return bundle;
}
