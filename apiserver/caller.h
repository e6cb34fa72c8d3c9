/* Who asks for something, by whichever interface: whose data it is about, and what logs and the audit call
 * them. Counted, since what was asked for may outlive the request. */
#ifndef SKILLBOX_APISERVER_CALLER_H
#define SKILLBOX_APISERVER_CALLER_H

#include <stdint.h>

#define CALLER_REQUEST_ID_MAX 128
#define CALLER_KEY_ID_SIZE 256 /* the name of a Secret is shorter */

struct caller {
	char request_id[CALLER_REQUEST_ID_MAX + 1];
	/* The next six are of the API key; NULL, "" and 0 where none was needed. */
	char *tenant, *namespace;
	char key_id[CALLER_KEY_ID_SIZE];
	char *key_name;
	unsigned scopes;
	int64_t key_created_ms;
	unsigned references;
};

/* Nobody yet, with one reference. NULL without memory. */
struct caller *caller_new(void);
struct caller *caller_ref(struct caller *caller);
void caller_unref(struct caller *caller); /* NULL-safe */

#endif
