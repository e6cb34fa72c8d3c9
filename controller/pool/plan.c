#include "controller/pool/plan.h"
#include "lib/base/clock.h"

#include <stdio.h>

static void look_again(struct pool_plan *plan, int64_t ms)
{
	if (ms < 1)
		ms = 1;
	if (plan->requeue_ms < 0 || ms < plan->requeue_ms)
		plan->requeue_ms = ms;
}

/* After so many failures in a row, the first of which waits first_ms. */
static int64_t pause_after(unsigned failures, int64_t first_ms, int64_t max_ms)
{
	return duration_doubled(first_ms, failures > 0 ? failures - 1 : 0, max_ms);
}

static bool is_starting(enum member_state state)
{
	return state == MEMBER_EXPECTED || state == MEMBER_STARTING;
}

static bool is_unclaimed(enum member_state state)
{
	return state <= MEMBER_LOST;
}

/* Its container runs, and it has not told this controller yet whether an earlier one gave it an Execution. */
static bool may_have_a_job(const struct member_view *member)
{
	return (member->state == MEMBER_OPENING || member->state == MEMBER_LOST) && !member->reached;
}

static enum member_action start_action(const struct pool_observation *seen, const struct member_view *member,
				       struct pool_plan *plan)
{
	int64_t limit = member->waits_in_vain ? POOL_IMAGE_GRACE_MS : seen->start_timeout_ms;
	if (member->age_ms >= limit)
		return MEMBER_GIVE_UP;
	look_again(plan, limit - member->age_ms);
	return MEMBER_KEEP;
}

static enum member_action lost_action(const struct member_view *member, struct pool_plan *plan)
{
	if (member->losses > POOL_MAX_STREAM_LOSSES)
		return member->reached ? MEMBER_DELETE : MEMBER_GIVE_UP;
	int64_t left = pause_after(member->losses, POOL_STREAM_BACKOFF_MS, 4000) - member->lost_ms;
	if (left <= 0)
		return MEMBER_OPEN;
	look_again(plan, left);
	return MEMBER_KEEP;
}

static enum member_action action_of(const struct pool_observation *seen, const struct member_view *member,
				    struct pool_plan *plan)
{
	if (is_unclaimed(member->state) && (!member->fits || seen->invalid) && !may_have_a_job(member))
		return MEMBER_DELETE;
	switch (member->state) {
	case MEMBER_EXPECTED:
	case MEMBER_STARTING:
		return start_action(seen, member, plan);
	case MEMBER_LOST:
		return lost_action(member, plan);
	case MEMBER_OPENING:
	case MEMBER_READY:
		if (member->age_ms >= POOL_MAX_AGE_MS)
			return MEMBER_DELETE;
		look_again(plan, POOL_MAX_AGE_MS - member->age_ms);
		return MEMBER_KEEP;
	case MEMBER_ENDED:
		return member->reached ? MEMBER_DELETE : MEMBER_GIVE_UP;
	case MEMBER_USED:
		return MEMBER_DELETE;
	case MEMBER_CLAIMED:
	case MEMBER_DELETED:
		return MEMBER_KEEP;
	}
	return MEMBER_KEEP;
}

/* More wait than are asked for: those go first that are furthest from being of use; none that may have a job,
 * and none that has not shown up, which can't be deleted by its UID. */
static void drop_surplus(const struct pool_observation *seen, enum member_action *actions, int64_t surplus)
{
	static const enum member_state order[] = {MEMBER_STARTING, MEMBER_LOST, MEMBER_OPENING, MEMBER_READY};
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (size_t i = seen->member_count; i-- > 0 && surplus > 0;)
			if (seen->members[i].state == order[k] && actions[i] <= MEMBER_OPEN &&
			    !may_have_a_job(&seen->members[i])) {
				actions[i] = MEMBER_DELETE;
				surplus--;
			}
}

static void plan_creates(const struct pool_observation *seen, int64_t missing, int64_t starting,
			 struct pool_plan *plan)
{
	int64_t room = seen->room - starting;
	int64_t max_ms = seen->refused ? POOL_REFUSED_MAX_MS : POOL_BACKOFF_MAX_MS;
	int64_t pause =
	    seen->failures ? pause_after(seen->failures, POOL_BACKOFF_MS, max_ms) - seen->failed_ms : 0;
	if (pause > 0) {
		look_again(plan, pause);
		return;
	}
	if (room < 1 && seen->tenant_starting + starting == 0)
		room = 1; /* a tenant may always start one */
	plan->is_held = missing > room;
	plan->creates = missing < room ? missing : room > 0 ? room : 0;
	if (seen->failures && plan->creates > 1)
		plan->creates = 1; /* one finds out whether it is well again */
}

static void plan_condition(const struct pool_observation *seen, const struct member_view *troubled,
			   struct pool_plan *plan)
{
	bool known = seen->problem && seen->problem[0];
	plan->is_ready = !seen->invalid && plan->ready >= seen->replicas;
	if (seen->invalid) {
		plan->reason = seen->invalid_reason;
		snprintf(plan->message, sizeof(plan->message), "%s", seen->invalid);
	} else if (plan->is_ready) {
		plan->reason = "Ready";
		snprintf(plan->message, sizeof(plan->message), "as many sandboxes wait as are asked for");
	} else if (seen->refused && known) {
		plan->reason = seen->problem_reason;
		snprintf(plan->message, sizeof(plan->message), "%s", seen->problem);
	} else if (troubled) {
		plan->reason = troubled->trouble;
		snprintf(plan->message, sizeof(plan->message), "%s", troubled->trouble_message);
	} else if (seen->failures > 0) {
		plan->reason = "SandboxesFail";
		snprintf(plan->message, sizeof(plan->message), "%u sandboxes in a row did not get ready%s%s",
			 seen->failures, known ? ": " : "; see the Pods' Events", known ? seen->problem : "");
	} else {
		plan->reason = POOL_FILLING;
		snprintf(plan->message, sizeof(plan->message), "sandboxes are being made%s%s",
			 known ? "; the last problem of one: " : "", known ? seen->problem : "");
	}
}

void pool_plan(const struct pool_observation *seen, enum member_action *actions, struct pool_plan *ret)
{
	struct pool_plan plan = {.requeue_ms = -1};
	const struct member_view *troubled = NULL;
	int64_t alive = 0, starting = 0;
	for (size_t i = 0; i < seen->member_count; i++) {
		const struct member_view *member = &seen->members[i];
		actions[i] = action_of(seen, member, &plan);
		plan.claimed += member->state == MEMBER_CLAIMED;
		plan.unclaimed += is_unclaimed(member->state);
		plan.ready += member->state == MEMBER_READY;
		if (is_unclaimed(member->state) && actions[i] <= MEMBER_OPEN) {
			alive++;
			starting += is_starting(member->state);
		}
		/* an image that can't be had says more than a node that has no room */
		if (member->trouble && (!troubled || member->waits_in_vain))
			troubled = member;
	}
	int64_t wanted = seen->invalid ? 0 : seen->replicas;
	if (wanted > 0)
		wanted += seen->waiting;
	if (alive > wanted)
		drop_surplus(seen, actions, alive - wanted);
	else if (alive < wanted)
		plan_creates(seen, wanted - alive, starting, &plan);
	plan_condition(seen, troubled, &plan);
	*ret = plan;
}
