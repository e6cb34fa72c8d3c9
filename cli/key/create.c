#include "cli/commands.h"
#include "cli/key/key.h"
#include "cli/remote/http.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

#include <stdio.h>

#define BODY_MAX ((size_t)65536)

/* "run,push" as a list. */
static int put_scopes(struct buffer *out, const char *text, struct error *err)
{
	struct str rest = str_of(text), scope;
	json_key(out, "scopes");
	json_open(out, '[');
	while (rest.n > 0) {
		str_split_once(rest, ',', &scope, &rest);
		cleanup_free char *copy = str_dup(str_trim(scope));
		if (!copy)
			return error_no_memory(err);
		json_element_string(out, copy);
	}
	json_close(out, ']');
	return 0;
}

/* The tenant of the keys that this one sees, if they are all of one. */
static int find_tenant(struct http *http, struct buffer *ret, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	struct http_request request = {.method = "GET", .path = "/v1/keys"};
	struct str key;
	size_t position = 0;
	int status = http_send(http, &request, &answer, err);
	struct str list = str_trim(buffer_str(&answer.body));
	if (status != 0)
		return status;
	if (jsontext_check(list, NULL, err) != 0 || jsontext_kind_of(list) != JSONTEXT_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the answer makes no sense: it is not a JSON array");
	while (jsontext_next_element(list, &position, &key)) {
		cleanup_buffer struct buffer tenant = BUFFER(1024);
		if (jsontext_kind_of(key) == JSONTEXT_OBJECT)
			json_member_text(key, "tenant", &tenant);
		if (ret->len == 0)
			buffer_append_str(ret, buffer_str(&tenant));
		else if (!str_eq(buffer_str(ret), buffer_str(&tenant)))
			buffer_reset(ret), position = list.n;
	}
	return ret->len > 0
		   ? 0
		   : error_set(err, ERR_BAD_REQUEST, "of which tenant is the key to be? Give --for TENANT");
}

static int make_body(const struct call *call, struct http *http, struct buffer *body, struct error *err)
{
	const char *tenant = call_text(call, "for"), *scopes = call_text(call, "scopes");
	cleanup_buffer struct buffer found = BUFFER(1024);
	if (!tenant && http_settings(http)->tenant[0])
		tenant = http_settings(http)->tenant;
	if (!tenant) {
		int status = find_tenant(http, &found, err);
		if (status != 0)
			return status;
		tenant = found.data;
	}
	json_open(body, '{');
	if (json_put_text(body, "name", call_argument(call, 0), err) != 0)
		return -1;
	if (json_put_text(body, "tenant", tenant, err) != 0)
		return -1;
	if (scopes && put_scopes(body, scopes, err) != 0)
		return -1;
	json_close(body, '}');
	return buffer_check(body, "the request", err);
}

static int run(const struct call *call, struct error *err)
{
	cleanup_buffer struct buffer body = BUFFER(BODY_MAX);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	if (!http || make_body(call, http, &body, err) != 0)
		return COMMAND_ERROR;
	struct http_request request = {.method = "POST",
				       .path = "/v1/keys",
				       .content_type = "application/json",
				       .is_once = true, /* a second one would be a key that nobody knows */
				       .body = buffer_str(&body)};
	if (http_send(http, &request, &answer, err) != 0 ||
	    print_object(buffer_str(&answer.body), &key_listing, settings_output(call, OUTPUT_JSON), err) !=
		0)
		return COMMAND_ERROR;
	fputs("The key is shown this once: keep it\n", stderr);
	return EXIT_GOOD;
}

const struct command key_create_command = {
    .path = "key create",
    .summary = "make an API key",
    .text = "It needs a key with the scope admin. The new key is shown this once.",
    .example = "skillbox key create ci --scopes run",
    .arguments = {{"name", "what the list of keys calls it", .optional = false}},
    .options = {{"scopes", 0, VALUE_TEXT, "LIST", "run, push, admin, with commas between (run,push)",
		 COMPLETE_NOTHING},
		{"for", 0, VALUE_TEXT, "TENANT", "of another tenant, by a key with the scope operator",
		 COMPLETE_NOTHING}},
    .run = run,
};
