#include "cli/dependencies/images.h"

#include "lib/base/jsontext.h"
#include "lib/wheel/target.h"

#include <stdio.h>

#define TEXT_MAX ((size_t)1024)
#define SAY_PYTHON "say which Python it has by --python, as in --python 3.12"

static bool take_text(struct str object, const char *key, struct buffer *out)
{
	struct str value;
	buffer_reset(out);
	return jsontext_member(object, str_of(key), &value) && jsontext_kind_of(value) == JSONTEXT_STRING &&
	       jsontext_decode_string(value, out, NULL) == 0 && out->len > 0;
}

static bool take_target(struct str image, struct buffer *out)
{
	struct str python;
	return jsontext_member(image, STR("python"), &python) &&
	       jsontext_kind_of(python) == JSONTEXT_OBJECT && take_text(python, "target", out);
}

static int check(struct str text, struct str *ret_list, struct error *err)
{
	if (jsontext_check(text, NULL, err) != 0 || jsontext_kind_of(text) != JSONTEXT_OBJECT ||
	    !jsontext_member(text, STR("images"), ret_list) || jsontext_kind_of(*ret_list) != JSONTEXT_ARRAY)
		return error_set(err, ERR_PROTOCOL,
				 "the answer makes no sense: GET /v1/images gave no list 'images'");
	return 0;
}

static bool next_image(struct str list, size_t *position, struct str *ret)
{
	while (jsontext_next_element(list, position, ret))
		if (jsontext_kind_of(*ret) == JSONTEXT_OBJECT)
			return true;
	return false;
}

int images_target(struct str images, const char *image, char *ret, size_t size, struct error *err)
{
	struct str list, item;
	size_t position = 0;
	cleanup_buffer struct buffer name = BUFFER(TEXT_MAX), lang = BUFFER(TEXT_MAX),
				     target = BUFFER(TEXT_MAX);
	if (check(images, &list, err) != 0)
		return -1;
	while (next_image(list, &position, &item)) {
		if (!take_text(item, "image", &name))
			continue;
		bool is_meant =
		    image[0] ? str_eq(buffer_str(&name), str_of(image))
			     : take_text(item, "lang", &lang) && str_eq(buffer_str(&lang), STR("python"));
		if (!is_meant)
			continue;
		if (!take_target(item, &target))
			return error_set(
			    err, ERR_NOT_FOUND,
			    "the server doesn't say which Python the image '%s' has: " SAY_PYTHON, name.data);
		snprintf(ret, size, "%s", target.data);
		return 0;
	}
	return image[0]
		   ? error_set(err, ERR_NOT_FOUND,
			       "the server doesn't allow the image '%s' (skillbox api GET /v1/images)", image)
		   : error_set(err, ERR_NOT_FOUND,
			       "the server has no image that is the default for Python: " SAY_PYTHON);
}

void images_machine(struct str images, char *ret, size_t size)
{
	struct str list, item;
	size_t position = 0;
	ret[0] = 0;
	if (check(images, &list, NULL) != 0)
		return;
	while (next_image(list, &position, &item)) {
		struct wheel_target target;
		cleanup_buffer struct buffer text = BUFFER(TEXT_MAX);
		if (take_target(item, &text) && wheel_target_parse(buffer_str(&text), &target, NULL) == 0) {
			snprintf(ret, size, "%s", target.machine);
			return;
		}
	}
}
