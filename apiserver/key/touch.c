#include "apiserver/key/touch.h"

#include "apiserver/key/db_keys.h"
#include "apiserver/operation.h"
#include "lib/base/json_write.h"
#include "lib/base/log.h"

#include <stdlib.h>

#define TOUCH_INTERVAL_MS (10 * 60 * 1000)
#define PATCH_MAX 256 /* bytes */

static void warn(const struct caller *caller, const struct error *err)
{
	log_warn("last_used_at of a key could not be noted", "request_id", caller->request_id, "reason",
		 err->message, NULL);
}

static void on_touched(struct operation *operation, const struct kube_response *response)
{
	if (response->error && response->status != 404)
		warn(operation->caller, response->error);
}

static void free_operation(struct operation *operation)
{
	free(operation);
}

static int patch(struct operation *operation, const char *secret, int64_t now_ms, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(OPERATION_PATH_MAX), body = BUFFER(PATCH_MAX);
	api_key_path(&path, operation->server->namespace, secret);
	buffer_append_c(&body, "{\"metadata\":{\"annotations\":{");
	json_put_time(&body, API_KEY_USED_ANNOTATION, now_ms, true);
	buffer_append_c(&body, "}}}");
	struct kube_call call = {.method = "PATCH",
				 .path = path.data,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = buffer_str(&body)};
	if (buffer_check(&path, "the path", err) != 0 || buffer_check(&body, "the patch", err) != 0)
		return -1;
	return operation_kube(operation, &call, on_touched, err);
}

void key_touch(struct apiserver *server, struct caller *caller, const struct api_key *key)
{
	struct error err;
	int64_t now_ms = clock_wall_ms(server->clock);
	if (!key->secret) {
		db_keys_touch(server->db_keys, key);
		return;
	}
	if (now_ms - key->last_used_ms < TOUCH_INTERVAL_MS)
		return;
	/* Until the watch brings it, and if the call fails. */
	((struct api_key *)(uintptr_t)key)->last_used_ms = now_ms;
	struct operation *operation = calloc(1, sizeof(*operation));
	if (!operation) {
		error_no_memory(&err);
		warn(caller, &err);
		return;
	}
	operation_init(operation, server, caller, free_operation);
	if (patch(operation, key->secret, now_ms, &err) != 0)
		warn(caller, &err);
	operation_unref(operation);
}
