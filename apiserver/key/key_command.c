#include "apiserver/key/key_command.h"

#include "apiserver/key/key_database.h"
#include "apiserver/object/api_key.h"
#include "lib/api/meta.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/jsontext.h"
#include "lib/db/db.h"
#include "lib/kube/client.h"

#include <getopt.h>
#include <stdlib.h>

#define ANSWER_MAX ((size_t)16 << 20)
#define PATH_MAX_BYTES 1024
#define IMPORT_MAX 4096
#define SECRET_NAME_MAX 300

const char key_command_usage[] =
    "  skillbox-apiserver key create --name NAME --tenant TENANT [--scopes SCOPES] [--import KEY]\n"
    "      makes an API key and prints it, alone on standard output; --import stores a key of your own;\n"
    "      - reads it from standard input, where no list of processes shows it\n"
    "      SCOPES: a list of run (executions), push (skills), admin (those, and keys of the tenant), "
    "operator\n"
    "      (those, and keys of all tenants; given nowhere else); run,push if it is left out\n"
    "  skillbox-apiserver key list\n"
    "  skillbox-apiserver key revoke ID\n";

struct command {
	const char *namespace;
	struct kube_client *kube;
	struct db *db; /* NULL: keys are Secrets */
	uv_loop_t loop;
};

/* One call at a time */

struct answer {
	int status;
	struct buffer body;
	struct error error; /* code ERR_NONE: none */
	bool already_exists;
};

static void answer_clear(struct answer *answer)
{
	buffer_free(&answer->body);
}
#define cleanup_answer __attribute__((cleanup(answer_clear)))

static void on_answer(void *context, const struct kube_response *response)
{
	struct answer *answer = context;
	answer->status = response->status;
	answer->already_exists = response->already_exists;
	buffer_append_str(&answer->body, response->body);
	if (response->error)
		answer->error = *response->error;
}

/* Make the call and wait for it. */
static int ask(struct command *command, const char *method, const char *path, struct str body,
	       struct answer *ret, struct error *err)
{
	*ret = (struct answer){.body = BUFFER(ANSWER_MAX)};
	struct kube_call call = {
	    .method = method, .path = path, .body = body, .done = on_answer, .context = ret};
	if (!kube_client_call(command->kube, &call, err))
		return -1;
	while (ret->status == 0 && ret->error.code == ERR_NONE && uv_run(&command->loop, UV_RUN_ONCE) != 0)
		;
	return buffer_check(&ret->body, "the answer", err);
}

/* Create */

struct creation {
	const char *name, *tenant, *scopes, *import;
};

static int check_tenant(struct command *command, const char *tenant, struct error *err)
{
	cleanup_answer struct answer answer = {0};
	struct str items;
	char path[512];
	snprintf(path, sizeof(path), "/api/v1/namespaces?limit=2&labelSelector=" API_TENANT_LABEL "%%3D%s",
		 tenant);
	int result = ask(command, "GET", path, STR(""), &answer, err);
	if (result == 0 && answer.error.code != ERR_NONE) {
		*err = answer.error;
		result = error_wrap(err, "looking for the tenant's namespace");
	}
	size_t position = 0;
	if (result == 0 &&
	    (jsontext_check(buffer_str(&answer.body), NULL, err) != 0 ||
	     !jsontext_member(buffer_str(&answer.body), STR("items"), &items) ||
	     jsontext_kind_of(items) != JSONTEXT_ARRAY || !jsontext_next_element(items, &position, &items)))
		result = error_set(err, ERR_NOT_FOUND,
				   "tenant \"%s\" has no namespace. Make one:\n"
				   "  kubectl create namespace skillbox-%s\n"
				   "  kubectl label namespace skillbox-%s " API_TENANT_LABEL "=%s",
				   tenant, tenant, tenant, tenant);
	else if (result == 0 && jsontext_next_element(items, &position, &items))
		result = error_set(err, ERR_CONFLICT,
				   "several namespaces have the label " API_TENANT_LABEL
				   "=%s, and none of them is served: take it from all but one",
				   tenant);
	return result;
}

/* The key is there already: fine if it says the same, so that scripts may repeat themselves. */
static int check_existing(struct command *command, const char *path, const struct api_key *wanted,
			  struct error *err)
{
	cleanup_answer struct answer answer = {0};
	char scopes[API_KEY_SCOPES_SIZE];
	int result = ask(command, "GET", path, STR(""), &answer, err);
	struct api_key *key = NULL;
	if (result == 0 && answer.error.code != ERR_NONE) {
		*err = answer.error;
		result = -1;
	}
	if (result == 0 && !(key = api_key_from_secret(buffer_str(&answer.body), err)))
		result = -1;
	if (key && (strcmp(key->tenant, wanted->tenant) != 0 || key->scopes != wanted->scopes)) {
		api_key_scopes_format(key->scopes, scopes);
		result =
		    error_set(err, ERR_CONFLICT,
			      "this key exists already, for tenant \"%s\" with scopes %s; revoke it first: "
			      "skillbox-apiserver key revoke %s",
			      key->tenant, scopes, key->id);
	}
	api_key_free(key);
	return result;
}

