#include "cli/commands.h"
#include "cli/context/account.h"
#include "cli/output/print.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

#include <string.h>

#define WHOAMI_MAX ((size_t)131072) /* bytes of what is printed */

static const struct column columns[] = {{"SERVER", "server", 0},
					{"CONTEXT", "context", 0},
					{"TENANT", "tenant", 0},
					{"KEY", "key", 0},
					{"SCOPES", "scopes", 0},
					{"KEY FROM", "key_from", 0},
					{0}};
static const struct listing listing = {columns, "server", NULL, NULL};

/* As the user would say where something came from. */
static const char *source(const char *from)
{
	return strcmp(from, "server") == 0    ? "--server"
	       : strcmp(from, "api-key") == 0 ? "--api-key"
	       : strcmp(from, "tenant") == 0  ? "--tenant"
					      : from;
}

/* A member of what the server said, as it came, if it is there. */
static void put_said(struct buffer *out, const char *key, struct str object, const char *member)
{
	struct str value;
	if (jsontext_kind_of(object) != JSONTEXT_OBJECT || !jsontext_member(object, str_of(member), &value))
		return;
	json_key(out, key);
	buffer_append_str(out, value);
}

/* tenant: the server's word, or of one that is too old to say it what is sent to make sure. */
static void put_account(struct buffer *out, struct str said, const char *tenant)
{
	struct str key = STR("");
	if (!said.n) {
		json_put_string(out, "tenant", tenant);
		return;
	}
	put_said(out, "tenant", said, "tenant");
	put_said(out, "namespace", said, "namespace");
	(void)jsontext_member(said, STR("key"), &key);
	put_said(out, "key_id", key, "id");
	put_said(out, "key_name", key, "name");
	put_said(out, "scopes", key, "scopes");
	put_said(out, "server_version", said, "version");
}

static int run(const struct call *call, struct error *err)
{
	char shown[ACCOUNT_SHOWN_SIZE];
	cleanup_buffer struct buffer json = BUFFER(WHOAMI_MAX);
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	cleanup_http struct http *http = http_open(call, err);
	int status = http ? account_ask(http, &answer, err) : -1;
	if (status != 0)
		return status;
	const struct settings *settings = http_settings(http);
	json_open(&json, '{');
	json_put_string(&json, "server", settings->server);
	json_put_string(&json, "server_from", source(settings->server_from));
	json_put_string(&json, "context", settings->context);
	put_account(&json, buffer_str(&answer.body), settings->tenant);
	json_put_string(&json, "key", account_show_key(settings->api_key, shown));
	json_put_string(&json, "key_from", source(settings->key_from));
	json_close(&json, '}');
	if (buffer_check(&json, "the answer", err) != 0)
		return COMMAND_ERROR;
	return print_object(buffer_str(&json), &listing, settings_output(call, OUTPUT_JSON), err);
}

const struct command whoami_command = {
    .path = "whoami",
    .summary = "which server and key are used, and where they come from",
    .text = "The server is asked whether it takes the key, and whose it is: the tenant, and what the key may "
	    "do (its scopes).",
    .run = run,
};
