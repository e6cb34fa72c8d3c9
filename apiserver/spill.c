#include "apiserver/spill.h"

#include "lib/base/temporary.h"

#include <inttypes.h>
#include <unistd.h>

static int reserve(struct spill *spill, int64_t size, struct error *err)
{
	if (size <= spill->reserved)
		return 0;
	if (usage_take(spill->usage, spill->tenant, USAGE_FILES, size - spill->reserved, &spill->hold, err) !=
	    0)
		return -1;
	spill->reserved = size;
	return 0;
}

static int take(struct spill *spill, struct str bytes, struct error *err)
{
	if ((int64_t)bytes.n > SPILL_MAX - spill->size)
		return error_set(err, ERR_TOO_LARGE, "the answer has more than %" PRId64 " bytes, the limit",
				 SPILL_MAX);
	if (reserve(spill, spill->size + (int64_t)bytes.n, err) != 0)
		return -1;
	if (spill->fd < 0 && (spill->fd = temporary_file(err)) < 0)
		return -1;
	if (temporary_write(spill->fd, bytes, err) != 0)
		return -1;
	spill->size += (int64_t)bytes.n;
	return 0;
}

/* The buffer's sink. */
static int on_full(void *context, struct str bytes)
{
	struct spill *spill = context;
	return take(spill, bytes, &spill->problem);
}

void spill_init(struct spill *spill, struct usage *usage, const char *tenant)
{
	*spill =
	    (struct spill){.text = BUFFER(USAGE_IN_MEMORY_MAX), .fd = -1, .usage = usage, .tenant = tenant};
	spill->text.sink = on_full;
	spill->text.sink_context = spill;
}

bool spill_expect(struct spill *spill, int64_t size)
{
	if (size > (int64_t)USAGE_IN_MEMORY_MAX && reserve(spill, size, &spill->problem) != 0)
		spill->text.failed = true;
	return !spill->text.failed;
}

int spill_finish(struct spill *spill, struct error *err)
{
	if (!spill->text.failed && spill->fd >= 0 &&
	    take(spill, buffer_str(&spill->text), &spill->problem) != 0)
		spill->text.failed = true;
	if (!spill->text.failed) {
		usage_give_back(&spill->hold, USAGE_FILES, spill->reserved - spill->size);
		spill->reserved = spill->size;
		return 0;
	}
	if (spill->problem.code == ERR_NONE)
		return error_set(err, ERR_UNAVAILABLE, "out of memory");
	*err = spill->problem;
	/* Nothing is wrong with what was asked for. */
	if (err->code == ERR_NO_CAPACITY || err->code == ERR_TOO_LARGE)
		err->code = ERR_UNAVAILABLE;
	return -1;
}

void spill_clear(struct spill *spill)
{
	if (spill->fd >= 0)
		close(spill->fd);
	spill->fd = -1;
	buffer_free(&spill->text);
	usage_release(&spill->hold);
}
