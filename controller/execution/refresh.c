#include "controller/execution/refresh.h"

#include "controller/sandbox/pod_spec.h"

#include <stdlib.h>

/* The watch shows our own status patch soon; until then what we wrote is the newer truth. */
#define WRITTEN_MS 5000
/* A create that was answered shows up in the watch soon; after this long it is tried again (AlreadyExists if
 * it is there). */
#define POD_EXPECTED_MS 5000

static const struct execution *newest(struct tracked *tracked, const struct execution *cached)
{
	if (!tracked->written)
		return cached;
	/* a newer spec came behind our write */
	bool shown = strcmp(tracked->written->meta.resource_version, cached->meta.resource_version) == 0 ||
		     cached->meta.generation > tracked->written->meta.generation;
	int64_t now_ms = clock_wall_ms(tracked->executions->services.clock);
	if (shown || now_ms - tracked->written_ms > WRITTEN_MS) {
		tracked->written = execution_free(tracked->written);
		return cached;
	}
	return tracked->written;
}

static const struct pod *own_pod(const struct tracked *tracked, const struct execution *execution)
{
	char name[POD_NAME_SIZE];
	pod_name(execution, name);
	return cache_pod(tracked->executions->services.cache, execution->meta.namespace, name);
}

/* Another Pod may have the name of one that was claimed and is gone. */
static const struct pod *claimed_pod(const struct tracked *tracked, const struct execution *execution)
{
	const struct pod *pod =
	    cache_pod(tracked->executions->services.cache, execution->meta.namespace, tracked->claimed_pod);
	return pod && tracked_owns_pod(tracked, pod) ? pod : NULL;
}

const struct pod *refresh_pod(const struct tracked *tracked, const struct execution *execution)
{
	return tracked->claimed_pod ? claimed_pod(tracked, execution) : own_pod(tracked, execution);
}

/* Its name says nothing: anybody with the right to create Pods can make one of that name. */
static void know_own_pod(struct tracked *tracked, const struct pod *pod)
{
	const char *owner = pod ? pod->meta.owner_uid : NULL;
	if (tracked->pod_uid[0] || !owner || strcmp(owner, tracked->uid) != 0)
		return;
	if (token_is_of(tracked->executions->services.sessions->token_key, pod))
		tracked_know_pod(tracked, pod->meta.uid);
}

bool refresh_expects_pod(const struct tracked *tracked, const struct pod *pod)
{
	int64_t now_ms = clock_wall_ms(tracked->executions->services.clock);
	return !pod && tracked->pod_created_ms && now_ms - tracked->pod_created_ms < POD_EXPECTED_MS;
}

/* An earlier controller gave it a sandbox of a pool, as the sandbox itself tells. What the skill has become
 * since changes nothing for that run. */
static void adopt_claim(struct tracked *tracked, const struct execution *execution)
{
	struct found_claim found;
	if (tracked->claimed_pod || tracked->session || tracked->pod_uid[0] ||
	    execution_is_finished(execution) ||
	    !pools_find_claimed(tracked->executions->services.pools, execution->meta.namespace,
				execution_id(execution), &found))
		return;
	tracked->claimed_pod = str_dup(str_of(found.pod_name));
	if (!tracked->claimed_pod)
		return; /* at the next look */
	tracked_know_pod(tracked, found.pod_uid);
	if (found.shape)
		tracked_set_shape(tracked, found.shape);
}

/* A Pod that is going or has ended holds no place. */
static void follow_pod(struct tracked *tracked, const struct pod *pod)
{
	bool has_sandbox = tracked->state == TRACKED_STARTING || tracked->state == TRACKED_READY;
	if (pod) {
		tracked->pod_created_ms = 0;
		tracked_forget_refusal(tracked); /* "already exists" was said of this one */
	}
	if (tracked->state == TRACKED_SETTLED) /* its sandbox is being deleted */
		return;
	if (pod && pod->meta.deleted_ms == 0 && !pod->terminated)
		tracked_move(tracked, pod->ready ? TRACKED_READY : TRACKED_STARTING);
	else if (has_sandbox && !refresh_expects_pod(tracked, pod))
		tracked_move(tracked, TRACKED_IDLE);
}

static void follow_tenant(struct tracked *tracked, const struct execution *execution)
{
	const struct execution_services *services = &tracked->executions->services;
	if (!cache_tenant_rival(services->cache, execution->meta.namespace))
		tracked->rival_ms = 0;
	else if (tracked->rival_ms == 0)
		tracked->rival_ms = clock_wall_ms(services->clock);
}

const struct execution *refresh_tracked(struct tracked *tracked, const struct execution *cached)
{
	const struct execution *execution = newest(tracked, cached);
	follow_tenant(tracked, execution);
	know_own_pod(tracked, own_pod(tracked, execution));
	adopt_claim(tracked, execution);
	const struct pod *pod = refresh_pod(tracked, execution);
	bool is_foreign = pod && !tracked_owns_pod(tracked, pod);
	if (is_foreign)
		tracked->pod_created_ms = 0; /* nothing else comes under that name */
	follow_pod(tracked, is_foreign ? NULL : pod);
	return execution;
}
