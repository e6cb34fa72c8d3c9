#include "apiserver/rest/whoami.h"

#include "apiserver/http/answer.h"
#include "apiserver/http/request.h"
#include "apiserver/rest/keys.h"
#include "lib/base/json_write.h"

#define WHOAMI_MAX 65536 /* bytes of the answer */

void rest_whoami(struct request *request)
{
	const struct caller *caller = request->operation.caller;
	cleanup_buffer struct buffer body = BUFFER(WHOAMI_MAX);
	json_open(&body, '{');
	json_put_string(&body, "tenant", caller->tenant);
	json_put_string(&body, "namespace", caller->namespace);
	json_key(&body, "key");
	json_open(&body, '{');
	json_put_string(&body, "id", caller->key_id);
	json_put_string(&body, "name", caller->key_name);
	rest_put_scopes(&body, caller->scopes);
	json_put_time(&body, "created_at", caller->key_created_ms, true);
	json_close(&body, '}');
	json_put_string(&body, "version", SKILLBOX_VERSION);
	json_close(&body, '}');
	answer_json(request, 200, &body);
}
