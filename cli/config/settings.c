#include "cli/config/settings.h"

#include "cli/config/config.h"
#include "lib/base/clock.h"
#include "lib/base/str.h"

#include <stdio.h>
#include <stdlib.h>

#define SERVER_MAX 2048
#define KEY_MAX 4096
#define TENANT_MAX 256
#define RETRIES 2
#define PAUSE_MS 500
#define RETRIES_MAX 100

/* The option, or the variable: the first that isn't empty. */
static const char *given(const struct call *call, const char *option, const char *variable,
			 const char **ret_from)
{
	const char *text = call_text(call, option);
	*ret_from = variable; /* a name that says it all: --server is told from it by the caller */
	if (text && *text) {
		*ret_from = option;
		return text;
	}
	text = getenv(variable);
	return text && *text ? text : NULL;
}

static bool is_plain(struct str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n <= max;
}

int settings_check_server(const char *url, struct error *err)
{
	struct str s = str_of(url), rest = s;
	bool is_http = str_starts_with_ignore_case(s, STR("http://"));
	if (!is_http && !str_starts_with_ignore_case(s, STR("https://")))
		return error_set(
		    err, ERR_BAD_REQUEST,
		    "the server's URL must begin with http:// or https://, like " SETTINGS_DEFAULT_SERVER
		    "; it is '%s'",
		    url);
	rest.p += is_http ? 7 : 8;
	rest.n -= is_http ? 7 : 8;
	if (rest.n == 0 || rest.p[0] == '/')
		return error_set(err, ERR_BAD_REQUEST, "the server's URL has no host: '%s'", url);
	if (!is_plain(s, SERVER_MAX))
		return error_set(err, ERR_BAD_REQUEST,
				 "the server's URL has a blank or a character that is not ASCII, "
				 "or more than %d: '%s'",
				 SERVER_MAX, url);
	if (memchr(rest.p, '@', rest.n) || memchr(rest.p, '?', rest.n) || memchr(rest.p, '#', rest.n))
		return error_set(err, ERR_BAD_REQUEST,
				 "the server's URL must have no user, query or fragment; a key is "
				 "given by 'skillbox login' or SKILLBOX_API_KEY");
	return 0;
}

int settings_check_key(const char *key, struct error *err)
{
	if (!is_plain(str_of(key), KEY_MAX)) /* the value is a secret, even a wrong one */
		return error_set(err, ERR_BAD_REQUEST,
				 "the key must be printable ASCII without blanks, at most %d characters",
				 KEY_MAX);
	return 0;
}

/* Other users of the machine see argv: what was there is copied and overwritten. */
static char *take_secret(const char *text, bool is_argv)
{
	char *copy = str_dup(str_trim(str_of(text)));
	if (copy && is_argv)
		memset((char *)(uintptr_t)text, 'x', strlen(text));
	return copy;
}

static int load_numbers(struct settings *ret, struct error *err)
{
	const char *timeout = getenv("SKILLBOX_TIMEOUT"), *retries = getenv("SKILLBOX_RETRIES"),
		   *pause = getenv("SKILLBOX_RETRY_PAUSE");
	ret->pause_ms = PAUSE_MS;
	if (pause && *pause && duration_parse(str_of(pause), &ret->pause_ms, err) != 0)
		return error_wrap(err, "SKILLBOX_RETRY_PAUSE");
	int64_t count = RETRIES;
	if (timeout && *timeout && duration_parse(str_of(timeout), &ret->timeout_ms, err) != 0)
		return error_wrap(err, "SKILLBOX_TIMEOUT");
	if (retries && *retries && !str_to_i64(str_of(retries), 0, RETRIES_MAX, &count))
		return error_set(err, ERR_BAD_REQUEST,
				 "SKILLBOX_RETRIES is '%s', and must be a number from 0 to %d", retries,
				 RETRIES_MAX);
	ret->retries = (int)count;
	return 0;
}

static void warn_of_open_config(const struct config *config)
{
	if (config->is_open)
		fprintf(stderr, "Warning: %s has keys and others may read it: chmod 600 it\n", config->path);
}

static char *without_slashes(const char *url)
{
	struct str s = str_trim(str_of(url));
	while (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	return str_dup(s);
}

static int load_from(const struct call *call, const struct context *context, struct settings *ret,
		     struct error *err)
{
	const char *server = given(call, "server", "SKILLBOX_SERVER_URL", &ret->server_from);
	const char *key = given(call, "api-key", "SKILLBOX_API_KEY", &ret->key_from);
	const char *tenant = given(call, "tenant", "SKILLBOX_TENANT_ID", &ret->tenant_from);
	if (!server) {
		ret->server_from = context ? "context" : "default";
		server = context ? context->server : SETTINGS_DEFAULT_SERVER;
	}
	ret->server = without_slashes(server);
	if (!ret->server)
		return error_no_memory(err);
	/* A context's key is for its own server: it is shown to no other one. */
	cleanup_free char *own = context ? without_slashes(context->server) : NULL;
	bool is_own = own && strcmp(own, ret->server) == 0;
	if (!key) {
		ret->key_from = is_own && context->api_key[0] ? "context" : "";
		key = is_own ? context->api_key : "";
		if (!tenant && is_own) {
			ret->tenant_from = "context";
			tenant = context->tenant;
		}
	}
	ret->api_key = take_secret(key, key == call_text(call, "api-key"));
	ret->tenant = str_dup(str_of(tenant ? tenant : ""));
	ret->context = str_dup(str_of(context ? context->name : ""));
	if (!ret->api_key || !ret->tenant || !ret->context)
		return error_no_memory(err);
	if (settings_check_server(ret->server, err) != 0 || settings_check_key(ret->api_key, err) != 0)
		return -1;
	if (!is_plain(str_of(ret->tenant), TENANT_MAX))
		return error_set(err, ERR_BAD_REQUEST,
				 "the tenant must be printable ASCII without blanks, at most %d "
				 "characters; it is '%s'",
				 TENANT_MAX, ret->tenant);
	return load_numbers(ret, err);
}

int settings_load(const struct call *call, struct settings *ret, struct error *err)
{
	*ret = (struct settings){.server_from = "", .key_from = "", .tenant_from = ""};
	cleanup_config struct config config = {0};
	if (config_load(&config, err) != 0)
		return -1;
	const struct context *context = config.current[0] ? config_find(&config, config.current) : NULL;
	if (config.current[0] && !context && !call_text(call, "server") && !getenv("SKILLBOX_SERVER_URL"))
		return error_set(err, ERR_NOT_FOUND,
				 "the current context '%s' isn't there any more: 'skillbox context use'",
				 config.current);
	warn_of_open_config(&config);
	return load_from(call, context, ret, err);
}

void settings_free(struct settings *settings)
{
	free(settings->server);
	if (settings->api_key)
		memset(settings->api_key, 0, strlen(settings->api_key));
	free(settings->api_key);
	free(settings->tenant);
	free(settings->context);
	*settings = (struct settings){0};
}

enum output settings_output(const struct call *call, enum output otherwise)
{
	static const char *const names[] = {"json", "jsonl", "table", "name"};
	const char *text = call_text(call, "output");
	for (size_t i = 0; text && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum output)i;
	return otherwise;
}
