/* What clients may send: bodies of executions, forms in pieces (whatever the cut, they read the same), paths,
 * Secrets of keys. The first byte of the input chooses which. */
#include "apiserver/execution/execution_request.h"
#include "apiserver/execution/list_cursor.h"
#include "apiserver/http/auth.h"
#include "apiserver/http/multipart.h"
#include "apiserver/http/range.h"
#include "apiserver/object/api_key.h"
#include "apiserver/rest/routes.h"
#include "lib/base/buffer.h"
#include "lib/policy/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_begin(void *context, struct str name, struct error *err)
{
	(void)err;
	buffer_append_c(context, "\n[part] ");
	buffer_append_str(context, name);
	return 0;
}

static int on_data(void *context, struct str piece, struct error *err)
{
	(void)err;
	buffer_append_str(context, piece);
	return 0;
}

/* The parts' text, in pieces of that size; code of the error, or ERR_NONE. */
static enum error_code read_form(struct str body, size_t piece, struct buffer *out)
{
	struct error err = {0};
	struct multipart_handler handler = {on_begin, on_data, out};
	struct multipart *m = multipart_new(STR("b"), &handler, &err);
	int result = m ? 0 : -1;
	for (size_t at = 0; result == 0 && at < body.n; at += piece)
		result = multipart_feed(
		    m, (struct str){body.p + at, body.n - at < piece ? body.n - at : piece}, &err);
	if (result == 0)
		result = multipart_finish(m, &err);
	multipart_free(m);
	return result == 0 ? ERR_NONE : err.code;
}

static void forms(struct str body)
{
	struct buffer whole = BUFFER(1 << 20), cut = BUFFER(1 << 20);
	if (read_form(body, SIZE_MAX / 2, &whole) != read_form(body, 3, &cut) ||
	    !str_eq(buffer_str(&whole), buffer_str(&cut)))
		abort();
	buffer_free(&whole);
	buffer_free(&cut);
}

static void executions(struct str body)
{
	struct execution_request request;
	struct error err = {0};
	if (execution_request_parse(body, &request, &err) != 0) {
		if ((err.code != ERR_BAD_REQUEST && err.code != ERR_INVALID_ENV) || !err.message[0])
			abort();
		return;
	}
	bool is_default = str_eq(request.input, STR("{}"));
	if (!is_default && (request.input.p < body.p || request.input.p + request.input.n > body.p + body.n))
		abort();
	if (!skill_name_is_valid(str_of(request.skill)) || request.env_count > EXECUTION_REQUEST_MAX_ENV)
		abort();
	execution_request_clear(&request);
}

/* A part lies within the whole, whatever is asked for. */
static void ranges(struct str header)
{
	static const int64_t sizes[] = {0, 1, 1000, INT64_MAX};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t offset, length;
		enum range_wish wish = range_read(header, sizes[i], &offset, &length);
		if (offset < 0 || length < 0 || offset > sizes[i] - length ||
		    (wish == RANGE_PART ? length == 0 : offset != 0 || length != sizes[i]))
			abort();
	}
	(void)etag_list_has(header, STR("\"a\""));
}

static void paths(struct str path)
{
	ranges(path);
	struct route_match match;
	struct error err = {0};
	if (route_find(route_table, route_count, STR("GET"), path, &match, &err) != 0 &&
	    err.code != ERR_NOT_FOUND && err.code != ERR_METHOD_NOT_ALLOWED)
		abort();
	buffer_free(&match.text);
	struct list_cursor cursor;
	(void)list_cursor_parse(path, &cursor, NULL);
	struct str boundary, key;
	(void)multipart_boundary(path, &boundary, NULL);
	(void)prefer_is_async(path);
	if (auth_bearer(&path, &key, NULL) == 0 && (key.n == 0 || key.n != str_trim(key).n))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct str rest = {(const char *)data + 1, size - 1};
	switch (data[0] & 3) {
	case 0:
		forms(rest);
		break;
	case 1:
		executions(rest);
		break;
	case 2:
		paths(rest);
		break;
	default:
		api_key_free(api_key_from_secret(rest, NULL));
	}
	return 0;
}
