/* By what a sandbox's Pod is known to be ours. Its token, which its PID 1 asks for, is made from the Pod's
 * name and its owner's UID with a key that only the controller has: whoever makes a Pod of such a name in a
 * tenant's namespace can't know it, and every later controller makes the same one, so nothing needs to be
 * remembered. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_TOKEN_H
#define SKILLBOX_CONTROLLER_SANDBOX_TOKEN_H

#include "lib/api/pod.h"
#include "lib/base/error.h"

#include <stdbool.h>

/* 32 hex digits, as the admission policy expects them, and the NUL. */
#define TOKEN_SIZE 33

struct token_key {
	unsigned char bytes[32];
};

/* From the key that signs links of the blob store. */
int token_key_derive(struct str signing_key, struct token_key *ret, struct error *err);

/* Of a Pod that is to be made. */
int token_make(const struct token_key *key, const char *namespace, const char *pod_name,
	       const char *owner_uid, char ret[TOKEN_SIZE], struct error *err);

/* Did we make it? What can't be computed (memory) is nobody's. */
bool token_is_of(const struct token_key *key, const struct pod *pod);

#endif
