#include "lib/wheel/images.h"

#include "lib/base/utf8.h"
#include "lib/policy/image.h"

/* The next entry of the list; false at its end. A comma behind the last one and blanks are nothing. */
static bool next_entry(struct str *list, struct str *ret)
{
	while (list->n > 0) {
		struct str entry;
		str_split_once(*list, ',', &entry, list);
		*ret = str_trim(entry);
		if (ret->n > 0)
			return true;
	}
	return false;
}

static int check_entry(struct str entry, struct str others, struct error *err)
{
	struct str image, target, other;
	struct wheel_target parsed;
	if (!str_split_once(entry, '=', &image, &target) || !image_is_reference(image))
		return error_set(err, ERR_BAD_REQUEST,
				 "\"%.*s\" must be IMAGE=TARGET, such as "
				 "python:3.12-slim=cp312-manylinux_2_36_x86_64",
				 utf8_shown(entry), entry.p);
	if (wheel_target_parse(target, &parsed, err) != 0)
		return error_wrap(err, "image %.*s", utf8_shown(image), image.p);
	while (next_entry(&others, &other)) {
		str_split_once(other, '=', &other, &target);
		if (str_eq(image_name(other), image_name(image)))
			return error_set(err, ERR_BAD_REQUEST, "the image %.*s is there twice",
					 utf8_shown(image), image.p);
	}
	return 0;
}

int wheel_images_check(struct str list, struct error *err)
{
	struct str entry;
	while (next_entry(&list, &entry))
		if (check_entry(entry, list, err) != 0)
			return -1;
	return 0;
}

bool wheel_images_find(struct str list, struct str image, struct wheel_target *ret)
{
	struct str entry, name, target;
	while (next_entry(&list, &entry))
		if (str_split_once(entry, '=', &name, &target) && str_eq(image_name(name), image_name(image)))
			return wheel_target_parse(target, ret, NULL) == 0;
	return false;
}
