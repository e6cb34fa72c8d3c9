#include "apiserver/http/body.h"

#include "lib/base/temporary.h"

#include <unistd.h>

static enum usage_kind kind_of(const struct body *body, int64_t size)
{
	return body->is_elsewhere || size > (int64_t)USAGE_IN_MEMORY_MAX ? USAGE_FILES : USAGE_MEMORY;
}

static int reserve(struct body *body, int64_t size, struct error *err)
{
	enum usage_kind kind = kind_of(body, size);
	if (size <= body->reserved)
		return 0;
	/* One that has become large moves, with all of it. */
	int64_t more = kind == body->kind ? size - body->reserved : size;
	if (usage_take(body->usage, body->tenant, kind, more, &body->hold, err) != 0)
		return -1;
	if (kind != body->kind)
		usage_give_back(&body->hold, body->kind, body->reserved);
	body->kind = kind;
	body->reserved = size;
	return 0;
}

int body_begin(struct body *body, struct usage *usage, const char *tenant, int64_t length, bool is_elsewhere,
	       struct error *err)
{
	*body = (struct body){.usage = usage,
			      .tenant = tenant,
			      .is_elsewhere = is_elsewhere,
			      .text = BUFFER(USAGE_IN_MEMORY_MAX),
			      .fd = -1};
	body->kind = kind_of(body, 0);
	return length > 0 ? reserve(body, length, err) : 0;
}

/* From memory to a file. */
static int spill(struct body *body, struct error *err)
{
	body->fd = temporary_file(err);
	if (body->fd < 0 || temporary_write(body->fd, buffer_str(&body->text), err) != 0)
		return -1;
	buffer_free(&body->text);
	return 0;
}

int body_add(struct body *body, struct str piece, struct error *err)
{
	body->received += (int64_t)piece.n;
	if (reserve(body, body->received, err) != 0)
		return -1;
	if (body->is_elsewhere)
		return 0;
	if (body->fd < 0 && body->kind == USAGE_FILES && spill(body, err) != 0)
		return -1;
	if (body->fd >= 0)
		return temporary_write(body->fd, piece, err);
	return buffer_append_str(&body->text, piece) == 0
		   ? 0
		   : buffer_check(&body->text, "the request body", err);
}

int body_end(struct body *body, struct str *ret, struct error *err)
{
	if (body->fd >= 0) {
		int fd = body->fd;
		body->fd = -1;
		if (mapping_take(&body->whole, fd, body->received, err) != 0)
			return -1;
	}
	*ret = body->whole.text.p ? body->whole.text : buffer_str(&body->text);
	return 0;
}

void body_clear(struct body *body)
{
	if (body->fd >= 0 && body->text.max) /* begun */
		close(body->fd);
	mapping_clear(&body->whole);
	buffer_free(&body->text);
	usage_release(&body->hold);
	*body = (struct body){.fd = -1};
}
