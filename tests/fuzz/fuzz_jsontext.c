/* What is accepted minifies to a text that is accepted and minifies to itself, and can be walked to its end.
 */
#include "lib/base/jsontext.h"

#include "lib/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(struct str value)
{
	cleanup_buffer struct buffer text = BUFFER(1 << 20), again = BUFFER(8 << 20), back = BUFFER(1 << 20);
	if (jsontext_decode_string(value, &text, NULL) != 0)
		return; /* half a surrogate pair */
	if (!utf8_is_valid(buffer_str(&text), NULL) ||
	    jsontext_append_string(&again, buffer_str(&text)) != 0 ||
	    jsontext_decode_string(buffer_str(&again), &back, NULL) != 0 ||
	    !str_eq(buffer_str(&text), buffer_str(&back)))
		abort();
}

static void walk(struct str value)
{
	size_t position = 0;
	struct str key, inner;
	switch (jsontext_kind_of(value)) {
	case JSONTEXT_OBJECT:
		while (jsontext_next_member(value, &position, &key, &inner)) {
			cleanup_buffer struct buffer name = BUFFER(1 << 20);
			if (jsontext_decode_string((struct str){key.p - 1, key.n + 2}, &name, NULL) == 0 &&
			    !jsontext_member(value, buffer_str(&name), &(struct str){0}))
				abort();
			walk(inner);
		}
		break;
	case JSONTEXT_ARRAY:
		while (jsontext_next_element(value, &position, &inner))
			walk(inner);
		break;
	case JSONTEXT_STRING:
		check_string(value);
		break;
	default:
		if (jsontext_check(value, NULL, NULL) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size};
	struct error err = {0};
	const struct jsontext_rules strict = {.refuse_duplicates = true, .max_depth = 16};
	bool good = jsontext_check(text, NULL, &err) == 0;
	if (!good && (err.code != ERR_BAD_REQUEST || !utf8_is_valid(str_of(err.message), NULL)))
		abort();
	if (!good && jsontext_check(text, &strict, NULL) == 0)
		abort();
	if (!good)
		return 0;
	cleanup_buffer struct buffer small = BUFFER(size), again = BUFFER(size);
	if (jsontext_minify(text, NULL, &small, NULL) != 0 ||
	    jsontext_minify(buffer_str(&small), NULL, &again, NULL) != 0 ||
	    !str_eq(buffer_str(&small), buffer_str(&again)))
		abort();
	if (size < 10000)
		walk(buffer_str(&small));
	return 0;
}
