#include "cli/remote/executions.h"

#include "cli/output/print.h"
#include "cli/terminal/interrupt.h"
#include "cli/terminal/terminal.h"
#include "lib/base/clock.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"

#include <inttypes.h>
#include <string.h>

#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 2000

void submission_free(struct submission *submission)
{
	buffer_wipe(&submission->body);
}

/* "K=V" of each --env. */
static int write_env(const struct call *call, struct buffer *out, struct error *err)
{
	for (size_t n = 0;; n++) {
		const char *text = call_texts(call, "env", n);
		struct str name, value;
		if (!text)
			return 0;
		if (n == 0) {
			json_key(out, "env");
			json_open(out, '{');
		}
		if (!str_split_once(str_of(text), '=', &name, &value) || name.n == 0)
			return error_set(err, ERR_BAD_REQUEST, "--env is '%s', and must be NAME=VALUE", text);
		cleanup_free char *key = str_dup(name);
		cleanup_free char *copy = str_dup(value);
		if (!key || !copy)
			return error_no_memory(err);
		if (json_put_text(out, key, copy, err) != 0)
			return error_wrap(err, "--env %s", key);
		if (!call_texts(call, "env", n + 1))
			json_close(out, '}');
	}
}

static int write_variables(const struct variable *env, size_t count, struct buffer *out, struct error *err)
{
	if (count == 0)
		return 0;
	json_key(out, "env");
	json_open(out, '{');
	for (size_t i = 0; i < count; i++)
		if (json_put_text(out, env[i].name, env[i].value, err) != 0)
			return error_wrap(err, "environment variable %s", env[i].name);
	json_close(out, '}');
	return 0;
}

int submission_make(const struct run_request *run, bool is_async, struct submission *ret, struct error *err)
{
	struct buffer *body = &ret->body;
	json_open(body, '{');
	json_put_string(body, "skill", run->skill);
	if (run->version && run->version[0])
		json_put_string(body, "version", run->version);
	if (run->input.n > 0) {
		json_key(body, "input");
		buffer_append_str(body, run->input); /* as it stands: every digit and blank */
	}
	if (run->call ? write_env(run->call, body, err) != 0
		      : write_variables(run->env, run->env_count, body, err) != 0)
		return -1;
	if (run->timeout)
		json_put_string(body, "timeout", run->timeout);
	if (is_async)
		json_put_bool(body, "async", true);
	json_close(body, '}');
	char made[ID_UUID_SIZE];
	id_uuid4(made);
	snprintf(ret->key, sizeof(ret->key), "%s", run->key ? run->key : made);
	return buffer_check(body, "the request", err);
}

int submission_send(struct http *http, const struct submission *submission, const char *progress,
		    struct http_answer *ret, struct error *err)
{
	struct http_request request = {.method = "POST",
				       .path = "/v1/executions",
				       .content_type = "application/json",
				       .idempotency_key = submission->key,
				       .async_after_long = true,
				       .is_silent = true,
				       .body = buffer_str(&submission->body),
				       .progress = progress};
	return http_send(http, &request, ret, err);
}

int submission_find(struct http *http, const struct submission *submission, char ret_id[ID_UUID_SIZE],
		    struct error *err)
{
	cleanup_answer struct http_answer answer = HTTP_ANSWER;
	struct execution_facts facts;
	struct http_request request = {.method = "POST",
				       .path = "/v1/executions",
				       .content_type = "application/json",
				       .idempotency_key = submission->key,
				       .is_async = true,
				       .body = buffer_str(&submission->body)};
	if (http_send(http, &request, &answer, err) != 0 || execution_facts(&answer, &facts, err) != 0)
		return -1;
	snprintf(ret_id, ID_UUID_SIZE, "%s", facts.id);
	return 0;
}

