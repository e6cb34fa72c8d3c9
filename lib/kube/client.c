/* Calls to the Kubernetes API: the address, the token and the server's words for what went wrong, over
 * lib/http. */
#include "lib/kube/client.h"

#include "lib/base/buffer.h"
#include "lib/base/jsontext.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRIES 5
#define TOKEN_AGE_MS 60000
#define MAX_TOKEN (64 << 10)
#define MAX_RESPONSE (64 << 20) /* one object, however large the cluster lets it be */
#define MAX_URL 8192
#define MAX_CONTENT_TYPE 256
#define MAX_LABEL 512              /* method and path of a call, for messages … */
#define MAX_LABEL_PATH 400         /* … of which the path is at most this */
#define MAX_STATUS_TEXT (64 << 10) /* the message of a Status */

struct kube_client {
	uv_loop_t *loop;
	struct http_client *http;
	struct kube_config config;
	struct buffer token;
	uint64_t token_read_at_ms;
	bool token_is_old;
	unsigned calls; /* whose context is not released yet */
	struct kube_measure measure;
	bool freed;
};

/* Token */

static int read_token(struct kube_client *client, struct error *err)
{
	const char *path = client->config.token_file;
	cleanup_secret_buffer struct buffer fresh = BUFFER(MAX_TOKEN);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *to = buffer_reserve(&fresh, MAX_TOKEN);
	ssize_t n = fd >= 0 && to ? read(fd, to, MAX_TOKEN) : -1;
	if (n < 0)
		return error_errno(err, "token file %s", path);
	struct str token = str_trim((struct str){to, (size_t)n});
	if (token.n == 0)
		return error_set(err, ERR_UNAUTHORIZED, "token file %s is empty", path);
	buffer_reset(&client->token);
	buffer_append_str(&client->token, token);
	return buffer_check(&client->token, "the token", err);
}

/* A file that can't be read for a moment (the kubelet swaps it) is no reason to forget a token that is still
 * good. */
struct str kube_client_token(struct kube_client *client)
{
	if (client->config.token)
		return str_of(client->config.token);
	uint64_t now = uv_now(client->loop);
	if (client->config.token_file &&
	    (client->token_is_old || now - client->token_read_at_ms >= TOKEN_AGE_MS)) {
		client->token_read_at_ms = now;
		client->token_is_old = false;
		read_token(client, NULL);
	}
	return client->token.len ? buffer_str(&client->token) : STR("");
}

/* Life */

static char *copy(const char *text, bool *failed)
{
	char *result = text ? str_dup(str_of(text)) : NULL;
	if (text && !result)
		*failed = true;
	return result;
}

static int copy_config(const struct kube_config *from, struct kube_config *to)
{
	bool failed = false;
	*to = (struct kube_config){
	    .server = copy(from->server, &failed),
	    .ca_pem = copy(from->ca_pem, &failed),
	    .client_cert_pem = copy(from->client_cert_pem, &failed),
	    .client_key_pem = copy(from->client_key_pem, &failed),
	    .token = copy(from->token, &failed),
	    .token_file = copy(from->token_file, &failed),
	    .namespace = copy(from->namespace, &failed),
	    .insecure_skip_verify = from->insecure_skip_verify,
	};
	return failed ? -1 : 0;
}

static void release(struct kube_client *client)
{
	kube_config_free(&client->config);
	buffer_wipe(&client->token);
	free(client);
}

static int setup(struct kube_client *client, const struct kube_config *config, struct error *err)
{
	if (copy_config(config, &client->config) != 0)
		return error_no_memory(err);
	if (!config->token && config->token_file && read_token(client, err) != 0)
		return -1;
	struct http_client_options options = {
	    .ca_pem = str_of(config->ca_pem),
	    .client_cert_pem = str_of(config->client_cert_pem),
	    .client_key_pem = str_of(config->client_key_pem),
	    .insecure_skip_verify = config->insecure_skip_verify,
	    /* One execution needs two calls; a burst of them must not wait in line for a connection. */
	    .max_connections = 64,
	};
	client->http = http_client_new(client->loop, &options, err);
	return client->http ? 0 : -1;
}

struct kube_client *kube_client_new(uv_loop_t *loop, const struct kube_config *config, struct error *err)
{
	struct kube_client *client = calloc(1, sizeof(*client));
	if (!client) {
		error_no_memory(err);
		return NULL;
	}
	client->loop = loop;
	client->token = BUFFER(MAX_TOKEN);
	client->token_read_at_ms = uv_now(loop);
	if (setup(client, config, err) != 0) {
		release(client);
		return NULL;
	}
	return client;
}

struct kube_client *kube_client_free(struct kube_client *client)
{
	if (!client)
		return NULL;
	client->http = http_client_free(client->http);
	client->freed = true;
	if (client->calls == 0)
		release(client);
	return NULL;
}

void kube_client_measure(struct kube_client *client, const struct kube_measure *measure)
{
	client->measure = *measure;
}

uv_loop_t *kube_client_loop(const struct kube_client *client)
{
	return client->loop;
}

const struct kube_config *kube_client_config(const struct kube_client *client)
{
	return &client->config;
}

/* Calls */

struct call {
	struct kube_client *client;
	kube_done_cb done;
	void *context;
	char *label; /* "GET /api/v1/pods" */
	uint64_t sent_ns;
};

static void call_release(void *context)
{
	struct call *call = context;
	struct kube_client *client = call->client;
	free(call->label);
	free(call);
	if (--client->calls == 0 && client->freed)
		release(client);
}

