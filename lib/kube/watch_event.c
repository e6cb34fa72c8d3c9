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

static bool member_of_kind(struct str object, struct str key, enum jsontext_kind kind, struct str *ret)
{
	struct str value;

	if (!jsontext_member(object, key, &value) || jsontext_kind_of(value) != kind)
		return false;
	*ret = value;
	return true;
}

/* The text between the quotes. Escapes stay: these strings are compared with literals that need none, or go
 * back to the server. */
static bool member_string(struct str object, struct str key, struct str *ret_raw)
{
	struct str value;

	if (!member_of_kind(object, key, JSONTEXT_STRING, &value))
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
	if (!member_of_kind(status, STR("message"), JSONTEXT_STRING, &value) ||
	    jsontext_decode_string(value, &message, NULL) < 0 || message.len == 0) {
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

	if (jsontext_check(text, &(struct jsontext_rules){0}, err) < 0)
		return error_wrap(err, "watch event");
	if (jsontext_kind_of(text) != JSONTEXT_OBJECT || !member_string(text, STR("type"), &type) ||
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

	if (jsontext_check(text, &(struct jsontext_rules){0}, err) < 0)
		return error_wrap(err, "list");
	*ret = (struct watch_page){0};
	if (jsontext_kind_of(text) != JSONTEXT_OBJECT ||
	    !resource_version(text, &ret->raw_resource_version) ||
	    !member_of_kind(text, STR("metadata"), JSONTEXT_OBJECT, &metadata))
		return error_set(err, ERR_PROTOCOL, "a list has no resourceVersion");
	member_string(metadata, STR("continue"), &ret->raw_continue);
	if (!jsontext_member(text, STR("items"), &items) || jsontext_kind_of(items) == JSONTEXT_NULL)
		return 0; /* a list without objects may have null, or nothing */
	if (jsontext_kind_of(items) != JSONTEXT_ARRAY)
		return error_set(err, ERR_PROTOCOL, "a list's items are not an array");
	ret->items = items;
	return 0;
}
