/* multipart/form-data, read as it comes, with bounded memory (RFC 7578, RFC 2046). */
#ifndef SKILLBOX_APISERVER_HTTP_MULTIPART_H
#define SKILLBOX_APISERVER_HTTP_MULTIPART_H

#include "lib/base/error.h"
#include "lib/base/str.h"

#include <stdbool.h>

#define MULTIPART_MAX_BOUNDARY 70        /* RFC 2046 */
#define MULTIPART_MAX_HEADERS (8 * 1024) /* bytes of one part's headers */
#define MULTIPART_MAX_PARTS 100

struct multipart;

struct multipart_handler { /* non-zero ends the reading: err must be set */
	int (*part_begin)(void *context, struct str name,
			  struct error *err); /* name: of the form field, empty if none */
	int (*part_data)(void *context, struct str data, struct error *err);
	void *context;
};

/* The boundary of a Content-Type "multipart/form-data; boundary=…". *ret points into content_type. */
int multipart_boundary(struct str content_type, struct str *ret, struct error *err);

struct multipart *multipart_new(struct str boundary, const struct multipart_handler *handler,
				struct error *err);
int multipart_feed(struct multipart *multipart, struct str data, struct error *err);
int multipart_finish(const struct multipart *multipart,
		     struct error *err);                       /* was the closing boundary there? */
struct multipart *multipart_free(struct multipart *multipart); /* NULL-safe; returns NULL */

#endif
