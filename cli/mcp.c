#include "cli/commands.h"
#include "cli/config/settings.h"
#include "cli/output/print.h"
#include "lib/base/json_write.h"

#include <stdio.h>
#include <string.h>

#define CONFIG_MAX ((size_t)65536)

/* How each client's file looks, and where it is. */
struct client {
	const char *name, *servers; /* the key of the object of servers */
	const char *variable;       /* what stands for the key there: the client fills it in */
	bool has_type;              /* "type":"http" */
	const char *file;
};

static const struct client clients[] = {
    {"claude-code", "mcpServers", "${SKILLBOX_API_KEY}", true, ".mcp.json in the project's folder"},
    {"cursor", "mcpServers", "${env:SKILLBOX_API_KEY}", false, ".cursor/mcp.json in the project's folder"},
    {"vscode", "servers", "${input:skillbox-api-key}", true, ".vscode/mcp.json in the project's folder"},
};

static void write_config(const struct client *client, const struct settings *settings, bool with_key,
			 struct buffer *out)
{
	cleanup_secret_buffer struct buffer bearer = BUFFER(8192), url = BUFFER(4096);
	buffer_appendf(&bearer, "Bearer %s", with_key ? settings->api_key : client->variable);
	buffer_appendf(&url, "%s/mcp", settings->server);
	json_open(out, '{');
	json_key(out, client->servers);
	json_open(out, '{');
	json_key(out, "skillbox");
	json_open(out, '{');
	if (client->has_type)
		json_put_string(out, "type", "http");
	json_put_string(out, "url", url.data);
	json_key(out, "headers");
	json_open(out, '{');
	json_put_string(out, "Authorization", bearer.data);
	json_close(out, '}');
	json_close(out, '}');
	json_close(out, '}');
	if (strcmp(client->name, "vscode") == 0 && !with_key)
		json_put_raw(out, "inputs",
			     "[{\"type\":\"promptString\",\"id\":\"skillbox-api-key\","
			     "\"description\":\"Skillbox API key\",\"password\":true}]");
	json_close(out, '}');
}

static int run(const struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0) ? call_argument(call, 0) : "claude-code";
	const struct client *client = clients;
	cleanup_secret_buffer struct buffer json = BUFFER(CONFIG_MAX);
	cleanup_settings struct settings settings;
	bool with_key = call_flag(call, "with-key");
	while (strcmp(client->name, name) != 0) /* it is one of the choices */
		client++;
	if (settings_load(call, &settings, err) != 0)
		return COMMAND_ERROR;
	if (with_key && !settings.api_key[0])
		return error_set(err, ERR_BAD_REQUEST,
				 "there is no key to write: 'skillbox login' keeps one");
	write_config(client, &settings, with_key, &json);
	if (buffer_check(&json, "the configuration", err) != 0 ||
	    print_json(buffer_str(&json), settings_output(call, OUTPUT_JSON), err) != 0)
		return COMMAND_ERROR;
	fprintf(stderr, "This belongs into %s\n", client->file);
	return EXIT_GOOD;
}

const struct command mcp_config_command = {
    .path = "mcp config",
    .summary = "what an MCP client needs to use the server's skills as tools",
    .text = "The key is not in it: the client takes it from SKILLBOX_API_KEY (VS Code asks for it).",
    .example = "skillbox mcp config claude-code >.mcp.json",
    .arguments = {{"client", "claude-code (if left out), cursor or vscode", .optional = true,
		   .complete = COMPLETE_CHOICE, .choices = "claude-code|cursor|vscode"}},
    .options = {{"with-key", 0, VALUE_NONE, NULL, "write the key itself: then the file is a secret",
		 COMPLETE_NOTHING}},
    .run = run,
};
