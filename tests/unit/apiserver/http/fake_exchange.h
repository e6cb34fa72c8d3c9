/* In place of the listener's exchanges: one request that the test writes, and the answer that is given to it.
 */
#ifndef TESTS_UNIT_APISERVER_HTTP_FAKE_EXCHANGE_H
#define TESTS_UNIT_APISERVER_HTTP_FAKE_EXCHANGE_H

#include "lib/base/buffer.h"
#include "lib/http/server/server.h"

#define FAKE_FIELDS_MAX 16

struct fake_field {
	const char *name, *value;
};

struct http_exchange {
	/* The request; unset: "GET", "/", no header, no query, no body. */
	const char *method, *path;
	struct fake_field headers[FAKE_FIELDS_MAX], query[FAKE_FIELDS_MAX];
	int64_t content_length;
	void *data;
	bool is_held;
	/* The answer; 0: none yet. */
	int status;
	unsigned answers;
	char type[64];
	struct buffer body;
	struct {
		const char *name;
		char value[256];
	} answer_headers[FAKE_FIELDS_MAX];
	bool is_stream, is_finished;
};

/* Of the answer; NULL: there is none. */
const char *fake_answer_header(const struct http_exchange *exchange, const char *name);
void fake_exchange_clear(struct http_exchange *exchange);

#endif
