/* What we say about what others wrote: an Execution, whatever is in it, becomes JSON; a log becomes events of
 * whole lines, the same ones however it was cut. The first byte of the input chooses which. */
#include "apiserver/execution/event_lines.h"
#include "apiserver/execution/render.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(struct str json)
{
	const struct render_texts texts = {.files_url = "http://localhost/blobs/x"};
	struct shared_execution *shared = shared_execution_from_json(json, NULL);
	if (!shared)
		return;
	for (enum render_form form = RENDER_RESULT; form <= RENDER_SUMMARY; form++) {
		cleanup_buffer struct buffer out = BUFFER(64 << 20);
		render_execution(shared, form, "acme", NULL, &texts, &out);
		if (out.failed || jsontext_check(buffer_str(&out), &(struct jsontext_rules){0}, NULL) != 0)
			abort();
	}
	shared_execution_unref(shared);
}

static void clean(struct str text)
{
	cleanup_buffer struct buffer out = BUFFER(8 << 20);
	utf8_append_clean(&out, text);
	if (out.failed || !utf8_is_valid(buffer_str(&out), NULL) ||
	    (out.len && memchr(out.data, '\0', out.len)))
		abort();
}

static void events(struct str log, size_t piece, struct buffer *out)
{
	struct event_lines lines = {.text = BUFFER(1 << 20)};
	for (size_t at = 0; at < log.n; at += piece) {
		size_t n = log.n - at < piece ? log.n - at : piece;
		if (event_lines_add(&lines, (struct str){log.p + at, n}) != 0)
			abort();
		while (event_lines_next(&lines, false, out))
			;
	}
	while (event_lines_next(&lines, true, out))
		;
	if (event_lines_waiting(&lines) || out->failed)
		abort();
	event_lines_drop(&lines);
	buffer_free(&lines.text);
}

/* No line of an event may be anything but a field, whatever the log holds. */
static void check_fields(struct str text)
{
	if (!utf8_is_valid(text, NULL))
		abort();
	while (text.n) {
		struct str line;
		str_split_once(text, '\n', &line, &text);
		bool is_field = line.n == 0 || str_starts_with(line, STR("data:")) ||
				str_starts_with(line, STR("id:")) || str_starts_with(line, STR("event:"));
		if (!is_field || (line.n && memchr(line.p, '\r', line.n)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 32768)
		return 0;
	struct str rest = {(const char *)data + 2, size - 2};
	if (data[0] % 3 == 0) {
		render(rest);
	} else if (data[0] % 3 == 1) {
		clean(rest);
	} else {
		cleanup_buffer struct buffer whole = BUFFER(8 << 20), cut = BUFFER(8 << 20);
		events(rest, SIZE_MAX / 2, &whole);
		events(rest, data[1] + 1u, &cut);
		if (!str_eq(buffer_str(&whole), buffer_str(&cut)))
			abort();
		check_fields(buffer_str(&whole));
	}
	return 0;
}
