/* What the API server may say on watch and exec streams, and in lists. The first byte of the input chooses
 * which, the second how long the pieces are in which it comes. */
#include "lib/base/jsontext.h"
#include "lib/kube/exec_frame.h"
#include "lib/kube/watch_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct str part, struct str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void try_watch(struct str text, size_t piece)
{
	struct watch_message message = {.text = BUFFER(4096)};
	struct watch_parsed parsed;
	struct error err;
	int result = 0;

	for (size_t at = 0; at < text.n && result == 0; at += piece) {
		size_t n = text.n - at < piece ? text.n - at : piece;

		result = watch_message_add(&message, (struct str){text.p + at, n}, at + n == text.n, &err);
	}
	if ((result < 0) != (text.n > 4096))
		abort();
	if (result == 0 && watch_message_parse(buffer_str(&message.text), &parsed, &err) == 0 &&
	    (!is_inside(parsed.object, buffer_str(&message.text)) ||
	     !is_inside(parsed.raw_resource_version, parsed.object)))
		abort();
	buffer_free(&message.text);
}

static void try_page(struct str text)
{
	struct watch_page page;
	size_t position = 0;
	struct str item;

	if (watch_page_parse(text, &page, NULL) < 0)
		return;
	if (!is_inside(page.items, text) || !is_inside(page.raw_continue, text))
		abort();
	while (page.items.n > 0 && jsontext_next_element(page.items, &position, &item))
		if (item.n == 0 || !is_inside(item, page.items) ||
		    jsontext_check(item, &(struct jsontext_rules){0}, NULL) < 0)
			abort();
}

static void try_exec(struct str text, size_t piece)
{
	struct exec_parser parser;
	enum exec_channel channel;
	int exit_code = -1;
	struct error err;
	struct str data;

	exec_parser_init(&parser);
	for (size_t at = 0; at < text.n && !parser.status_complete; at += piece) {
		struct str part = {text.p + at, text.n - at < piece ? text.n - at : piece};

		/* every piece that begins with an even byte ends its message */
		if (exec_parser_feed(&parser, part, part.p[0] % 2 == 0, &channel, &data, &err) < 0)
			break;
		if (!is_inside(data, part))
			abort();
	}
	if (parser.status_complete && exec_status_read(buffer_str(&parser.status), &exit_code, &err) == 0 &&
	    exit_code < 0)
		abort();
	exec_parser_free(&parser);
	exit_code = -1;
	if (exec_status_read(text, &exit_code, &err) == 0 && exit_code < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data + 2, size - 2};

	if (size < 2)
		return 0;
	if (data[0] % 3 == 0)
		try_watch(text, data[1] + 1u);
	else if (data[0] % 3 == 1)
		try_page(text);
	else
		try_exec(text, data[1] + 1u);
	return 0;
}
