/* References of RFC 3986: enough to tell which schema one means. Nothing is normalized but what resolving
 * demands, and nothing is fetched. */
#ifndef SKILLBOX_SCHEMA_URI_H
#define SKILLBOX_SCHEMA_URI_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

/* What a reference means at a base (RFC 3986, 5.2), without the fragment, which is *ret_fragment: a piece of
 * the reference, as written, {0} if there is no '#'. A base may be empty. */
void uri_resolve(struct str base, struct str reference, struct buffer *out, struct str *ret_fragment);

/* Append text with its %XX decoded. False: a '%' is not followed by two hexadecimal digits. */
bool uri_decode(struct str text, struct buffer *out);

#endif
