/* Which server, with which key: an option beats the environment, which beats the context, which beats the
 * default. */
#ifndef SKILLBOX_CLI_CONFIG_SETTINGS_H
#define SKILLBOX_CLI_CONFIG_SETTINGS_H

#include "cli/command.h"

#include <stdint.h>

#define SETTINGS_DEFAULT_SERVER "http://localhost:8080"

struct settings {
	char *server;                                     /* without a slash at its end */
	char *api_key, *tenant;                           /* "" where there is none */
	char *context;                                    /* the current one's name; "": none */
	const char *server_from, *key_from, *tenant_from; /* for whoami: "--server", "the context", … */
	int retries;                                      /* SKILLBOX_RETRIES: attempts after the first */
	int64_t pause_ms;   /* SKILLBOX_RETRY_PAUSE: before the second attempt */
	int64_t timeout_ms; /* SKILLBOX_TIMEOUT: of a whole call; 0: none */
};

int settings_load(const struct call *call, struct settings *ret, struct error *err);
void settings_free(struct settings *settings);
#define cleanup_settings __attribute__((cleanup(settings_free)))

/* 0, or what is wrong with a server's URL or a key. */
int settings_check_server(const char *url, struct error *err);
int settings_check_key(const char *key, struct error *err);

/* How the result is to be printed: -o, or the command's own way. */
enum output { OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_TABLE, OUTPUT_NAME };
enum output settings_output(const struct call *call, enum output otherwise);

#endif
