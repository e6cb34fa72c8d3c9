#include "controller/pool/calls.h"

#include "lib/base/log.h"
#include "lib/base/quantity.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH_SIZE 1024
#define REQUEST_MAX (64 << 10)
#define STATUS_INTERVAL_MS 3000 /* counts change with every claim: people look, nothing waits for them */
#define REASON_INTERVAL_MS 500  /* but for what keeps it from being ready, and for another spec */

struct pool_call {
	LIST_ENTRY(pool_call) link;
	struct pools *pools;
	char *pool_key, *pod; /* by name: pool and sandbox may be gone when the answer comes */
};

static void call_free(struct pool_call *call)
{
	LIST_REMOVE(call, link);
	free(call->pool_key);
	free(call->pod);
	free(call);
}

void pools_forget_calls(struct pools *pools)
{
	while (!LIST_EMPTY(&pools->calls))
		call_free(LIST_FIRST(&pools->calls));
}

static struct pool *pool_of(const struct pool_call *call)
{
	return pool_find(call->pools, str_of(call->pool_key));
}

static struct sandbox *sandbox_of(const struct pool_call *call)
{
	struct pool *pool = pool_of(call);
	return pool ? pool_find_sandbox(pool, call->pod) : NULL;
}

static int send_call(struct pool *pool, const char *pod, struct kube_call *kube_call)
{
	struct error err;
	struct pool_call *call = calloc(1, sizeof(*call));
	if (!call)
		return -1;
	call->pools = pool->pools;
	call->pool_key = str_dup(pool->node.key);
	call->pod = str_dup(str_of(pod));
	LIST_INSERT_HEAD(&pool->pools->calls, call, link);
	kube_call->context = call;
	if (call->pool_key && call->pod && kube_client_call(pool->pools->services.client, kube_call, &err))
		return 0;
	log_warn("request of a pool not sent", "pool", pool->node.key.p, NULL);
	call_free(call);
	return -1;
}

static void look_again(const struct pool_call *call, int64_t delay_ms)
{
	workqueue_add_after(call->pools->services.queue, str_of(call->pool_key), delay_ms);
}

/* Pods */

/* Whoever waits for a sandbox of this pool has one made without it, or hears the same. Of those that were
 * tried at once only the first counts, or a large pool would wait the longest pause at once. */
static void note_refused(struct pool *pool, const struct trouble *trouble)
{
	if (!pool->refused || !pool->problem.reason || strcmp(pool->problem.reason, trouble->reason) != 0)
		log_warn("Pod of a pool not created", "pool", pool->node.key.p, "reason", trouble->reason,
			 "error", trouble->message, NULL);
	pool_note_problem(pool, trouble->reason, trouble->message);
	pool->refused = true;
	if (pool->failures == 0)
		pool_turn_away(pool);
	pool->failures += pool->failures == 0 || pool->refusal_counts;
	pool->refusal_counts = false;
	pool->failed_ms = clock_wall_ms(pool->pools->services.clock);
}

static void created(void *context, const struct kube_response *response)
{
	struct pool_call *call = context;
	struct pool *pool = pool_of(call);
	struct sandbox *sandbox = sandbox_of(call);
	struct trouble trouble;
	if (response->error)
		trouble_of_refusal(response, pool ? pool->namespace : "", &trouble);
	/* a name that is taken is our own earlier create */
	bool is_refused = response->error && strcmp(trouble.reason, TROUBLE_NAME_TAKEN) != 0;
	bool is_well_again = pool && !response->error && pool->refused;
	if (sandbox)
		sandbox->creating = false;
	if (pool && is_refused)
		note_refused(pool, &trouble);
	else if (is_well_again)
		pool_forget_problems(pool);
	if (is_refused && sandbox && !sandbox->uid)
		sandbox->created_ms = 0; /* nothing is to be expected */
	if (is_refused || is_well_again) /* the others can be made now */
		look_again(call, 1);
	call_free(call);
}

