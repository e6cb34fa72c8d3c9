#include "apiserver/execution/render.h"

#include "apiserver/execution/pending.h"
#include "lib/api/execution_rest.h"
#include "lib/api/json.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/utf8.h"

/* User data goes out as it is, so it must be what it claims to be, or the whole answer would be no JSON. */
static void put_user_json(struct buffer *out, const char *key, struct str json)
{
	if (!json.p)
		return;
	json_key(out, key);
	if (jsontext_check(json, &(struct jsontext_rules){.max_depth = JSON_ANSWER_DEPTH}, NULL) == 0)
		buffer_append_str(out, str_trim(json));
	else
		jsontext_append_string(out, json);
}

/* Why it has not begun: in the words of the controller, unless there is none. */
static void put_wait(struct buffer *out, const struct execution *execution, const char *stalled)
{
	const struct condition *condition = &execution->status.succeeded;
	if (strcmp(execution_rest_status(execution), "pending") != 0)
		return;
	const char *reason = stalled ? PENDING_NO_CONTROLLER : condition->reason;
	const char *message = stalled ? stalled : condition->message;
	json_put_string(out, "reason", reason && *reason ? reason : NULL);
	json_put_string(out, "message", message && *message ? message : NULL);
}

/* What belongs to the record but not to the answer of POST. */
static void put_record(struct buffer *out, const struct shared_execution *shared, const char *tenant)
{
	const struct execution *execution = shared->execution;
	const char *ran = execution->status.skill_version;
	json_put_string(out, "skill_name", execution->spec.skill_name ? execution->spec.skill_name : "");
	json_put_string(out, "skill_version",
			ran && *ran                     ? ran
			: execution->spec.skill_version ? execution->spec.skill_version
							: "");
	json_put_string(out, "tenant_id", tenant);
	json_put_time(out, "created_at", shared->requested_ms, true);
	if (execution->status.started_ms)
		json_put_time(out, "started_at", execution->status.started_ms, true);
	if (execution->status.completed_ms)
		json_put_time(out, "finished_at", execution->status.completed_ms, true);
	json_put_string(out, "skill_digest", execution->status.skill_digest);
	json_put_string(out, "image", execution->status.image);
}

void render_execution(const struct shared_execution *shared, enum render_form form, const char *tenant,
		      const char *stalled, const struct render_texts *texts, struct buffer *out)
{
	const struct execution *execution = shared->execution;
	json_open(out, '{');
	json_put_string(out, "execution_id", execution_id(execution));
	json_put_string(out, "status", execution_rest_status(execution));
	put_wait(out, execution, stalled);
	if (form != RENDER_SUMMARY) {
		execution_put_output(out, texts->output);
		if (texts->files_url)
			execution_put_files(out, execution, texts->files_url);
		execution_put_logs(out, execution, texts->logs);
	}
	execution_put_end(out, execution);
	execution_put_error(out, execution);
	if (form != RENDER_RESULT)
		put_record(out, shared, tenant);
	if (form == RENDER_RECORD) {
		execution_put_isolation(out, execution);
		put_user_json(out, "input", texts->input.p ? texts->input : STR("{}"));
	}
	json_close(out, '}');
}
