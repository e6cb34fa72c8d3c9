/* What the command line takes from servers and from files: the first byte of the input chooses. */
#include "cli/dev/dev_version.h"
#include "cli/files/unpack.h"
#include "cli/output/indent.h"
#include "cli/remote/events.h"
#include "lib/base/jsontext.h"
#include "lib/base/temporary.h"
#include "lib/skill/manifest.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void indented(struct str text)
{
	cleanup_buffer struct buffer out = BUFFER(1 << 22), before = BUFFER(1 << 22), after = BUFFER(1 << 22);
	static const struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
	struct error err = {0};
	if (json_indent(text, &out, &err) != 0)
		return;
	/* The same value, byte for byte, without its blanks. */
	if (jsontext_minify(text, &rules, &before, &err) != 0 ||
	    jsontext_minify(buffer_str(&out), &rules, &after, &err) != 0 ||
	    !str_eq(buffer_str(&before), buffer_str(&after)))
		abort();
}

static int count(void *context, struct str name, struct str text, struct error *err)
{
	size_t *bytes = context;
	(void)err;
	*bytes += name.n + text.n + 1;
	return 0;
}

/* Whole and in pieces it is the same. */
static void followed(struct str text, size_t piece)
{
	size_t whole = 0, pieces = 0;
	struct events events;
	events_init(&events, count, &whole);
	int result = events_feed(&events, text, NULL);
	events_free(&events);
	events_init(&events, count, &pieces);
	for (size_t at = 0; result == 0 && at < text.n; at += piece)
		result = events_feed(
		    &events, (struct str){text.p + at, text.n - at < piece ? text.n - at : piece}, NULL);
	events_free(&events);
	if (result == 0 && whole != pieces)
		abort();
}

static void versioned(struct str text)
{
	cleanup_buffer struct buffer out = BUFFER(1 << 20);
	struct manifest manifest = {0};
	struct error err = {0};
	if (dev_version_write(text, STR("1.0.0-dev.0123abcd"), &out, &err) != 0)
		return;
	if (manifest_parse(buffer_str(&out), &manifest, &err) != 0)
		abort();
	manifest_free(&manifest);
}

/* Whatever it is: what was written is in the folder, and nothing of what failed. */
static void unpacked(struct str bytes)
{
	char folder[] = "/tmp/skillbox-fuzz-XXXXXX";
	struct error err = {0};
	size_t files = 0;
	cleanup_close int fd = temporary_file(&err);
	if (fd < 0 || temporary_write(fd, bytes, &err) != 0 || !mkdtemp(folder))
		abort();
	if (unpack_files(fd, folder, &files, &err) != 0 && rmdir(folder) != 0)
		abort();
	cleanup_closedir DIR *stream = opendir(folder);
	for (struct dirent *entry; stream && (entry = readdir(stream));)
		unlinkat(dirfd(stream), entry->d_name, 0);
	rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct str text = {(const char *)data + 2, size - 2};
	switch (data[0] % 4) {
	case 0:
		indented(text);
		break;
	case 1:
		followed(text, (size_t)data[1] + 1);
		break;
	case 2:
		versioned(text);
		break;
	default:
		unpacked(text);
	}
	return 0;
}