static int make_path(const char *id, const char *rest, struct buffer *path, struct error *err)
{
	if (!id[0] || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return error_set(err, ERR_BAD_REQUEST, "'%s' is no execution's id", id);
	buffer_append_c(path, "/v1/executions/");
	http_escape(path, str_of(id));
	buffer_append_c(path, rest);
	return buffer_check(path, "the execution's id", err);
}

int execution_read(struct http *http, const char *id, const char *rest, struct http_answer *ret,
		   struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(1024);
	if (make_path(id, rest, &path, err) != 0)
		return -1;
	struct http_request request = {
	    .method = "GET", .path = path.data, .accept = rest[0] ? "text/plain" : NULL};
	return http_send(http, &request, ret, err);
}

int execution_cancel(struct http *http, const char *id, struct http_answer *ret, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(1024);
	if (make_path(id, "", &path, err) != 0)
		return -1;
	struct http_request request = {.method = "DELETE", .path = path.data};
	return http_send(http, &request, ret, err);
}

static bool take_text(struct str object, const char *key, char *ret, size_t size)
{
	cleanup_buffer struct buffer text = BUFFER(size - 1);
	struct str value;
	if (!jsontext_member(object, str_of(key), &value) || jsontext_kind_of(value) != JSONTEXT_STRING ||
	    jsontext_decode_string(value, &text, NULL) != 0 || text.len == 0 || strlen(text.data) != text.len)
		return false;
	snprintf(ret, size, "%s", text.data);
	return true;
}

int execution_facts(const struct http_answer *answer, struct execution_facts *ret, struct error *err)
{
	static const struct jsontext_rules rules = {.max_depth = JSONTEXT_ANY_DEPTH};
	struct str body = str_trim(buffer_str(&answer->body));
	const char *missing = NULL;
	*ret = (struct execution_facts){0};
	if (jsontext_check(body, &rules, err) != 0)
		return error_wrap(err, "the answer makes no sense");
	if (jsontext_kind_of(body) != JSONTEXT_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer makes no sense: it is not a JSON object");
	if (!take_text(body, "execution_id", ret->id, sizeof(ret->id)))
		missing = "execution_id";
	else if (!take_text(body, "status", ret->status, sizeof(ret->status)))
		missing = "status";
	if (missing)
		return error_set(err, ERR_PROTOCOL, "the answer makes no sense: '%s' is missing", missing);
	ret->has_succeeded = strcmp(ret->status, "success") == 0;
	ret->has_ended = ret->has_succeeded || strcmp(ret->status, "failed") == 0 ||
			 strcmp(ret->status, "timeout") == 0 || strcmp(ret->status, "cancelled") == 0;
	return 0;
}

void execution_text(const struct http_answer *answer, const char *key, struct buffer *out)
{
	json_member_text(str_trim(buffer_str(&answer->body)), key, out);
}

/* Waits longer as it goes on. False: Ctrl-C, or no time is left. */
static bool pause_between(int64_t began_us, int64_t deadline_us)
{
	int64_t now = clock_monotonic_us(&clock_system), pause = (now - began_us) / 4000;
	pause = pause < PAUSE_MIN_MS ? PAUSE_MIN_MS : pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause;
	return deadline_us - now > pause * 1000 && interrupt_sleep(pause);
}

int execution_wait(struct http *http, const char *id, const char *progress, struct http_answer *ret,
		   struct error *err)
{
	int64_t began = clock_monotonic_us(&clock_system);
	struct execution_facts facts = {0};
	struct progress line;
	progress_begin(&line, progress ? progress : "", 0);
	line.is_on = line.is_on && progress;
	for (;;) {
		int status = execution_read(http, id, "", ret, err);
		if (status == 0)
			status = execution_facts(ret, &facts, err);
		if (status != 0 || facts.has_ended) {
			progress_end(&line);
			return status;
		}
		progress_show(&line, 0);
		if (!pause_between(began, http_deadline(http)))
			break;
	}
	progress_end(&line);
	if (interrupt_came())
		return HTTP_INTERRUPTED;
	return error_set(err, ERR_TIMEOUT, "execution %s is still %s: the timeout is over", facts.id,
			 facts.status);
}
