#include "cli/config/config.h"

#include "cli/files/whole_file.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/nearest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX ((size_t)1024 * 1024)

static int find_path(char **ret, struct error *err)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX);
	if (base && base[0] == '/') /* others are to be ignored, as the XDG specification has it */
		buffer_appendf(&path, "%s/skillbox/config.json", base);
	else if (home && home[0])
		buffer_appendf(&path, "%s/.config/skillbox/config.json", home);
	else
		buffer_append_c(&path, ""); /* nowhere: nothing is there, and nothing can be kept */
	if (buffer_check(&path, "the path of the configuration", err) != 0)
		return -1;
	*ret = buffer_steal(&path);
	return *ret ? 0 : error_no_memory(err);
}

/* The text of a member, "" if it isn't there. */
static int take_text(struct str object, const char *key, char **ret, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(CONFIG_MAX);
	struct str value;
	if (jsontext_member(object, str_of(key), &value)) {
		if (jsontext_kind_of(value) != JSONTEXT_STRING)
			return error_set(err, ERR_BAD_REQUEST, "'%s' is no string", key);
		if (jsontext_decode_string(value, &text, err) != 0)
			return -1;
	}
	*ret = buffer_steal(&text);
	return *ret ? 0 : error_no_memory(err);
}

static void context_clear(struct context *context)
{
	free(context->name);
	free(context->server);
	free(context->api_key);
	free(context->tenant);
	*context = (struct context){0};
}

static int read_context(struct config *config, struct str raw_key, struct str value, struct error *err)
{
	struct context *context = &config->contexts[config->count];
	if (config->count == CONTEXTS_MAX)
		return error_set(err, ERR_TOO_LARGE, "there are more than %d contexts", CONTEXTS_MAX);
	if (jsontext_kind_of(value) != JSONTEXT_OBJECT)
		return error_set(err, ERR_BAD_REQUEST, "context '%.*s' is no object", (int)raw_key.n,
				 raw_key.p);
	config->count++;
	context->name = str_dup(raw_key);
	if (!context->name)
		return error_no_memory(err);
	if (take_text(value, "server", &context->server, err) != 0 ||
	    take_text(value, "api_key", &context->api_key, err) != 0 ||
	    take_text(value, "tenant", &context->tenant, err) != 0)
		return error_wrap(err, "context '%s'", context->name);
	return 0;
}

static int parse(struct config *config, struct str text, struct error *err)
{
	static const struct jsontext_rules rules = {.max_depth = 16, .refuse_duplicates = true};
	struct str contexts, key, value;
	size_t position = 0;
	if (jsontext_check(text, &rules, err) != 0)
		return -1;
	text = str_trim(text);
	if (jsontext_kind_of(text) != JSONTEXT_OBJECT)
		return error_set(err, ERR_BAD_REQUEST, "it is no JSON object");
	free(config->current);
	config->current = NULL;
	if (take_text(text, "current", &config->current, err) != 0)
		return -1;
	if (!jsontext_member(text, STR("contexts"), &contexts))
		return 0;
	if (jsontext_kind_of(contexts) != JSONTEXT_OBJECT)
		return error_set(err, ERR_BAD_REQUEST, "'contexts' is no object");
	while (jsontext_next_member(contexts, &position, &key, &value))
		if (read_context(config, key, value, err) != 0)
			return -1;
	return 0;
}

int config_load(struct config *ret, struct error *err)
{
	struct stat status;
	*ret = (struct config){0};
	cleanup_secret_buffer struct buffer text = BUFFER(CONFIG_MAX);
	if (find_path(&ret->path, err) != 0 || !(ret->current = str_dup(STR(""))))
		return -1;
	cleanup_close int fd = ret->path[0] ? open(ret->path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0 && (!ret->path[0] || errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return error_errno(err, "can't read %s", ret->path);
	if (fstat(fd, &status) == 0)
		ret->is_open = status.st_mode & (S_IRWXG | S_IRWXO);
	if (whole_file_read(fd, ret->path, &text, err) != 0)
		return -1;
	if (parse(ret, buffer_str(&text), err) != 0)
		return error_wrap(err, "%s can't be read (mend it, or remove it and log in again)",
				  ret->path);
	return 0;
}

int config_save(const struct config *config, struct error *err)
{
	cleanup_secret_buffer struct buffer text = BUFFER(CONFIG_MAX);
	if (!config->path[0])
		return error_set(err, ERR_IO, "there is no place for the configuration: HOME is not set");
	json_open(&text, '{');
	json_put_string(&text, "current", config->current);
	json_key(&text, "contexts");
	json_open(&text, '{');
	for (size_t i = 0; i < config->count; i++) {
		const struct context *context = &config->contexts[i];
		json_key(&text, context->name);
		json_open(&text, '{');
		json_put_string(&text, "server", context->server);
		json_put_string(&text, "api_key", context->api_key);
		json_put_string(&text, "tenant", context->tenant);
		json_close(&text, '}');
	}
	json_close(&text, '}');
	json_close(&text, '}');
	buffer_append_byte(&text, '\n');
	if (buffer_check(&text, "the configuration", err) != 0)
		return -1;
	return whole_file_write(config->path, buffer_str(&text), 0600, err);
}

void config_free(struct config *config)
{
	for (size_t i = 0; i < config->count; i++)
		context_clear(&config->contexts[i]);
	free(config->path);
	free(config->current);
	*config = (struct config){0};
}

struct context *config_find(struct config *config, const char *name)
{
	for (size_t i = 0; i < config->count; i++)
		if (strcmp(config->contexts[i].name, name) == 0)
			return &config->contexts[i];
	return NULL;
}

int config_put(struct config *config, const char *name, const char *server, const char *api_key,
	       const char *tenant, struct error *err)
{
	struct context *context = config_find(config, name);
	struct context new = {str_dup(str_of(name)), str_dup(str_of(server)), str_dup(str_of(api_key)),
			      str_dup(str_of(tenant))};
	if (!context && config->count == CONTEXTS_MAX) {
		context_clear(&new);
		return error_set(err, ERR_TOO_LARGE, "there are %d contexts: delete one first", CONTEXTS_MAX);
	}
	if (!new.name || !new.server || !new.api_key || !new.tenant) {
		context_clear(&new);
		return error_no_memory(err);
	}
	if (!context)
		context = &config->contexts[config->count++];
	context_clear(context);
	*context = new;
	return 0;
}

void config_remove(struct config *config, struct context *context)
{
	size_t at = (size_t)(context - config->contexts);
	if (strcmp(config->current, context->name) == 0)
		config->current[0] = 0;
	context_clear(context);
	memmove(context, context + 1, (config->count - at - 1) * sizeof(*context));
	config->count--;
}

int config_set_current(struct config *config, const char *name, struct error *err)
{
	char *copy = str_dup(str_of(name));
	if (!copy)
		return error_no_memory(err);
	free(config->current);
	config->current = copy;
	return 0;
}

int config_unknown(const struct config *config, const char *name, struct error *err)
{
	const char *names[CONTEXTS_MAX];
	for (size_t i = 0; i < config->count; i++)
		names[i] = config->contexts[i].name;
	const char *near = nearest_name(str_of(name), names, config->count);
	if (near)
		return error_set(err, ERR_NOT_FOUND, "there is no context '%s': did you mean '%s'?", name,
				 near);
	return error_set(err, ERR_NOT_FOUND,
			 "there is no context '%s': 'skillbox context list' shows all, and "
			 "'skillbox login' makes one",
			 name);
}
