/* What the API server may say on watch and exec streams, and in lists, and what users may put into the
 * objects there. The first byte of the input chooses which, the second how long the pieces are in which it
 * comes. */
#include "lib/base/jsontext.h"
#include "lib/kube/exec_frame.h"
#include "lib/kube/informer.h"
#include "lib/kube/watch_event.h"

#include <stdio.h>
#include <stdlib.h>

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
	while (page.items.n > 0 && jsontext_split_element(page.items, &position, &item) == JSONTEXT_PART)
		if (!is_inside(item, page.items))
			abort();
	/* What is JSON is split as JSON says. */
	if (jsontext_check(text, &(struct jsontext_rules){.max_depth = JSONTEXT_ANY_DEPTH}, NULL) < 0)
		return;
	position = 0;
	while (page.items.n > 0 && jsontext_split_element(page.items, &position, &item) == JSONTEXT_PART)
		if (jsontext_check(item, &(struct jsontext_rules){.max_depth = JSONTEXT_ANY_DEPTH}, NULL) < 0)
			abort();
}

#define POISON_MAX (128 << 10)
#define GOOD_NAME "not-to-be-made-by-chance-%d" /* longer than any string of the poison */
#define GOOD_OBJECT "{\"metadata\":{\"name\":\"" GOOD_NAME "\"}}"
#define POISON_STRING 16

/* Anything that closes the strings and brackets that it opens: wrong kinds of brackets, depths of some
 * ten thousand, keys given twice, words, bytes that are no text. */
static void append_poison(struct buffer *out, struct str recipe)
{
	size_t open = 0;

	for (size_t i = 0; i < recipe.n && out->len < POISON_MAX / 2; i++) {
		unsigned char c = (unsigned char)recipe.p[i];

		if (c < 32) {
			for (unsigned k = 0; k < c * 64u; k++, open++)
				buffer_append_byte(out, k % 3 ? '[' : '{');
		} else if (c == '{' || c == '[') {
			open++;
			buffer_append_byte(out, (char)c);
		} else if (c == '}' || c == ']' || c == ',') {
			if (open == 0)
				continue;
			open -= c != ',';
			buffer_append_byte(out, (char)c);
		} else if (c == '"') {
			buffer_append_byte(out, '"');
			for (size_t k = 0; k < POISON_STRING && i + 1 < recipe.n && recipe.p[i + 1] != '"';
			     k++) {
				if (recipe.p[++i] == '\\')
					buffer_append_byte(out, '\\');
				buffer_append_byte(out, recipe.p[i]);
			}
			i += i + 1 < recipe.n && recipe.p[i + 1] == '"';
			buffer_append_byte(out, '"');
		} else {
			buffer_append_byte(out, (char)c);
		}
	}
	for (; open > 0; open--)
		buffer_append_byte(out, open % 2 ? '}' : ']');
}

static void *parse_object(struct str json, struct error *err)
{
	struct jsontext_rules rules = {.max_depth = 128, .refuse_duplicates = true};
	struct str metadata, name;
	cleanup_buffer struct buffer text = BUFFER(256);

	if (jsontext_check(json, &rules, err) < 0)
		return NULL;
	if (jsontext_kind_of(json) != JSONTEXT_OBJECT || !jsontext_member(json, STR("metadata"), &metadata) ||
	    jsontext_kind_of(metadata) != JSONTEXT_OBJECT || !jsontext_member(metadata, STR("name"), &name) ||
	    jsontext_decode_string(name, &text, err) < 0 || text.len == 0) {
		error_set(err, ERR_BAD_REQUEST, "no name");
		return NULL;
	}
	return str_dup(buffer_str(&text));
}

static void append_name(const void *object, struct buffer *out)
{
	buffer_append_c(out, object);
}

static void list_into(struct informer *informer, struct str items, struct str poison)
{
	size_t position = 0, count = 0;
	struct str item;

	informer_handle(informer, WATCH_LIST_BEGIN, (struct str){0});
	while (jsontext_split_element(items, &position, &item) == JSONTEXT_PART) {
		if (count % 2 && !str_eq(item, str_trim(poison)))
			abort();
		count++;
		informer_handle(informer, WATCH_LISTED, item);
	}
	informer_handle(informer, WATCH_LIST_END, (struct str){0});
	if (count != 5)
		abort();
	for (int i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof name, GOOD_NAME, i);
		if (!informer_get(informer, str_of(name)))
			abort();
	}
}

/* Next to whatever else is in a list, good objects come through, each time it is read; and an event is split
 * from what it is about. */
static void try_poison(struct str recipe)
{
	struct informer_options options = {.parse = parse_object, .free_object = free, .key = append_name};
	cleanup_buffer struct buffer poison = BUFFER(2 * POISON_MAX), text = BUFFER(8 * POISON_MAX);
	struct informer *informer = informer_new(&options, NULL);
	struct watch_page page;
	struct watch_parsed parsed;

	buffer_append_c(&poison, "");
	append_poison(&poison, recipe);
	buffer_append_c(&text, "{\"items\":[");
	for (int i = 0; i < 3; i++) {
		buffer_appendf(&text, "%s" GOOD_OBJECT, i ? "," : "", i);
		if (i < 2)
			buffer_append_byte(&text, ',');
		if (i < 2)
			buffer_append_str(&text, buffer_str(&poison));
	}
	buffer_append_c(&text, "],\"metadata\":{\"resourceVersion\":\"7\"}}");
	if (!informer || poison.failed || text.failed || watch_page_parse(buffer_str(&text), &page, NULL) < 0)
		abort();
	list_into(informer, page.items, buffer_str(&poison));
	list_into(informer, page.items, buffer_str(&poison));
	informer_stop(informer);
	buffer_reset(&text);
	buffer_append_c(&text, "{\"type\":\"ADDED\",\"object\":{\"x\":");
	buffer_append_str(&text, buffer_str(&poison));
	buffer_append_c(&text, ",\"metadata\":{\"resourceVersion\":\"8\"}}}");
	if (watch_message_parse(buffer_str(&text), &parsed, NULL) < 0 ||
	    !str_eq(parsed.raw_resource_version, STR("8")) || parsed.object.n < poison.len)
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
	if (data[0] >= 192)
		try_poison(text);
	else if (data[0] % 3 == 0)
		try_watch(text, data[1] + 1u);
	else if (data[0] % 3 == 1)
		try_page(text);
	else
		try_exec(text, data[1] + 1u);
	return 0;
}
