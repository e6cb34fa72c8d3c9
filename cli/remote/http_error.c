#include "cli/remote/http_internal.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

#include <string.h>

#define WORDS_MAX ((size_t)300) /* of an answer that is not Skillbox's */

static bool take_string(struct str object, const char *key, struct buffer *out)
{
	struct str value;
	return jsontext_member(object, str_of(key), &value) && jsontext_kind_of(value) == JSONTEXT_STRING &&
	       jsontext_decode_string(value, out, NULL) == 0;
}

/* {"error":"…","message":"…","request_id":"…"} */
static bool take_error(struct http_answer *answer, struct buffer *message)
{
	struct str body = str_trim(buffer_str(&answer->body));
	cleanup_buffer struct buffer code = BUFFER(sizeof(answer->error_code) - 1);
	cleanup_buffer struct buffer id = BUFFER(sizeof(answer->request_id) - 1);
	if (jsontext_check(body, NULL, NULL) != 0 || jsontext_kind_of(body) != JSONTEXT_OBJECT ||
	    !take_string(body, "error", &code) || !take_string(body, "message", message))
		return false;
	snprintf(answer->error_code, sizeof(answer->error_code), "%s", code.data ? code.data : "");
	if (take_string(body, "request_id", &id) && id.len > 0)
		snprintf(answer->request_id, sizeof(answer->request_id), "%s", id.data);
	return message->len > 0;
}

/* The words of an HTML page or a text, in one line. */
static void take_words(struct str body, struct buffer *out)
{
	bool in_tag = false, blank = false;
	cleanup_buffer struct buffer text = BUFFER(WORDS_MAX);
	for (size_t i = 0; i < body.n && text.len + 2 < WORDS_MAX; i++) {
		char c = body.p[i];
		if (c == '<')
			in_tag = true;
		if (c == '>' && in_tag)
			in_tag = false, c = ' ';
		if (in_tag)
			continue;
		if ((unsigned char)c <= ' ' || c == 0x7f) {
			blank = text.len > 0;
			continue;
		}
		if (blank)
			buffer_append_byte(&text, ' ');
		blank = false;
		buffer_append_byte(&text, c);
	}
	utf8_append_clean(out, utf8_cut(buffer_str(&text), WORDS_MAX));
}

static void add_hint(const struct http *http, const struct http_answer *answer, struct buffer *out)
{
	if (answer->status == 401 && !http->settings.api_key[0])
		buffer_append_c(out,
				": no key is given; 'skillbox login' keeps one, or set SKILLBOX_API_KEY");
	else if (answer->status == 401)
		buffer_appendf(out, " (the key of %s, for %s)",
			       strcmp(http->settings.key_from, "context") == 0 ? "the context"
									       : http->settings.key_from,
			       http->settings.server);
	if (answer->status == 429 && answer->retry_after >= 0)
		buffer_appendf(out, " (come back in %.0f s)", answer->retry_after);
	if (answer->status >= 500 && answer->request_id[0])
		buffer_appendf(out, " (request %s)", answer->request_id);
}

int http_judge(const struct http *http, const struct http_request *request, struct http_answer *answer,
	       struct error *err)
{
	cleanup_buffer struct buffer message = BUFFER(sizeof(err->message));
	if (!take_error(answer, &message)) {
		buffer_reset(&message);
		snprintf(answer->error_code, sizeof(answer->error_code), "http_%d", answer->status);
		if (answer->location[0]) {
			buffer_appendf(&message,
				       "%s %s: the answer is a redirect to %s: give that as --server",
				       request->method, request->path, answer->location);
		} else {
			buffer_appendf(&message, "%s %s: the answer is not Skillbox's: status %d, ",
				       request->method, request->path, answer->status);
			take_words(buffer_str(&answer->body), &message);
		}
	}
	add_hint(http, answer, &message);
	return error_set(err, error_code_from_http_status(answer->status), "%s",
			 message.data ? message.data : "");
}
