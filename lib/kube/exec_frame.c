#include "lib/kube/exec_frame.h"

#include "lib/base/jsontext.h"

void exec_parser_init(struct exec_parser *parser)
{
	*parser = (struct exec_parser){.status = BUFFER(EXEC_MAX_STATUS)};
}

void exec_parser_free(struct exec_parser *parser)
{
	buffer_free(&parser->status);
}

int exec_parser_feed(struct exec_parser *parser, struct str piece, bool last, enum exec_channel *ret_channel,
		     struct str *ret_data, struct error *err)
{
	*ret_data = (struct str){0};
	*ret_channel = EXEC_STDOUT;
	if (!parser->inside && piece.n > 0) { /* a message without any byte is the server's greeting */
		parser->inside = true;
		parser->channel = (unsigned char)piece.p[0];
		piece.p++;
		piece.n--;
	}
	if (parser->inside && piece.n > 0) {
		if (parser->channel == EXEC_STDOUT || parser->channel == EXEC_STDERR) {
			*ret_channel = parser->channel;
			*ret_data = piece;
		} else if (parser->channel == EXEC_STATUS) {
			if (parser->status_complete)
				return error_set(err, ERR_PROTOCOL, "the exec stream has two final statuses");
			if (buffer_append_str(&parser->status, piece) < 0)
				return error_set(err, ERR_PROTOCOL,
						 "the exec stream's final status is longer than %d bytes",
						 EXEC_MAX_STATUS);
		}
		/* What a later version of the protocol may say on other channels is not for us. */
	}
	if (last) {
		if (parser->inside && parser->channel == EXEC_STATUS && parser->status.len > 0)
			parser->status_complete = true;
		parser->inside = false;
	}
	return 0;
}

static bool member_text(struct str object, struct str key, struct buffer *out)
{
	struct str value;

	buffer_reset(out);
	return jsontext_kind_of(object) == JSONTEXT_OBJECT && jsontext_member(object, key, &value) &&
	       jsontext_kind_of(value) == JSONTEXT_STRING && jsontext_decode_string(value, out, NULL) == 0;
}

/* details.causes: [{"reason": "ExitCode", "message": "3"}] */
static bool find_exit_code(struct str status, int *ret)
{
	cleanup_buffer struct buffer text = BUFFER(EXEC_MAX_STATUS);
	struct str details, causes, cause;
	size_t position = 0;
	int64_t code;

	if (!jsontext_member(status, STR("details"), &details) ||
	    jsontext_kind_of(details) != JSONTEXT_OBJECT ||
	    !jsontext_member(details, STR("causes"), &causes) || jsontext_kind_of(causes) != JSONTEXT_ARRAY)
		return false;
	while (jsontext_next_element(causes, &position, &cause)) {
		if (!member_text(cause, STR("reason"), &text) || !str_eq(buffer_str(&text), STR("ExitCode")))
			continue;
		if (!member_text(cause, STR("message"), &text) ||
		    !str_to_i64(buffer_str(&text), 0, INT32_MAX, &code))
			return false;
		*ret = (int)code;
		return true;
	}
	return false;
}

static enum error_code status_code(struct str status)
{
	struct str value;
	int64_t code;

	if (!jsontext_member(status, STR("code"), &value) || !str_to_i64(value, 400, 599, &code))
		return ERR_UNAVAILABLE;
	return error_code_from_http_status((int)code);
}

int exec_status_read(struct str status, int *ret_exit_code, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(EXEC_MAX_STATUS);

	if (jsontext_check(status, &(struct jsontext_rules){.max_depth = 16}, err) < 0 ||
	    jsontext_kind_of(status) != JSONTEXT_OBJECT) {
		error_set(err, ERR_PROTOCOL, "the exec stream's final status is not a JSON object");
		return -1;
	}
	if (member_text(status, STR("status"), &text) && str_eq(buffer_str(&text), STR("Success"))) {
		*ret_exit_code = 0;
		return 0;
	}
	if (find_exit_code(status, ret_exit_code))
		return 0;
	if (!member_text(status, STR("message"), &text) || text.len == 0)
		return error_set(err, ERR_PROTOCOL,
				 "the exec stream's final status says neither success nor why not");
	return error_set(err, status_code(status), "%s", text.data);
}
