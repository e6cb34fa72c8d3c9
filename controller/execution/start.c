#include "controller/execution/start.h"

#include "controller/sandbox/trouble.h"

#include <stdio.h>

static int start_late(const struct decision *d)
{
	const struct pod *pod = d->seen->pod;
	char message[DECISION_MESSAGE_SIZE];
	struct trouble trouble;
	if (!trouble_of_pod(pod, &trouble))
		trouble_of_slow_pod(pod, &trouble);
	snprintf(message, sizeof(message), "sandbox was not ready within %lld s: %s",
		 (long long)(d->config->start_timeout_ms / 1000), trouble.message);
	return decision_end(d, "sandbox_start_failed", message);
}

/* Images may come, and containers be made, at a later try of the kubelet. */
static int start_in_vain(const struct decision *d)
{
	const struct pod *pod = d->seen->pod;
	char message[DECISION_MESSAGE_SIZE];
	snprintf(message, sizeof(message), "sandbox did not start: %.64s: %.900s", pod->waiting_reason,
		 pod->waiting_message ? pod->waiting_message : "no message");
	return decision_end(d, "sandbox_start_failed", message);
}

/* How long it may go on like that. */
static int64_t vain_grace(const struct decision *d, int64_t age)
{
	const char *reason = d->seen->execution->status.succeeded.reason;
	struct trouble trouble;
	bool is_told =
	    reason && trouble_of_pod(d->seen->pod, &trouble) && strcmp(reason, trouble.reason) == 0;
	int64_t to_tell = PLAN_IMAGE_TOLD_MS - (is_told ? d->seen->now_ms - d->seen->reported_ms : 0);
	int64_t left = PLAN_IMAGE_GRACE_MS - age;
	return left > to_tell ? left : to_tell;
}

int start_await(const struct decision *d)
{
	const struct pod *pod = d->seen->pod;
	int64_t age = d->seen->now_ms - pod->meta.created_ms;
	struct trouble trouble;
	if (age >= d->config->start_timeout_ms)
		return start_late(d);
	int64_t grace = pod_waits_in_vain(pod) ? vain_grace(d, age) : d->config->start_timeout_ms - age;
	if (pod_waits_in_vain(pod) && grace <= 0)
		return start_in_vain(d);
	decision_look_again(d, grace);
	if (trouble_of_pod(pod, &trouble)) {
		if (!pod->unschedulable || age >= PLAN_UNSCHEDULABLE_MS)
			return decision_report_trouble(d, "Warning", trouble.reason, trouble.message);
		decision_look_again(d, PLAN_UNSCHEDULABLE_MS - age);
		return 0;
	}
	trouble_of_slow_pod(pod, &trouble);
	return decision_report_step(d, trouble.reason, trouble.message);
}
