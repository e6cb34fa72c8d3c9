#include "cli/output/print.h"

#include "cli/output/indent.h"
#include "cli/output/table.h"
#include "lib/base/jsontext.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)2 << 30)

static const struct jsontext_rules any_depth = {.max_depth = JSONTEXT_ANY_DEPTH};

static int check_write(bool is_good, struct error *err)
{
	if (!is_good && errno == EPIPE) { /* `| head` has seen enough: the end that every program has then */
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return is_good ? 0 : error_errno(err, "can't write to standard output");
}

int print_bytes(struct str bytes, struct error *err)
{
	return check_write(bytes.n == 0 || fwrite(bytes.p, 1, bytes.n, stdout) == bytes.n, err);
}

int print_text(struct error *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vprintf(format, args);
	va_end(args);
	return check_write(n >= 0 && putchar('\n') != EOF, err);
}

int print_flush(struct error *err)
{
	return check_write(fflush(stdout) == 0 && !ferror(stdout), err);
}

int print_json(struct str json, enum output output, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
	int status = output == OUTPUT_JSONL ? jsontext_minify(json, &any_depth, &text, err)
					    : json_indent(json, &text, err);
	if (status != 0)
		return error_wrap(err, "the answer makes no sense");
	buffer_append_byte(&text, '\n');
	if (buffer_check(&text, "the answer", err) != 0 || print_bytes(buffer_str(&text), err) != 0)
		return -1;
	return print_flush(err);
}

void json_member_text(struct str object, const char *key, struct buffer *out)
{
	struct str value;
	if (!jsontext_member(object, str_of(key), &value) || jsontext_kind_of(value) == JSONTEXT_NULL)
		return;
	if (jsontext_kind_of(value) == JSONTEXT_STRING)
		jsontext_decode_string(value, out, NULL);
	else
		buffer_append_str(out, value);
}

static int print_name(struct str object, const struct listing *listing, struct error *err)
{
	cleanup_buffer struct buffer name = BUFFER(65536);
	json_member_text(object, listing->name_key, &name);
	if (listing->second_key) {
		buffer_append_byte(&name, '@');
		json_member_text(object, listing->second_key, &name);
	}
	return print_text(err, "%s", name.data ? name.data : "");
}

static int print_one(struct str object, const struct listing *listing, enum output output, struct error *err)
{
	return output == OUTPUT_NAME ? print_name(object, listing, err) : print_json(object, output, err);
}

int print_list(struct str array, const struct listing *listing, enum output output, struct error *err)
{
	struct str object;
	size_t position = 0;
	if (jsontext_check(array, &any_depth, err) != 0)
		return error_wrap(err, "the answer makes no sense");
	array = str_trim(array);
	if (jsontext_kind_of(array) != JSONTEXT_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the answer makes no sense: it is not a JSON array");
	if (output == OUTPUT_JSON)
		return print_json(array, output, err);
	while (jsontext_next_element(array, &position, &object))
		if (jsontext_kind_of(object) != JSONTEXT_OBJECT)
			return error_set(err, ERR_PROTOCOL,
					 "the answer makes no sense: an item is not a JSON object");
	if (output == OUTPUT_TABLE)
		return table_print(array, listing, err);
	position = 0;
	while (jsontext_next_element(array, &position, &object))
		if (print_one(object, listing, output, err) != 0)
			return -1;
	return print_flush(err);
}

int print_object(struct str object, const struct listing *listing, enum output output, struct error *err)
{
	if (output == OUTPUT_JSON || output == OUTPUT_JSONL)
		return print_json(object, output, err);
	cleanup_buffer struct buffer array = BUFFER(TEXT_MAX);
	buffer_append_byte(&array, '[');
	buffer_append_str(&array, object);
	buffer_append_byte(&array, ']');
	if (buffer_check(&array, "the answer", err) != 0)
		return -1;
	return print_list(buffer_str(&array), listing, output, err);
}
