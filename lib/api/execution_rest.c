#include "lib/api/execution_rest.h"

#include "lib/api/json.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

/* What is not JSON is left out: the contract knows no such output. It is looked at first, since of what was
 * appended a part may be in a file already. */
void execution_put_output(struct buffer *out, struct str json)
{
	const struct jsontext_rules rules = {.max_depth = JSON_ANSWER_DEPTH};
	if (!json.p || jsontext_check(json, &rules, NULL) != 0)
		return;
	json_key(out, "output");
	(void)jsontext_minify(json, &rules, out, NULL); /* out->failed says more */
}

void execution_put_files(struct buffer *out, const struct execution *execution, const char *files_url)
{
	if (execution->status.file_count == 0)
		return;
	json_put_string(out, "files_url", files_url);
	json_key(out, "files_list");
	json_open(out, '[');
	for (size_t i = 0; i < execution->status.file_count; i++)
		json_element_string(out, execution->status.files[i]);
	json_close(out, ']');
}

void execution_put_logs(struct buffer *out, const struct execution *execution, struct str logs)
{
	if (logs.n) {
		json_key(out, "logs");
		jsontext_append_string(out, logs);
	}
	if (execution->status.logs_truncated)
		json_put_bool(out, "logs_truncated", true);
}

/* error is always there; a failure without words gets the condition's. */
void execution_put_error(struct buffer *out, const struct execution *execution)
{
	const char *error = execution->status.error;
	bool failed = execution_is_finished(execution) &&
		      !str_eq(str_of(execution->status.succeeded.status), STR("True"));
	if (failed && (!error || !*error)) {
		const char *message = execution->status.succeeded.message;
		error = message && *message ? message : execution_rest_status(execution);
	}
	if (failed)
		json_put_string(out, "error", error);
	else
		json_put_raw(out, "error", "null");
	if (failed)
		json_put_string(out, "error_code", execution->status.error_code);
}

void execution_put_end(struct buffer *out, const struct execution *execution)
{
	if (execution->status.has_exit_code)
		json_put_int(out, "exit_code", execution->status.exit_code);
	if (!execution_is_finished(execution))
		return;
	json_put_int(out, "duration_ms",
		     execution->status.duration_ms > 1 ? execution->status.duration_ms : 1);
	execution_put_timings(&execution->status.timings, out);
	json_put_bool(out, "warm", execution->status.warm);
}

void execution_put_isolation(struct buffer *out, const struct execution *execution)
{
	const struct isolation *isolation = execution->status.isolation;
	if (!execution_is_finished(execution) || !isolation || isolation->count == 0)
		return;
	json_key(out, "isolation");
	json_open(out, '[');
	for (size_t i = 0; i < isolation->count; i++) {
		const struct execution_layer *layer = &isolation->layers[i];
		json_open(out, '{');
		json_put_string(out, "name", layer->name ? layer->name : "");
		json_put_bool(out, "active", layer->active);
		json_put_string(out, "detail", layer->detail ? layer->detail : "");
		json_close(out, '}');
	}
	json_close(out, ']');
}
