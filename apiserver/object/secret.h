/* Data of Secrets. */
#ifndef SKILLBOX_APISERVER_OBJECT_SECRET_H
#define SKILLBOX_APISERVER_OBJECT_SECRET_H

#include "lib/api/json.h"

/* json_read_fn: base64 text of a Secret's data, decoded; target: char **, which is freed before. */
int secret_read_base64(struct str value, const struct json_path *path, int64_t max, void *target,
		       struct error *err);

#endif