/* A text of a Status object; false if the body is no such object, or it lacks the text. */
static bool read_status(struct str body, struct str member, struct buffer *out)
{
	struct str text, kind;
	struct jsontext_rules rules = {.max_depth = 32, .refuse_duplicates = true};
	return jsontext_check(body, &rules, NULL) == 0 && jsontext_kind_of(body) == JSONTEXT_OBJECT &&
	       jsontext_member(body, STR("kind"), &kind) && str_eq(kind, STR("\"Status\"")) &&
	       jsontext_member(body, member, &text) && jsontext_kind_of(text) == JSONTEXT_STRING &&
	       jsontext_decode_string(text, out, NULL) == 0 && out->len;
}

static bool is_already_there(int status, struct str body)
{
	cleanup_buffer struct buffer reason = BUFFER(MAX_STATUS_TEXT);
	return status == 409 && read_status(body, STR("reason"), &reason) &&
	       str_eq(buffer_str(&reason), STR("AlreadyExists"));
}

/* Of a create. Whoever else wrote the quota is done with that soon. */
static bool is_passing_conflict(int status, struct str body)
{
	return status == 409 && !is_already_there(status, body);
}

/* The message of a Status object, or what can be said without one. */
static void describe(const struct call *call, int status, struct str body, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER(MAX_STATUS_TEXT);
	enum error_code code =
	    status >= 200 && status <= 299 ? ERR_NONE : error_code_from_http_status(status);
	if (read_status(body, STR("message"), &text))
		error_set(err, code, "%s: %s", call->label, text.data);
	else
		error_set(err, code, "%s: the API server answered with HTTP status %d", call->label, status);
}

/* The label has the method and the path, as far as it is shown. */
static void measure(const struct call *call, int status)
{
	char method[16];
	size_t n = strcspn(call->label, " ");
	snprintf(method, sizeof(method), "%.*s", (int)n, call->label);
	kube_measure_request(&call->client->measure, method, call->label + n + 1, status,
			     uv_hrtime() - call->sent_ns);
}

static void on_done(void *context, const struct http_response *http)
{
	struct call *call = context;
	struct error err;
	struct kube_response response = {.status = http->status,
					 .body = http->body,
					 .error = http->error,
					 .already_exists = is_already_there(http->status, http->body),
					 .is_uncertain = http->is_uncertain};
	if (!http->error && (http->status < 200 || http->status > 299)) {
		describe(call, http->status, http->body, &err);
		response.error = &err;
	}
	if (http->status == 401)
		call->client->token_is_old = true; /* it may have been rotated before its minute was over */
	measure(call, http->status);
	call->done(call->context, &response);
}

static struct http_request *send_call(struct kube_client *client, const struct kube_call *kube_call,
				      struct call *call, struct error *err)
{
	struct str token = kube_client_token(client);
	cleanup_buffer struct buffer url = BUFFER(MAX_URL), type = BUFFER(MAX_CONTENT_TYPE);
	cleanup_secret_buffer struct buffer authorization = BUFFER(MAX_TOKEN + 64);
	const char *headers[4] = {"Accept: application/json"};
	size_t count = 1;
	buffer_appendf(&url, "%s%s", client->config.server, kube_call->path);
	buffer_appendf(&type, "Content-Type: %s",
		       kube_call->content_type ? kube_call->content_type : "application/json");
	buffer_append_c(&authorization, "Authorization: Bearer ");
	buffer_append_str(&authorization, token);
	if (kube_call->body.n)
		headers[count++] = type.data;
	if (token.n)
		headers[count++] = authorization.data;
	if (buffer_check(&url, "the URL", err) != 0 || buffer_check(&type, "the content type", err) != 0 ||
	    buffer_check(&authorization, "the token", err) != 0) {
		error_wrap(err, "%s", call->label);
		return NULL;
	}
	struct http_request_options options = {
	    .method = kube_call->method,
	    .url = url.data,
	    .headers = headers,
	    .body = kube_call->body,
	    .body_fd = -1,
	    .response_fd = -1,
	    .max_response = kube_call->max_response ? kube_call->max_response : MAX_RESPONSE,
	    .timeout_ms = kube_call->timeout_ms,
	    .retries = kube_call->no_retry ? 0 : RETRIES,
	    .is_passing = strcmp(kube_call->method, "POST") == 0 ? is_passing_conflict : NULL,
	    .done = on_done,
	    .context = call,
	    .release = call_release,
	};
	return http_client_send(client->http, &options, err);
}

struct http_request *kube_client_call(struct kube_client *client, const struct kube_call *kube_call,
				      struct error *err)
{
	size_t shown = strcspn(kube_call->path, "?");
	if (kube_call->path[0] != '/' || strstr(kube_call->path, "/../")) {
		error_set(err, ERR_INTERNAL, "not a path of the API: %.200s", kube_call->path);
		return NULL;
	}
	cleanup_buffer struct buffer label = BUFFER(MAX_LABEL);
	buffer_appendf(&label, "%s %.*s", kube_call->method,
		       (int)(shown > MAX_LABEL_PATH ? MAX_LABEL_PATH : shown), kube_call->path);
	struct call *call = calloc(1, sizeof(*call));
	if (!call || !(call->label = buffer_steal(&label))) {
		free(call);
		error_no_memory(err);
		return NULL;
	}
	call->client = client;
	call->sent_ns = uv_hrtime();
	call->done = kube_call->done;
	call->context = kube_call->context;
	struct http_request *request = send_call(client, kube_call, call, err);
	if (!request) {
		free(call->label);
		free(call);
		return NULL;
	}
	client->calls++;
	return request;
}

bool kube_name_is_valid(struct str s)
{
	if (s.n == 0 || s.n > 253)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool at_edge = i == 0 || i + 1 == s.n || s.p[i - 1] == '.' || s.p[i + 1] == '.';
		bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!is_alphanumeric && (at_edge || (c != '-' && c != '.')))
			return false;
	}
	return true;
}
