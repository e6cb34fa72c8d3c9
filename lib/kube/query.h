/* The query part of a request's path. */
#ifndef SKILLBOX_KUBE_QUERY_H
#define SKILLBOX_KUBE_QUERY_H

#include "lib/base/buffer.h"
#include "lib/base/str.h"

/* Append "?name=value" or "&name=value", whichever the path so far asks for; value is percent-encoded, name
 * is not. */
void query_add(struct buffer *path, const char *name, struct str value);

#endif