static int store(struct command *command, const struct api_key *key, struct error *err)
{
	cleanup_answer struct answer answer = {0};
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES), own = BUFFER(PATH_MAX_BYTES),
				     body = BUFFER(API_KEY_OBJECT_MAX);
	if (command->db)
		return key_database_store(&command->loop, command->db, key, err);
	api_key_path(&path, command->namespace, NULL);
	api_key_path(&own, command->namespace, key->secret);
	if (buffer_check(&path, "the path", err) != 0 || buffer_check(&own, "the path", err) != 0 ||
	    api_key_to_secret(key, command->namespace, &body, err) != 0 ||
	    ask(command, "POST", path.data, buffer_str(&body), &answer, err) != 0)
		return -1;
	if (answer.already_exists)
		return check_existing(command, own.data, key, err);
	if (answer.error.code == ERR_NONE)
		return 0;
	*err = answer.error;
	return error_wrap(err, "storing the key in namespace %s", command->namespace);
}

/* The key that --import names, without blanks around it. Text of standard input goes to `ret`. */
static int take_import(const char *import, char ret[IMPORT_MAX], struct str *ret_text, struct error *err)
{
	struct str text = str_of(import);
	if (strcmp(import, "-") == 0) {
		size_t n = fread(ret, 1, IMPORT_MAX, stdin);
		if (ferror(stdin))
			return error_errno(err, "reading the key from standard input");
		if (n == IMPORT_MAX)
			return error_set(err, ERR_TOO_LARGE, "--import: the key has more than %d bytes",
					 IMPORT_MAX - 1);
		text = (struct str){ret, n};
	}
	*ret_text = str_trim(text);
	return ret_text->n ? 0 : error_set(err, ERR_BAD_REQUEST, "--import: the key is empty");
}

static int create_key(struct command *command, const struct creation *wish, struct error *err)
{
	struct api_key key = {0};
	char generated[API_KEY_SIZE], imported[IMPORT_MAX];
	unsigned scopes;
	struct str text;
	if (api_key_check_names(str_of(wish->tenant), str_of(wish->name), err) != 0 ||
	    api_key_scopes_parse(str_of(wish->scopes), &scopes, err) != 0 ||
	    check_tenant(command, wish->tenant, err) != 0)
		return -1;
	if (wish->import && take_import(wish->import, imported, &text, err) != 0)
		return -1;
	if (!wish->import) {
		api_key_generate(generated);
		text = str_of(generated);
	}
	int result = api_key_make(text, str_of(wish->tenant), str_of(wish->name), scopes,
				  clock_wall_ms(&clock_system), &key, err);
	if (result == 0)
		result = store(command, &key, err);
	if (result == 0 && (printf("%.*s\n", (int)text.n, text.p) < 0 || fflush(stdout) != 0))
		result = error_errno(err, "printing the key");
	api_key_clear(&key);
	explicit_bzero(generated, sizeof(generated));
	explicit_bzero(imported, sizeof(imported));
	return result;
}

/* List and revoke */

static void print_key(const struct api_key *key)
{
	char scopes[API_KEY_SCOPES_SIZE], created[CLOCK_RFC3339_SIZE];
	api_key_scopes_format(key->scopes, scopes);
	clock_format_rfc3339(key->created_ms, false, created);
	printf("%-36s  %-20s  %-20s  %-23s  %s\n", key->id, key->tenant, key->name, scopes, created);
}

static int list_keys(struct command *command, struct error *err)
{
	cleanup_answer struct answer answer = {0};
	struct str items, item;
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES);
	api_key_path(&path, command->namespace, NULL);
	buffer_append_c(&path, "?labelSelector=" API_KEY_LABEL "%3D" API_KEY_COMPONENT);
	int result = 0;
	if (buffer_check(&path, "the path", err) != 0 ||
	    ask(command, "GET", path.data, STR(""), &answer, err) != 0)
		return -1;
	if (answer.error.code != ERR_NONE) {
		*err = answer.error;
		result = error_wrap(err, "listing the keys of namespace %s", command->namespace);
	} else if (jsontext_check(buffer_str(&answer.body), NULL, err) != 0 ||
		   !jsontext_member(buffer_str(&answer.body), STR("items"), &items)) {
		result = error_set(err, ERR_PROTOCOL, "the list of keys can't be read");
	} else {
		printf("%-36s  %-20s  %-20s  %-23s  %s\n", "ID", "TENANT", "NAME", "SCOPES", "CREATED");
		for (size_t position = 0; jsontext_kind_of(items) == JSONTEXT_ARRAY &&
					  jsontext_next_element(items, &position, &item);) {
			struct error why;
			struct api_key *key = api_key_from_secret(item, &why);
			if (key)
				print_key(key);
			else
				fprintf(stderr, "skillbox-apiserver: a key Secret can't be read: %s\n",
					why.message);
			api_key_free(key);
		}
		if (command->db)
			result = key_database_list(&command->loop, command->db, print_key, err);
	}
	return result;
}

