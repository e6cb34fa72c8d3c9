#include "cli/context/account.h"

#include "lib/base/jsontext.h"

#include <string.h>

#define SHOWN 7 /* "sk-" and four digits of 48 */

int account_check(struct http *http, struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	struct http_request request = {.method = "GET", .path = "/v1/executions?limit=1"};
	int status = http_send(http, &request, &answer, err);
	if (status == 0 || answer.status != 403)
		return status;
	request.path = "/v1/skills"; /* a key that may only push */
	return http_send(http, &request, &answer, err);
}

int account_ask(struct http *http, struct http_answer *ret, struct error *err)
{
	const struct http_request request = {.method = "GET", .path = "/v1/whoami"};
	int status = http_send(http, &request, ret, err);
	if (status != 0 && ret->status == 404) {
		buffer_reset(&ret->body);
		return account_check(http, err);
	}
	if (status == 0 && (jsontext_check(buffer_str(&ret->body), NULL, err) != 0 ||
			    jsontext_kind_of(str_trim(buffer_str(&ret->body))) != JSONTEXT_OBJECT))
		return error_set(err, ERR_PROTOCOL,
				 "the answer makes no sense: GET /v1/whoami gave no JSON object");
	return status;
}

const char *account_show_key(const char *key, char ret[ACCOUNT_SHOWN_SIZE])
{
	if (strlen(key) > 3 * SHOWN)
		snprintf(ret, ACCOUNT_SHOWN_SIZE, "%.*s…", SHOWN, key);
	else
		snprintf(ret, ACCOUNT_SHOWN_SIZE, "%s", key[0] ? "…" : "");
	return ret;
}
