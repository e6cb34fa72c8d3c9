/* The release's signing key: URLs of the embedded storage are signed with it. A file that both programs read.
 */
#ifndef SKILLBOX_LIB_POLICY_SIGNING_KEY_H
#define SKILLBOX_LIB_POLICY_SIGNING_KEY_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

#define SIGNING_KEY_MIN 32 /* bytes, without blanks around it */
#define SIGNING_KEY_MAX 4096

/* Is it one? ERR_BAD_REQUEST; `where` is for the message. */
int signing_key_check(struct str key, const char *where, struct error *err);
/* The file's content, without blanks around it, in ret (empty, of SIGNING_KEY_MAX bytes at least). */
int signing_key_read(const char *path, struct buffer *ret, struct error *err);

#endif