static int revoke_key(struct command *command, const char *id, struct error *err)
{
	cleanup_answer struct answer answer = {0};
	cleanup_buffer struct buffer path = BUFFER(PATH_MAX_BYTES), secret = BUFFER(SECRET_NAME_MAX);
	if (command->db && id_is_uuid(str_of(id))) {
		if (key_database_revoke(&command->loop, command->db, id, err) != 0)
			return error_wrap(err, "key %s (see: skillbox-apiserver key list)", id);
		return 0;
	}
	buffer_appendf(&secret, "%s%s",
		       str_starts_with(str_of(id), STR(API_KEY_SECRET_PREFIX)) ? "" : API_KEY_SECRET_PREFIX,
		       id);
	if (secret.failed || !kube_name_is_valid(buffer_str(&secret)))
		return error_set(err, ERR_BAD_REQUEST,
				 "not a key's id: %.64s (see: skillbox-apiserver key list)", id);
	api_key_path(&path, command->namespace, secret.data);
	if (ask(command, "DELETE", path.data, STR(""), &answer, err) != 0)
		return -1;
	if (answer.status == 404)
		return error_set(err, ERR_NOT_FOUND, "there is no key %s (see: skillbox-apiserver key list)",
				 id);
	if (answer.error.code == ERR_NONE)
		return 0;
	*err = answer.error;
	return error_wrap(err, "revoking the key");
}

/* Arguments */

static int usage(const char *problem, const char *what)
{
	fprintf(stderr, "skillbox-apiserver: %s%s\nusage:\n%s", problem, what ? what : "", key_command_usage);
	return 64;
}

static int parse_creation(int argc, char **argv, struct creation *ret)
{
	static const struct option options[] = {{"name", required_argument, NULL, 'n'},
						{"tenant", required_argument, NULL, 't'},
						{"scopes", required_argument, NULL, 's'},
						{"import", required_argument, NULL, 'i'},
						{NULL, 0, NULL, 0}};
	*ret = (struct creation){.scopes = "run,push"};
	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'n':
			ret->name = optarg;
			break;
		case 't':
			ret->tenant = optarg;
			break;
		case 's':
			ret->scopes = optarg;
			break;
		case 'i':
			ret->import = optarg;
			break;
		default:
			return usage("unknown option, or one without its value: ", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return usage("unknown argument: ", argv[optind]);
	if (!ret->name || !ret->tenant)
		return usage("key create needs --name and --tenant", NULL);
	return 0;
}

static int open_clients(struct command *command, const struct kube_config *kube, const char *dsn,
			struct error *err)
{
	struct db_options options = {.dsn = dsn, .connections = 1, .application = "skillbox-apiserver key"};
	command->kube = kube_client_new(&command->loop, kube, err);
	if (!command->kube || !dsn[0])
		return command->kube ? 0 : -1;
	command->db = db_new(&command->loop, &options, err);
	return command->db ? 0 : -1;
}

int key_command_run(int argc, char **argv, const struct kube_config *kube, const char *namespace,
		    const char *dsn)
{
	struct command command = {.namespace = namespace};
	struct creation creation = {0};
	struct error err;
	const char *verb = argc > 0 ? argv[0] : "";
	bool is_create = strcmp(verb, "create") == 0, is_list = strcmp(verb, "list") == 0 && argc == 1;
	if (is_create && parse_creation(argc, argv, &creation) != 0)
		return 64;
	if (!is_create && !is_list && !(strcmp(verb, "revoke") == 0 && argc == 2))
		return usage("unknown or incomplete command: key ", verb);
	if (uv_loop_init(&command.loop) != 0)
		return 1;
	int result = open_clients(&command, kube, dsn, &err);
	if (result == 0)
		result = is_create ? create_key(&command, &creation, &err)
			 : is_list ? list_keys(&command, &err)
				   : revoke_key(&command, argv[1], &err);
	db_free(command.db);
	kube_client_free(command.kube);
	uv_run(&command.loop, UV_RUN_DEFAULT);
	uv_loop_close(&command.loop);
	if (result != 0)
		fprintf(stderr, "skillbox-apiserver: %s\n", err.message);
	return result == 0 ? 0 : 1;
}
