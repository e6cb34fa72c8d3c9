/* The contexts that `login` keeps: config.json in $XDG_CONFIG_HOME/skillbox, or ~/.config/skillbox. */
#ifndef SKILLBOX_CLI_CONFIG_CONFIG_H
#define SKILLBOX_CLI_CONFIG_CONFIG_H

#include "lib/base/cleanup.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define CONTEXTS_MAX 200

struct context {
	char *name, *server, *api_key, *tenant; /* "" where there is none */
};

struct config {
	char *path;    /* of the file, which need not be there */
	char *current; /* a name; "": none is */
	struct context contexts[CONTEXTS_MAX];
	size_t count;
	bool is_open; /* others than its owner may read it */
};

/* No file is an empty config. */
int config_load(struct config *ret, struct error *err);
/* Whole or not at all, readable by its owner alone. */
int config_save(const struct config *config, struct error *err);
void config_free(struct config *config);
#define cleanup_config __attribute__((cleanup(config_free)))

struct context *config_find(struct config *config, const char *name); /* NULL: there is none */
/* Add a context, or replace the one of that name. */
int config_put(struct config *config, const char *name, const char *server, const char *api_key,
	       const char *tenant, struct error *err);
void config_remove(struct config *config, struct context *context);
int config_set_current(struct config *config, const char *name, struct error *err);
/* ERR_NOT_FOUND "there is no context 'x'": with the nearest name, or all. */
int config_unknown(const struct config *config, const char *name, struct error *err);

#endif
