#include "apiserver/rest/images.h"

#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/policy/image.h"
#include "lib/skill/entrypoint.h"
#include "lib/wheel/images.h"

/* Of which language it is the image of skills that name none; NULL: of no language. */
static const char *language_with(struct str image)
{
	for (size_t i = 0; i < LANGUAGE_COUNT; i++)
		if (str_eq(image_name(image), str_of(language_list[i].default_image)))
			return language_list[i].name;
	return NULL;
}

static void put_python(struct buffer *out, const struct wheel_target *target)
{
	char text[WHEEL_TARGET_SIZE];
	wheel_target_format(target, text);
	json_key(out, "python");
	json_open(out, '{');
	json_put_string(out, "target", text);
	wheel_target_put(target, out);
	json_close(out, '}');
}

static void put_image(struct buffer *out, struct str image, const struct policy *policy)
{
	struct wheel_target target;
	json_open(out, '{');
	json_key(out, "image");
	jsontext_append_string(out, image);
	json_put_string(out, "lang", language_with(image));
	if (wheel_images_find(str_of(policy->python_images), image, &target))
		put_python(out, &target);
	json_close(out, '}');
}

void rest_image_list(struct request *request)
{
	const struct policy *policy = &request->operation.server->config->policy;
	cleanup_buffer struct buffer body = BUFFER(ANSWER_MAX);
	struct str left = str_of(policy->image_allowlist), image;
	json_open(&body, '{');
	json_key(&body, "images");
	json_open(&body, '[');
	for (bool more = left.n > 0; more;) {
		more = str_split_once(left, ',', &image, &left);
		if (str_trim(image).n > 0)
			put_image(&body, str_trim(image), policy);
	}
	json_close(&body, ']');
	json_close(&body, '}');
	answer_json(request, 200, &body);
}
