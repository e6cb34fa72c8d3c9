#include "controller/execution/outcome.h"

#include "lib/run/verdict.h"

#include <stdlib.h>

/* Copy a C string into a field of the status; NULL stays NULL. */
static int put(char **field, const char *text, struct error *err)
{
	free(*field);
	*field = NULL;
	if (!text)
		return 0;
	*field = str_dup(str_of(text));
	return *field ? 0 : error_no_memory(err);
}

static int put_ref(struct blob_ref *field, const struct blob_ref *ref, struct error *err)
{
	field->size = ref->size;
	return put(&field->digest, ref->digest, err);
}

static struct execution *status_new(const struct execution *execution, const char *status, const char *reason,
				    const char *message, int64_t now_ms, struct error *err)
{
	struct execution *wish = calloc(1, sizeof(*wish));
	if (!wish) {
		error_no_memory(err);
		return NULL;
	}
	wish->meta.generation = execution->meta.generation;
	wish->meta.created_ms = execution->meta.created_ms;
	wish->spec.ttl_seconds = -1;
	wish->status.attempt = execution->status.attempt;
	struct condition *condition = &wish->status.succeeded;
	const struct condition *before = &execution->status.succeeded;
	bool same = before->status && strcmp(before->status, status) == 0;
	condition->transition_ms = same ? before->transition_ms : now_ms;
	condition->observed_generation = execution->meta.generation;
	struct execution_timings *t = &wish->status.timings;
	t->queue = t->sandbox = t->start = t->run = t->collect = t->total = -1;
	if (put(&wish->meta.namespace, execution->meta.namespace, err) != 0 ||
	    put(&wish->meta.name, execution->meta.name, err) != 0 ||
	    put(&wish->meta.uid, execution->meta.uid, err) != 0 ||
	    put(&wish->meta.resource_version, execution->meta.resource_version, err) != 0 ||
	    put(&condition->status, status, err) != 0 || put(&condition->reason, reason, err) != 0 ||
	    put(&condition->message, message, err) != 0)
		return execution_free(wish);
	return wish;
}

struct execution *outcome_progress(const struct execution *execution, const char *reason, const char *message,
				   int64_t now_ms, struct error *err)
{
	return status_new(execution, "Unknown", reason, message, now_ms, err);
}

struct execution *outcome_observed(const struct execution *execution, struct error *err)
{
	const struct condition *now = &execution->status.succeeded;
	return status_new(execution, now->status, now->reason ? now->reason : "Unknown",
			  now->message ? now->message : "", now->transition_ms, err);
}

static const char *reason_of_code(const char *error_code)
{
	if (!error_code)
		return REASON_SUCCEEDED;
	if (strcmp(error_code, "timeout") == 0)
		return REASON_TIMED_OUT;
	if (strcmp(error_code, "cancelled") == 0)
		return REASON_CANCELLED;
	return REASON_FAILED;
}

/* error_code NULL: success. */
static struct execution *status_ended(const struct execution *execution, const char *error_code,
				      const char *message, int64_t now_ms, struct error *err)
{
	struct execution *wish = status_new(execution, error_code ? "False" : "True",
					    reason_of_code(error_code), message, now_ms, err);
	if (!wish)
		return NULL;
	wish->status.completed_ms = now_ms;
	if (error_code && (put(&wish->status.error, message, err) != 0 ||
			   put(&wish->status.error_code, error_code, err) != 0))
		return execution_free(wish);
	return wish;
}

/* All six are there once an execution ended; stages that were never reached took no time. */
static void put_timings(struct execution *wish, const struct observation *seen)
{
	struct execution_timings *t = &wish->status.timings;
	if (seen->result)
		*t = seen->result->timings;
	t->queue = seen->queue_ms;
	t->sandbox = seen->sandbox_ms;
	t->total = seen->total_ms;
	double *all[] = {&t->queue, &t->sandbox, &t->start, &t->run, &t->collect, &t->total};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (*all[i] < 0)
			*all[i] = 0;
}

struct execution *outcome_failure_of(const struct execution *execution, const char *error_code,
				     const char *message, int64_t now_ms, struct error *err)
{
	struct execution *wish = status_ended(execution, error_code, message, now_ms, err);
	if (!wish)
		return NULL;
	int64_t from = execution->status.started_ms;
	wish->status.duration_ms =
	    from && now_ms > from ? now_ms - from : 1; /* contract: at least 1 once ended */
	return wish;
}

struct execution *outcome_failure(const struct observation *seen, const char *error_code, const char *message,
				  struct error *err)
{
	struct execution *wish = outcome_failure_of(seen->execution, error_code, message, seen->now_ms, err);
	if (wish) {
		put_timings(wish, seen);
		wish->status.warm = seen->warm;
	}
	return wish;
}

int outcome_set_sandbox(struct execution *status, const struct run_shape *shape, const struct pod *pod,
			int64_t started_ms, struct error *err)
{
	status->status.started_ms = started_ms;
	if (put(&status->status.image, shape->image, err) != 0 ||
	    put(&status->status.skill_version, shape->skill_version, err) != 0 ||
	    (shape->skill_digest[0] && put(&status->status.skill_digest, shape->skill_digest, err) != 0))
		return -1;
	if (!pod)
		return 0;
	if (put(&status->status.pod_name, pod->meta.name, err) != 0 ||
	    (pod->image_id && put(&status->status.image_id, pod->image_id, err) != 0))
		return -1;
	return 0;
}

static int put_files(struct execution *wish, const struct run_result *result, struct error *err)
{
	if (result->file_count == 0)
		return 0;
	wish->status.files = calloc(result->file_count, sizeof(char *));
	if (!wish->status.files)
		return error_no_memory(err);
	for (size_t i = 0; i < result->file_count; i++) {
		if (put(&wish->status.files[i], result->files[i], err) != 0)
			return -1;
		wish->status.file_count++;
	}
	return put_ref(&wish->status.files_ref, &result->files_ref, err);
}

static int put_result(struct execution *wish, const struct run_result *result, struct error *err)
{
	wish->status.has_exit_code = !result->failure;
	wish->status.exit_code = result->exit_code;
	wish->status.duration_ms = result->run_us >= 1000 ? result->run_us / 1000 : 1;
	wish->status.logs_truncated = result->logs_truncated;
	if (put(&wish->status.output, result->output, err) != 0 ||
	    put_ref(&wish->status.output_ref, &result->output_ref, err) != 0 ||
	    put(&wish->status.logs, result->logs, err) != 0 ||
	    put_ref(&wish->status.logs_ref, &result->logs_ref, err) != 0 || put_files(wish, result, err) != 0)
		return -1;
	wish->status.isolation = isolation_ref(result->isolation);
	return 0;
}

struct execution *outcome_of_result(const struct observation *seen, const struct run_shape *shape,
				    struct error *err)
{
	char message[VERDICT_SIZE];
	const char *error_code = verdict_of(seen->result, shape->timeout_ms, shape->memory, message);
	struct execution *wish = status_ended(seen->execution, error_code, message, seen->now_ms, err);
	if (!wish)
		return NULL;
	put_timings(wish, seen);
	wish->status.warm = seen->warm;
	if (put_result(wish, seen->result, err) != 0 ||
	    outcome_set_sandbox(wish, shape, seen->pod, seen->started_ms, err) != 0)
		return execution_free(wish);
	return wish;
}