static int build(const struct sandbox *sandbox, const struct sandbox_pool *object, struct buffer *out,
		 struct error *err)
{
	const struct pool *pool = sandbox->pool;
	const struct controller_config *config = pool->pools->services.config;
	char token[TOKEN_SIZE];
	if (token_make(pool->pools->services.sessions->token_key, pool->namespace, sandbox->name, pool->uid,
		       token, err) != 0)
		return -1;
	struct sandbox_spec spec = {
	    .name = sandbox->name,
	    .owner_kind = "SandboxPool",
	    .owner_name = object->meta.name,
	    .owner_uid = pool->uid,
	    .uid_label = POD_POOL_LABEL,
	    .shape_annotation = POD_POOL_SHAPE_ANNOTATION,
	    .shape = pool->shape_text,
	    .image = pool->shape.image,
	    .runtime_class = pool->shape.runtime_class,
	    .lang = pool->shape.lang,
	    .script = pool->shape.script,
	    .preload = pool->shape.preload,
	    .park_after_files = pool_shape_is_bound(&pool->shape) && pool->shape.preload[0],
	    .token = token,
	    .memory = pool->shape.memory,
	    .cpu = pool->shape.cpu,
	    .lifetime_ms = POOL_MAX_AGE_MS + config->start_timeout_ms + config->policy.max_timeout_ms,
	};
	int result = pod_spec_build(&spec, config, out, err);
	explicit_bzero(token, sizeof(token));
	return result;
}

void pools_create(struct sandbox *sandbox, const struct sandbox_pool *object)
{
	struct pool *pool = sandbox->pool;
	cleanup_buffer struct buffer body = BUFFER(REQUEST_MAX);
	char path[PATH_SIZE];
	struct error err;
	struct kube_call call = {.method = "POST", .path = path, .done = created};
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", pool->namespace);
	if (build(sandbox, object, &body, &err) != 0) {
		log_error("Pod of a pool not built", "pool", pool->node.key.p, "error", err.message, NULL);
		sandbox->created_ms = 0;
		return;
	}
	call.body = buffer_str(&body);
	sandbox->creating = send_call(pool, sandbox->name, &call) == 0;
	if (!sandbox->creating)
		sandbox->created_ms = 0;
}

static void deleted(void *context, const struct kube_response *response)
{
	struct pool_call *call = context;
	struct sandbox *sandbox = sandbox_of(call);
	if (response->error && response->error->code != ERR_NOT_FOUND &&
	    response->error->code != ERR_CONFLICT) {
		log_warn("Pod of a pool not deleted", "pod", call->pod, "error", response->error->message,
			 NULL);
		if (sandbox) {
			sandbox->used = true; /* whatever it was, it goes */
			sandbox->deleted_ms = 0;
		}
		look_again(call, 1000);
	}
	call_free(call);
}

void pools_delete(struct sandbox *sandbox)
{
	char path[PATH_SIZE], body[POD_DELETE_SIZE];
	struct kube_call call = {.method = "DELETE", .path = path, .done = deleted};
	snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", sandbox->pool->namespace,
		 sandbox->name);
	pod_delete_options(sandbox->uid, body);
	call.body = str_of(body);
	if (send_call(sandbox->pool, sandbox->name, &call) != 0)
		sandbox->deleted_ms = 0; /* at the next look */
}

/* Status */

static void status_patched(void *context, const struct kube_response *response)
{
	struct pool_call *call = context;
	struct pool *pool = pool_of(call);
	if (pool)
		pool->writing = false;
	if (response->error && response->error->code != ERR_NOT_FOUND) {
		log_warn("status of a pool not written", "pool", call->pool_key, "error",
			 response->error->message, NULL);
		if (pool)
			pool->written = (struct pool_written){0};
		look_again(call, STATUS_INTERVAL_MS);
	}
	call_free(call);
}

