/* The body of POST /v1/executions. */
#ifndef SKILLBOX_APISERVER_EXECUTION_EXECUTION_REQUEST_H
#define SKILLBOX_APISERVER_EXECUTION_EXECUTION_REQUEST_H

#include "lib/api/meta.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#define EXECUTION_REQUEST_MAX_ENV 128u /* as many as the CRD takes */
#define EXECUTION_REQUEST_MAX_ENV_BYTES                                                                      \
	((size_t)512 << 10) /* names and values together: an object has 1.5 MiB */

struct execution_request {
	char *skill;
	char *version;    /* "latest" if none was given */
	struct str input; /* raw JSON in the body, byte for byte; "{}" if none was given */
	struct env_var *env;
	size_t env_count;
	int64_t timeout_ms; /* 0: none was given */
	bool async;
};

/* Points into body. On failure ret needs no clear. */
int execution_request_parse(struct str body, struct execution_request *ret, struct error *err);
void execution_request_clear(struct execution_request *request);

/* Does a Prefer header ask for an answer at once? */
bool prefer_is_async(struct str header);

#endif
