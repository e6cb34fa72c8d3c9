/* skillbox-apiserver key …: API keys from a shell, for the first one and for scripts. */
#ifndef SKILLBOX_APISERVER_KEY_KEY_COMMAND_H
#define SKILLBOX_APISERVER_KEY_KEY_COMMAND_H

#include "lib/kube/kube_config.h"

/* argv: what follows "key". Returns the exit status. namespace: of the key Secrets; dsn: of the database
 * where new keys go instead, "" for none. */
int key_command_run(int argc, char **argv, const struct kube_config *kube, const char *namespace,
		    const char *dsn);

extern const char key_command_usage[];

#endif
