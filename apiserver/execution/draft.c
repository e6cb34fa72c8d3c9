#include "apiserver/execution/draft.h"

#include "apiserver/execution/places.h"
#include "lib/base/id.h"
#include "lib/base/temporary.h"
#include "lib/policy/policy.h"
#include "lib/skill/judgement.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define IDEMPOTENCY_KEY_MAX 128
#define IDEMPOTENCY_TTL_S (24 * 3600)
#define INPUT_SMALL ((size_t)16 << 10)
#define OBJECT_COPIES 3    /* itself, the text of the object, the request to the cluster */
#define NAMED_KEY_MAX 1024 /* bytes of a tenant and a key of theirs */

static int64_t timeout_of(const struct policy *policy, const struct skill *skill, int64_t wished_ms)
{
	int64_t own = policy_timeout(policy, skill->spec.timeout_ms, 0);
	return wished_ms > 0 && wished_ms < own ? wished_ms : 0; /* 0: the skill's own */
}

static int check_skill(const struct policy *policy, const struct skill *skill, struct error *err)
{
	struct skill_judgement judged;
	if (skill_judge_run(skill, policy, &judged, err) == 0)
		return 0;
	return err->code == ERR_IMAGE_NOT_ALLOWED
		   ? error_wrap(err, "skill %s@%s", skill->spec.name, skill->spec.version)
		   : -1;
}

/* Spec without its texts, metadata, the first status. */
#define PLAIN_SIZE 2048

static int64_t size_of(const struct execution_request *request)
{
	size_t size = PLAIN_SIZE;
	if (request->input.n <= EXECUTION_INLINE_INPUT)
		size += request->input.n;
	for (size_t i = 0; i < request->env_count; i++)
		size += strlen(request->env[i].name) + strlen(request->env[i].value);
	return (int64_t)size;
}

/* Before there is much work with it. Where a database knows the name of an earlier wish with the same key, it
 * is asked first. */
static int check_capacity(struct apiserver *server, const struct caller *caller, const struct draft *draft,
			  const char *name, struct error *err)
{
	const struct place_wish wish = {name, draft->size};
	return draft->key_hash[0] ? 0 : places_check(server, caller, &wish, err);
}

/* A name of its own for each key of each tenant, so that the cluster itself keeps a second one from being
 * made. */
static int name_of_key(const char *tenant, struct str key, char ret[ID_UUID_SIZE], struct error *err)
{
	char hex[DIGEST_HEX_SIZE];
	cleanup_buffer struct buffer text = BUFFER(NAMED_KEY_MAX);
	buffer_append(&text, tenant, strlen(tenant) + 1);
	buffer_append_str(&text, key);
	if (buffer_check(&text, "the key's name", err) != 0 ||
	    digest_sha256_hex(buffer_str(&text), hex, err) != 0)
		return -1;
	/* RFC 9562 version 8: bits of our own choice. */
	snprintf(ret, ID_UUID_SIZE, "%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15,
		 hex + 18);
	return 0;
}

static int choose_name(const struct apiserver *server, const struct caller *caller,
		       const struct execution_wish *wish, struct draft *draft, char ret[ID_UUID_SIZE],
		       struct error *err)
{
	struct str key = wish->idempotency_key;
	if (key.n == 0) {
		id_uuid4(ret);
		return 0;
	}
	if (key.n > IDEMPOTENCY_KEY_MAX)
		return error_set(err, ERR_BAD_REQUEST, "Idempotency-Key has %zu characters, more than %d",
				 key.n, IDEMPOTENCY_KEY_MAX);
	if (digest_text(wish->body, draft->digest, err) != 0)
		return -1;
	if (server->db) { /* which keeps the key, and the execution beyond its resource */
		id_uuid4(ret);
		return digest_sha256_hex(key, draft->key_hash, err);
	}
	draft->execution->spec.ttl_seconds = IDEMPOTENCY_TTL_S;
	return name_of_key(caller->tenant, key, ret, err);
}

