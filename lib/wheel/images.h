/* Which Python the images have, in the operator's words: SKILLBOX_PYTHON_IMAGES, entries IMAGE=TARGET
 * separated by commas. */
#ifndef SKILLBOX_WHEEL_IMAGES_H
#define SKILLBOX_WHEEL_IMAGES_H

#include "lib/base/error.h"
#include "lib/base/str.h"
#include "lib/wheel/target.h"

#include <stdbool.h>

/* At the start of a program: is each entry one, and each image there once? ERR_BAD_REQUEST naming the entry.
 * An empty list is none. */
int wheel_images_check(struct str list, struct error *err);
/* The target of an image in a list that was checked; false: it is not there. "docker.io/library/" in front
 * and a digest behind the name make no difference. */
bool wheel_images_find(struct str list, struct str image, struct wheel_target *ret);

#endif
