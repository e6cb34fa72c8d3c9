/* Who one is to the server. */
#ifndef SKILLBOX_CLI_CONTEXT_ACCOUNT_H
#define SKILLBOX_CLI_CONTEXT_ACCOUNT_H

#include "cli/remote/http.h"

/* 0: the server takes the key. -1: it doesn't, or can't be reached. */
int account_check(struct http *http, struct error *err);

/* The same, and what the server says of the key, a JSON object, in ret->body; nothing of a server that is too
 * old for that. */
int account_ask(struct http *http, struct http_answer *ret, struct error *err);

/* A key as it may be shown: its first characters. */
#define ACCOUNT_SHOWN_SIZE 16
const char *account_show_key(const char *key, char ret[ACCOUNT_SHOWN_SIZE]);

#endif