static int set_strings(struct execution *execution, const struct caller *caller, const struct skill *skill,
		       const char *name, struct error *err)
{
	execution->meta.name = str_dup(str_of(name));
	execution->meta.namespace = str_dup(str_of(caller->namespace));
	execution->spec.skill_name = str_dup(str_of(skill->spec.name));
	execution->spec.skill_version = str_dup(str_of(skill->spec.version));
	return execution->meta.name && execution->meta.namespace && execution->spec.skill_name &&
		       execution->spec.skill_version
		   ? 0
		   : error_no_memory(err);
}

/* A small input is in the object, a large one in the blob store; one between goes there, too, while others
 * have the memory in which objects are made. */
static bool fits_object(const struct apiserver *server, const struct caller *caller, struct draft *draft,
			size_t n)
{
	return n <= INPUT_SMALL ||
	       (n <= EXECUTION_INLINE_INPUT && usage_try(server->usage, caller->tenant, USAGE_MEMORY,
							 OBJECT_COPIES * (int64_t)n, &draft->hold));
}

static int set_input(const struct apiserver *server, const struct caller *caller, struct draft *draft,
		     struct str input, struct error *err)
{
	struct execution *execution = draft->execution;
	if (fits_object(server, caller, draft, input.n)) {
		execution->spec.input = str_dup(input);
		return execution->spec.input ? 0 : error_no_memory(err);
	}
	execution->spec.input_ref.digest = calloc(1, DIGEST_TEXT_SIZE);
	if (!execution->spec.input_ref.digest)
		return error_no_memory(err);
	execution->spec.input_ref.size = (int64_t)input.n;
	if (digest_text(input, execution->spec.input_ref.digest, err) != 0)
		return -1;
	draft->input_fd = temporary_file(err);
	if (draft->input_fd < 0)
		return -1;
	return temporary_write(draft->input_fd, input, err);
}

static int fill(struct apiserver *server, const struct caller *caller, struct execution_wish *wish,
		struct draft *draft, struct error *err)
{
	struct execution_request *request = &wish->request;
	const struct skill *skill = cluster_skill(server->cluster, caller->namespace, str_of(request->skill),
						  str_of(request->version));
	char name[ID_UUID_SIZE];
	if (!skill)
		return error_set(err, ERR_NOT_FOUND, "skill not found: %s@%s", request->skill,
				 request->version);
	draft->size = size_of(request);
	if (check_skill(&server->config->policy, skill, err) != 0 ||
	    choose_name(server, caller, wish, draft, name, err) != 0 ||
	    check_capacity(server, caller, draft, name, err) != 0 ||
	    set_strings(draft->execution, caller, skill, name, err) != 0 ||
	    set_input(server, caller, draft, request->input, err) != 0)
		return -1;
	if (wish->hold && draft->input_fd >= 0)
		usage_move(&draft->hold, wish->hold);
	draft->execution->spec.timeout_ms = timeout_of(&server->config->policy, skill, request->timeout_ms);
	draft->execution->spec.env = request->env; /* now the execution's */
	draft->execution->spec.env_count = request->env_count;
	request->env = NULL;
	request->env_count = 0;
	return 0;
}

int draft_make(struct apiserver *server, const struct caller *caller, struct execution_wish *wish,
	       struct draft *ret, struct error *err)
{
	struct draft draft = {.execution = calloc(1, sizeof(*draft.execution)), .input_fd = -1};
	if (!draft.execution)
		return error_no_memory(err);
	draft.execution->spec.ttl_seconds = -1;
	if (fill(server, caller, wish, &draft, err) != 0) {
		draft_clear(&draft);
		return -1;
	}
	*ret = draft;
	return 0;
}

void draft_drop_input(struct draft *draft)
{
	draft_close_input(draft); /* and what it uses */
	if (draft->execution)
		execution_drop_data(draft->execution);
}

void draft_close_input(struct draft *draft)
{
	if (draft->input_fd >= 0)
		close(draft->input_fd);
	draft->input_fd = -1;
	usage_release(&draft->hold);
}

void draft_clear(struct draft *draft)
{
	draft_close_input(draft);
	execution_free(draft->execution);
	draft->execution = NULL;
}
