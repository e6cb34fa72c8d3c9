#include "cli/context/account.h"

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

const char *account_show_key(const char *key, char ret[ACCOUNT_SHOWN_SIZE])
{
	if (strlen(key) > 3 * SHOWN)
		snprintf(ret, ACCOUNT_SHOWN_SIZE, "%.*s…", SHOWN, key);
	else
		snprintf(ret, ACCOUNT_SHOWN_SIZE, "%s", key[0] ? "…" : "");
	return ret;
}
