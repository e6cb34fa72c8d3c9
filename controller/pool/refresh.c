#include "controller/pool/refresh.h"

#include "controller/pool/skill.h"
#include "lib/base/log.h"

#include <stdlib.h>

/* a create that was answered shows up in the watch by then */
#define EXPECTED_MS 5000
#define SHAPE_TEXT_MAX 16384

/* What its sandboxes are to be. Whoever waits for what they were must look elsewhere, and what was wrong with
 * those says nothing of these. */
static int reshape(struct pool *pool, const struct sandbox_pool *object, struct pool_refusal *ret)
{
	struct pool_shape shape;
	const char *reason;
	cleanup_buffer struct buffer text = BUFFER(SHAPE_TEXT_MAX);
	bool valid = !object->meta.deleted_ms && pool_resolve(pool, object, &shape, &reason, &ret->err) == 0;
	if (object->meta.deleted_ms) { /* somebody else's finalizer holds it: its sandboxes go all the same */
		reason = "Deleted";
		error_set(&ret->err, ERR_GONE, "the pool is being deleted");
	}
	if (valid && pool_shape_write(&shape, pool->pools->services.config, &text) != 0)
		return -1;
	if (!str_eq(buffer_str(&text), str_of(pool->shape_text))) {
		pool_turn_away(pool);
		pool_forget_problems(pool);
	}
	ret->reason = valid ? NULL : reason;
	pool->valid = valid;
	free(pool->shape_text);
	pool->shape_text = valid ? buffer_steal(&text) : NULL;
	if (valid)
		pool->shape = shape;
	return 0;
}

/* The first Pod that the watch shows under this name, or another than before. One that we did not make, or
 * that came in the place of ours, goes: it is never spoken to. */
static void take_pod(struct sandbox *sandbox, const struct pod *pod)
{
	const struct pool_services *services = &sandbox->pool->pools->services;
	char *uid = str_dup(str_of(pod->meta.uid));
	if (!uid)
		return; /* at the next look */
	bool is_ours = !sandbox->uid && token_is_of(services->sessions->token_key, pod);
	free(sandbox->uid);
	sandbox->uid = uid;
	if (is_ours)
		return;
	log_warn("a Pod that says it is of a pool is not ours: it is deleted", "pool",
		 sandbox->pool->node.key.p, "pod", sandbox->name, NULL);
	sandbox->session = session_free(sandbox->session);
	sandbox->used = true;
	sandbox->deleted_ms = 0;
}

static bool visit_pod(void *context, const void *object)
{
	struct pool *pool = context;
	const struct pod *pod = object;
	if (!pod->meta.owner_uid || strcmp(pod->meta.owner_uid, pool->uid) != 0 ||
	    strcmp(pod->meta.namespace, pool->namespace) != 0)
		return true; /* the label alone makes nothing ours */
	struct sandbox *sandbox = pool_find_sandbox(pool, pod->meta.name);
	if (!sandbox)
		sandbox = sandbox_new(pool, pod->meta.name, pod->meta.created_ms);
	if (sandbox && (!sandbox->uid || strcmp(sandbox->uid, pod->meta.uid) != 0))
		take_pod(sandbox, pod);
	if (sandbox && sandbox->uid)
		sandbox->pod = pod;
	return true;
}

static void sync_with_pods(struct pool *pool, int64_t now_ms)
{
	struct sandbox *sandbox, *next;
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		sandbox->pod = NULL;
	cache_each_pod_of_pool(pool->pools->services.cache, pool->uid, visit_pod, pool);
	for (sandbox = LIST_FIRST(&pool->sandboxes); sandbox; sandbox = next) {
		next = LIST_NEXT(sandbox, link);
		bool expected =
		    !sandbox->uid && (sandbox->creating || now_ms - sandbox->created_ms < EXPECTED_MS);
		if (!sandbox->pod && !expected)
			sandbox_free(sandbox);
	}
}

/* Does the Execution still want the sandbox that it got? */
static bool is_wanted(const struct sandbox *sandbox)
{
	const struct pool_services *services = &sandbox->pool->pools->services;
	const struct execution *execution = sandbox_execution(sandbox);
	cleanup_buffer struct buffer key = BUFFER(CACHE_KEY_MAX);
	if (!execution || execution_is_finished(execution))
		return false;
	cache_key(&execution->meta, &key);
	return !key.failed && !services->has_another(services->context, buffer_str(&key), sandbox->name);
}

/* Another controller gave it that job. */
static void take_found(struct pool *pool, struct sandbox *sandbox)
{
	const char *id = session_found_execution(sandbox->session);
	sandbox->execution_id = str_dup(str_of(id));
	if (!sandbox->execution_id)
		return; /* asked again at the next look */
	const struct run_shape *shape = session_found_shape(sandbox->session);
	if (shape && (sandbox->found_shape = malloc(sizeof(*shape))))
		*sandbox->found_shape = *shape;
	sandbox->claimed = true;
	sandbox->session = session_free(sandbox->session);
	log_info("sandbox taken over", "pool", pool->node.key.p, "pod", sandbox->name, "execution",
		 sandbox->execution_id, NULL);
	sandbox_look_at_execution(sandbox);
}

/* What a sandbox has become since the last look. */
static void refresh_sandbox(struct pool *pool, struct sandbox *sandbox, int64_t now_ms)
{
	const struct pod *pod = sandbox->pod;
	if (sandbox->session && session_found_execution(sandbox->session))
		take_found(pool, sandbox);
	if (sandbox->claimed && !sandbox->used && !is_wanted(sandbox))
		sandbox->used = true;
	sandbox->fits =
	    !pod || (pod->pool_shape && str_eq(str_of(pod->pool_shape), str_of(pool->shape_text)));
	if (sandbox_state(sandbox, now_ms) == MEMBER_READY)
		sandbox->reached = true;
	if (!pod || !trouble_of_pod(pod, &sandbox->trouble))
		sandbox->trouble.reason = NULL;
}

int refresh_pool(struct pool *pool, const struct sandbox_pool *object, int64_t now_ms,
		 struct pool_refusal *ret)
{
	struct sandbox *sandbox;
	if (reshape(pool, object, ret) != 0)
		return -1;
	pool->replicas = object->spec.replicas;
	sync_with_pods(pool, now_ms);
	LIST_FOREACH(sandbox, &pool->sandboxes, link)
		refresh_sandbox(pool, sandbox, now_ms);
	return 0;
}