static int build_status(const struct pool *pool, const struct sandbox_pool *object,
			const struct pool_plan *plan, int64_t now_ms, struct buffer *out, struct error *err)
{
	char selector[128], cpu[QUANTITY_SIZE], memory[QUANTITY_SIZE], message[POOL_MESSAGE_SIZE];
	const char *status = plan->is_ready ? "True" : "False";
	const struct condition *before = &object->status.ready;
	bool same = before->status && strcmp(before->status, status) == 0;
	snprintf(selector, sizeof(selector), POD_POOL_LABEL "=%s", pool->uid);
	snprintf(message, sizeof(message), "%s", plan->message);
	int64_t cpu_request = pool->shape.cpu < POD_CPU_REQUEST ? pool->shape.cpu : POD_CPU_REQUEST;
	quantity_format_cpu(plan->unclaimed * cpu_request, cpu);
	quantity_format_memory(plan->unclaimed * pool->shape.memory, memory);
	struct sandbox_pool wish = {.meta = object->meta};
	wish.status.ready = (struct condition){.status = (char *)(uintptr_t)status,
					       .reason = (char *)(uintptr_t)plan->reason,
					       .message = message,
					       .transition_ms = same ? before->transition_ms : now_ms,
					       .observed_generation = object->meta.generation};
	wish.status.replicas = plan->unclaimed;
	wish.status.ready_count = plan->ready;
	wish.status.claimed = plan->claimed;
	wish.status.selector = selector;
	if (pool->valid && pool_shape_is_bound(&pool->shape)) {
		wish.status.skill_version = (char *)(uintptr_t)pool->shape.skill_version;
		wish.status.skill_digest = (char *)(uintptr_t)pool->shape.skill_digest;
	}
	wish.status.reserved_cpu = plan->unclaimed > 0 ? cpu : (char *)(uintptr_t) "0";
	wish.status.reserved_memory = plan->unclaimed > 0 ? memory : (char *)(uintptr_t) "0";
	return sandbox_pool_status_patch(&wish, out, err);
}

/* Of what keeps it from being ready; that it fills and is full is told by the status alone. */
static void record_event(const struct pool *pool, const struct sandbox_pool *object,
			 const struct pool_plan *plan)
{
	const struct event_object about = {API_VERSION, "SandboxPool", object->meta.namespace,
					   object->meta.name, object->meta.uid};
	if (plan->is_ready || strcmp(plan->reason, POOL_FILLING) == 0)
		return;
	event_record(pool->pools->services.events, &about, "Warning", plan->reason, "Fill", plan->message);
}

int64_t pools_write_status(struct pool *pool, const struct sandbox_pool *object, const struct pool_plan *plan,
			   int64_t now_ms)
{
	struct pool_written now = {
	    plan->unclaimed, plan->ready, plan->claimed, object->meta.generation, plan->reason, "", "", ""};
	const struct pool_written *before = &pool->written;
	snprintf(now.message, sizeof(now.message), "%s", plan->message);
	if (pool->valid) {
		memcpy(now.skill_version, pool->shape.skill_version, sizeof(now.skill_version));
		memcpy(now.skill_digest, pool->shape.skill_digest, sizeof(now.skill_digest));
	}
	if (before->reason && now.unclaimed == before->unclaimed && now.ready == before->ready &&
	    now.claimed == before->claimed && now.generation == before->generation &&
	    strcmp(now.reason, before->reason) == 0 && strcmp(now.message, before->message) == 0 &&
	    strcmp(now.skill_version, before->skill_version) == 0 &&
	    strcmp(now.skill_digest, before->skill_digest) == 0)
		return -1;
	bool is_news = !before->reason || strcmp(now.reason, before->reason) != 0 ||
		       now.generation != before->generation;
	int64_t left = (is_news ? REASON_INTERVAL_MS : STATUS_INTERVAL_MS) - (now_ms - pool->written_ms);
	if (pool->writing || left > 0)
		return left > 0 ? left : STATUS_INTERVAL_MS;
	cleanup_buffer struct buffer body = BUFFER(REQUEST_MAX);
	char path[PATH_SIZE];
	struct error err;
	snprintf(path, sizeof(path), API_BASE_PATH "/namespaces/%s/" API_SANDBOX_POOLS "/%s/status",
		 pool->namespace, object->meta.name);
	if (build_status(pool, object, plan, now_ms, &body, &err) != 0) {
		log_error("status of a pool not built", "pool", pool->node.key.p, "error", err.message, NULL);
		return STATUS_INTERVAL_MS;
	}
	struct kube_call call = {.method = "PATCH",
				 .path = path,
				 .content_type = KUBE_MERGE_PATCH,
				 .body = buffer_str(&body),
				 .done = status_patched};
	pool->written_ms = now_ms;
	if (send_call(pool, "", &call) != 0)
		return STATUS_INTERVAL_MS;
	if (!before->reason || strcmp(now.reason, before->reason) != 0)
		record_event(pool, object, plan);
	pool->writing = true;
	pool->written = now;
	return -1;
}
