#include "lib/kube/watch_event.h"

#include "lib/base/jsontext.h"

int watch_message_add(struct watch_message *message, struct str piece, bool last, struct error *err)
{
	if (message->complete)
		buffer_reset(&message->text);
	message->complete = false;
	if (buffer_append_str(&message->text, piece) < 0)
		return error_set(err, ERR_TOO_LARGE, "a watch event is longer than %zu bytes",
				 message->text.max);
	message->complete = last;
	return 0;
}

/* Objects hold what their users made of them, at whatever depth: they are split from what is around them, and
 * nothing of them is read here but the version. */

static bool member_of_kind(struct str object, struct str key, enum jsontext_kind kind, struct str *ret)
{
	struct str value;

	if (!jsontext_split_find(object, key, &value) || value.n == 0 || jsontext_kind_of(value) != kind)
		return false;
	*ret = value;
	return true;
}

/* The text between the quotes. Escapes stay: these strings are compared with literals that need none, or go
 * back to the server. */
static bool member_string(struct str object, struct str key, struct str *ret_raw)
{
	struct str value;

	if (!member_of_kind(object, key, JSONTEXT_STRING, &value) ||
	    jsontext_check(value, &(struct jsontext_rules){0}, NULL) < 0)
		return false;
	*ret_raw = (struct str){value.p + 1, value.n - 2};
	return true;
}

static bool resource_version(struct str object, struct str *ret_raw)
{
	struct str metadata;

	return member_of_kind(object, STR("metadata"), JSONTEXT_OBJECT, &metadata) &&
	       member_string(metadata, STR("resourceVersion"), ret_raw) && ret_raw->n > 0;
}

/* Can the text be taken apart to its end? */
static bool is_whole_object(struct str text)
{
	enum jsontext_split split;
	size_t position = 0;
	struct str key, value;

	while ((split = jsontext_split_member(text, &position, &key, &value)) == JSONTEXT_PART)
		;
	return split == JSONTEXT_END;
}

static bool is_whole_array(struct str text)
{
	enum jsontext_split split;
	size_t position = 0;
	struct str value;

	while ((split = jsontext_split_element(text, &position, &value)) == JSONTEXT_PART)
		;
	return split == JSONTEXT_END;
}

/* Why a text can't be taken apart: in the words of the strict check, which says where. */
static int fail_whole(struct str text, const char *what, const char *otherwise, struct error *err)
{
	if (jsontext_check(text, &(struct jsontext_rules){.max_depth = JSONTEXT_ANY_DEPTH}, err) < 0)
		return error_wrap(err, "%s", what);
	return error_set(err, ERR_PROTOCOL, "%s", otherwise);
}

/* An ERROR event carries a Status. */
static void read_problem(struct str status, struct error *problem)
{
	cleanup_buffer struct buffer message = BUFFER(sizeof problem->message);
	enum error_code code = ERR_UNAVAILABLE;
	struct str value;
	int64_t number;

	if (member_of_kind(status, STR("code"), JSONTEXT_NUMBER, &value) &&
	    str_to_i64(value, 400, 599, &number))
		code = error_code_from_http_status((int)number);
	if (member_string(status, STR("reason"), &value) &&
	    (str_eq(value, STR("Expired")) || str_eq(value, STR("Gone"))))
		code = ERR_GONE;
	if (!member_string(status, STR("message"), &value) ||
	    jsontext_decode_string((struct str){value.p - 1, value.n + 2}, &message, NULL) < 0 ||
	    message.len == 0) {
		buffer_reset(&message);
		buffer_append_c(&message, "the server ended the watch with an error");
	}
	error_set(problem, code, "%s", message.data);
}

int watch_message_parse(struct str text, struct watch_parsed *ret, struct error *err)
{
	static const struct {
		struct str name;
		enum watch_event_type type;
	} types[] = {
	    {{"ADDED", 5}, WATCH_ADDED},
	    {{"MODIFIED", 8}, WATCH_MODIFIED},
	    {{"DELETED", 7}, WATCH_DELETED},
	};
	struct str type, object;

	if (!is_whole_object(text))
		return fail_whole(text, "watch event", "a watch event is no object", err);
	if (!member_string(text, STR("type"), &type) ||
	    !member_of_kind(text, STR("object"), JSONTEXT_OBJECT, &object))
		return error_set(err, ERR_PROTOCOL, "a watch event has no type or no object");
	*ret = (struct watch_parsed){.object = object};
	if (str_eq(type, STR("ERROR"))) {
		ret->kind = WATCH_MESSAGE_ERROR;
		read_problem(object, &ret->problem);
		return 0;
	}
	if (!resource_version(object, &ret->raw_resource_version))
		return error_set(err, ERR_PROTOCOL, "a watch event's object has no resourceVersion");
	if (str_eq(type, STR("BOOKMARK"))) {
		ret->kind = WATCH_MESSAGE_BOOKMARK;
		return 0;
	}
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_eq(type, types[i].name)) {
			ret->type = types[i].type;
			return 0;
		}
	return error_set(err, ERR_PROTOCOL, "a watch event has the unknown type \"%.*s\"",
			 type.n < 64 ? (int)type.n : 64, type.p);
}

int watch_page_parse(struct str text, struct watch_page *ret, struct error *err)
{
	struct str metadata, items;

	*ret = (struct watch_page){0};
	if (!is_whole_object(text))
		return fail_whole(text, "list", "a list is no object", err);
	if (!resource_version(text, &ret->raw_resource_version) ||
	    !member_of_kind(text, STR("metadata"), JSONTEXT_OBJECT, &metadata))
		return error_set(err, ERR_PROTOCOL, "a list has no resourceVersion");
	member_string(metadata, STR("continue"), &ret->raw_continue);
	if (!jsontext_split_find(text, STR("items"), &items) || str_eq(items, STR("null")))
		return 0; /* a list without objects may have null, or nothing */
	if (!is_whole_array(items))
		return error_set(err, ERR_PROTOCOL, "a list's items are not an array");
	ret->items = items;
	return 0;
}
