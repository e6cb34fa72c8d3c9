#include "apiserver/skill/expire.h"

#include "apiserver/skill/skill_path.h"
#include "lib/base/json_write.h"
#include "lib/base/log.h"
#include "lib/policy/names.h"

#include <stdlib.h>

#define INTERVAL_MS ((uint64_t)10 * 60 * 1000)
#define FIRST_MS 10000 /* the caches want to be filled */
#define PATH_MAX_BYTES 1024
#define BODY_MAX 1024

struct skill_expiry {
	struct apiserver *server;
	uv_timer_t timer;
};

static void on_deleted(void *context, const struct kube_response *response)
{
	(void)context;
	if (response->error && response->status != 404 && response->status != 409)
		log_warn("a skill that was tried out could not be deleted", "reason",
			 response->error->message, NULL);
}

/* Only as it was seen: an upload of the same bytes makes it young again. */
static void delete_skill(struct apiserver *server, const struct skill *skill)
{
	struct error err;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES), body = BUFFER(BODY_MAX);
	skill_path(&path, skill->meta.namespace, skill->meta.name);
	buffer_append_c(&body, "{\"preconditions\":{");
	json_put_string(&body, "uid", skill->meta.uid);
	json_put_string(&body, "resourceVersion", skill->meta.resource_version);
	buffer_append_c(&body, "}}");
	struct kube_call call = {
	    .method = "DELETE", .path = path.data, .body = buffer_str(&body), .done = on_deleted};
	if (buffer_check(&path, "the path", &err) != 0 ||
	    buffer_check(&body, "the preconditions", &err) != 0 ||
	    !kube_client_call(server->kube, &call, &err))
		log_warn("a skill that was tried out could not be deleted", "reason", err.message, NULL);
	else
		log_info("deleting a skill that was tried out", "namespace", skill->meta.namespace, "skill",
			 skill->spec.name, "version", skill->spec.version, NULL);
}

static bool visit(void *context, const void *object)
{
	struct apiserver *server = context;
	const struct skill *skill = object;
	int64_t age_ms = clock_wall_ms(server->clock) - skill->uploaded_ms;
	if (!skill->invalid && !skill->meta.deleted_ms && age_ms > SKILL_DEV_LIFE_MS &&
	    skill_version_is_dev(str_of(skill->spec.version)))
		delete_skill(server, skill);
	return true;
}

void skill_expire(struct apiserver *server)
{
	informer_each(cluster_informer(server->cluster, CLUSTER_SKILLS), visit, server);
}

static void on_timer(uv_timer_t *timer)
{
	struct skill_expiry *expiry = timer->data;
	if (!expiry->server->stopping)
		skill_expire(expiry->server);
}

struct skill_expiry *skill_expiry_new(struct apiserver *server, struct error *err)
{
	struct skill_expiry *expiry = calloc(1, sizeof(*expiry));
	if (!expiry) {
		error_no_memory(err);
		return NULL;
	}
	expiry->server = server;
	expiry->timer.data = expiry;
	uv_timer_init(server->loop, &expiry->timer);
	uv_timer_start(&expiry->timer, on_timer, FIRST_MS, INTERVAL_MS);
	uv_unref((uv_handle_t *)&expiry->timer);
	return expiry;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

struct skill_expiry *skill_expiry_free(struct skill_expiry *expiry)
{
	if (expiry)
		uv_close((uv_handle_t *)&expiry->timer, on_closed);
	return NULL;
}
