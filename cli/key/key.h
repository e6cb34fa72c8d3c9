/* API keys on the server. */
#ifndef SKILLBOX_CLI_KEY_KEY_H
#define SKILLBOX_CLI_KEY_KEY_H

#include "cli/output/print.h"

/* ID NAME TENANT SCOPES CREATED LAST USED */
extern const struct listing key_listing;

#endif
