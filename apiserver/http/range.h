/* Conditional and partial requests (RFC 9110, 13 and 14): which bytes of an answer are wanted, if any. */
#ifndef SKILLBOX_APISERVER_HTTP_RANGE_H
#define SKILLBOX_APISERVER_HTTP_RANGE_H

#include "lib/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum range_wish {
	RANGE_WHOLE, /* also for a header that is none, names another unit, or has several ranges */
	RANGE_PART,  /* 206 */
	RANGE_NONE   /* 416: it is behind the end */
};

/* A Range header, of an answer with size bytes: the first that is wanted, and how many; of all with
 * RANGE_WHOLE. */
enum range_wish range_read(struct str header, int64_t size, int64_t *ret_offset, int64_t *ret_length);

/* Does a list of If-None-Match have this entity tag (with its quotes)? */
bool etag_list_has(struct str header, struct str etag);

#endif
