#include "apiserver/signing_key.h"

#include "apiserver/object/api_key.h"
#include "apiserver/object/secret.h"
#include "lib/base/id.h"
#include "lib/base/json_write.h"
#include "lib/base/jsontext.h"
#include "lib/base/log.h"
#include "lib/kube/client.h"
#include "lib/policy/signing_key.h"

#include <stdlib.h>
#include <uv.h>

#define RANDOM_BYTES 32
#define ANSWER_MAX ((size_t)2 << 20) /* a Secret has at most 1 MiB, in base64 */
#define BODY_MAX 1024
#define PATH_MAX_BYTES 1024
#define FIELD_MAX 16384
#define ROUNDS 5 /* it is not there, it is there already, … */

struct ask {
	uv_loop_t loop;
	struct kube_client *kube;
	const char *namespace, *name;
	/* of the call under way */
	bool answered;
	int status;
	struct buffer body;
	struct error error; /* code ERR_NONE: none */
	bool already_exists;
};

static void on_answer(void *context, const struct kube_response *response)
{
	struct ask *ask = context;
	ask->answered = true;
	ask->status = response->status;
	ask->already_exists = response->already_exists;
	ask->error = response->error ? *response->error : (struct error){0};
	buffer_append_str(&ask->body, response->body);
}

/* One call, waited for; what came of it is in `ask`. */
static int call(struct ask *ask, const char *method, const char *name, struct str body, struct error *err)
{
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	api_key_path(&path, ask->namespace, name);
	struct kube_call call = {
	    .method = method, .path = path.data, .body = body, .done = on_answer, .context = ask};
	buffer_reset(&ask->body);
	ask->answered = false;
	if (buffer_check(&path, "the path", err) != 0 || !kube_client_call(ask->kube, &call, err))
		return -1;
	while (!ask->answered && uv_run(&ask->loop, UV_RUN_ONCE) != 0)
		;
	return buffer_check(&ask->body, "the answer", err);
}

static int read_data(struct str value, const struct json_path *path, int64_t max, void *target,
		     struct error *err)
{
	static const struct json_field fields[] = {{"key", secret_read_base64, 0, FIELD_MAX}};
	(void)max;
	return json_read_object(value, path, fields, JSON_FIELD_COUNT(fields), target, err);
}

static int take(struct ask *ask, struct buffer *ret, struct error *err)
{
	static const struct json_field fields[] = {{"data", read_data, 0, 0}};
	cleanup_free char *text = NULL;
	char where[PATH_MAX_BYTES];
	snprintf(where, sizeof(where), "Secret %s/%s, entry key,", ask->namespace, ask->name);
	int result = json_check_object(buffer_str(&ask->body), err);
	if (result == 0)
		result = json_read_object(str_trim(buffer_str(&ask->body)), NULL, fields,
					  JSON_FIELD_COUNT(fields), &text, err);
	if (result != 0)
		return error_wrap(err, "Secret %s/%s", ask->namespace, ask->name);
	struct str key = str_trim(str_of(text));
	result = signing_key_check(key, where, err);
	if (result == 0)
		result = buffer_append_str(ret, key);
	if (text)
		explicit_bzero(text, strlen(text));
	return result;
}

static int make(struct ask *ask, struct error *err)
{
	unsigned char random[RANDOM_BYTES];
	char key[2 * RANDOM_BYTES + 1];
	cleanup_secret_buffer struct buffer body = BUFFER(BODY_MAX);
	id_random(random, sizeof(random));
	id_hex(random, sizeof(random), key);
	buffer_append_c(&body, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"type\":\"Opaque\"");
	json_key(&body, "metadata");
	json_open(&body, '{');
	json_put_string(&body, "name", ask->name);
	json_put_string(&body, "namespace", ask->namespace);
	buffer_append_c(&body, ",\"labels\":{\"" API_KEY_LABEL "\":\"signing-key\"}");
	json_close(&body, '}');
	json_key(&body, "stringData");
	json_open(&body, '{');
	json_put_string(&body, "key", key);
	json_close(&body, '}');
	json_close(&body, '}');
	explicit_bzero(random, sizeof(random));
	explicit_bzero(key, sizeof(key));
	return buffer_check(&body, "the Secret", err) == 0 ? call(ask, "POST", NULL, buffer_str(&body), err)
							   : -1;
}

/* What is there counts, whoever made it: others may start in the same moment. */
static int take_or_make(struct ask *ask, struct buffer *ret, struct error *err)
{
	for (int round = 0; round < ROUNDS; round++) {
		if (call(ask, "GET", ask->name, STR(""), err) != 0)
			return -1;
		if (ask->error.code == ERR_NONE)
			return take(ask, ret, err);
		if (ask->status == 404 && make(ask, err) != 0)
			return -1;
		if (ask->error.code != ERR_NONE && ask->status != 404 && !ask->already_exists)
			break;
		if (ask->error.code == ERR_NONE)
			log_info("a signing key was made", "secret", ask->name, NULL);
	}
	*err = ask->error;
	return error_wrap(err, "the signing key's Secret %s/%s", ask->namespace, ask->name);
}

static int from_cluster(const struct apiserver_config *config, const struct kube_config *kube,
			const char *namespace, struct buffer *ret, struct error *err)
{
	struct ask ask = {
	    .namespace = namespace, .name = config->signing_key_secret, .body = BUFFER(ANSWER_MAX)};
	if (!kube_name_is_valid(str_of(ask.name)))
		return error_set(err, ERR_BAD_REQUEST,
				 "SKILLBOX_SIGNING_KEY_SECRET is no name of a Secret: %.64s", ask.name);
	if (uv_loop_init(&ask.loop) != 0)
		return error_set(err, ERR_INTERNAL, "the event loop can't be made");
	ask.kube = kube_client_new(&ask.loop, kube, err);
	int result = ask.kube ? take_or_make(&ask, ret, err) : -1;
	kube_client_free(ask.kube);
	uv_run(&ask.loop, UV_RUN_DEFAULT);
	uv_loop_close(&ask.loop);
	buffer_wipe(&ask.body);
	return result;
}

int apiserver_signing_key(const struct apiserver_config *config, const struct kube_config *kube,
			  const char *namespace, struct buffer *ret, struct error *err)
{
	bool has_file = config->signing_key_file[0], has_secret = config->signing_key_secret[0];
	struct error why = {0};
	if (has_file && signing_key_read(config->signing_key_file, ret, &why) == 0)
		return 0;
	if (has_file && (!has_secret || why.code != ERR_NOT_FOUND)) {
		*err = why;
		return error_wrap(err, "SKILLBOX_SIGNING_KEY_FILE");
	}
	if (has_secret)
		return from_cluster(config, kube, namespace, ret, err);
	if (config->s3.endpoint[0])
		return 0;
	return error_set(err, ERR_BAD_REQUEST,
			 "SKILLBOX_SIGNING_KEY_FILE is not set: it names the file with the secret that signs "
			 "blob URLs (make one: openssl rand -hex 32)");
}
