/* Where the API server is and how to speak to it. A kubeconfig is the user's own file, so libyaml's document
 * API is good enough for it (its nested flow is quadratic, but no one attacks himself); its size is bounded
 * all the same. */
#include "lib/kube/kube_config.h"

#include "lib/base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

#define MAX_FILE (1 << 20)
#define READ_BLOCK 4096
#define MAX_PATH (2 * PATH_MAX) /* a directory and a path in it */
#define SERVICE_ACCOUNT_DIRECTORY "/var/run/secrets/kubernetes.io/serviceaccount"

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void kube_config_free(struct kube_config *config)
{
	wipe(&config->client_key_pem);
	wipe(&config->token);
	free(config->server);
	free(config->ca_pem);
	free(config->client_cert_pem);
	free(config->token_file);
	free(config->namespace);
	memset(config, 0, sizeof(*config));
}

static int read_file(const char *path, struct buffer *out, struct error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, "%s", path);
	ssize_t n;
	do {
		char *to = buffer_reserve(out, READ_BLOCK);
		n = to ? read(fd, to, READ_BLOCK) : 0;
		if (n > 0) {
			out->len += (size_t)n;
			out->data[out->len] = '\0';
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return error_errno(err, "%s", path);
	if (out->no_memory)
		return error_no_memory(err);
	if (out->failed)
		return error_set(err, ERR_TOO_LARGE, "%s: larger than %d bytes", path, MAX_FILE);
	return 0;
}

static int read_text_file(const char *path, char **ret, struct error *err)
{
	cleanup_secret_buffer struct buffer text = BUFFER(MAX_FILE);
	if (read_file(path, &text, err) != 0)
		return -1;
	char *content = buffer_steal(&text);
	if (!content)
		return error_no_memory(err);
	*ret = content;
	return 0;
}

/* Service account */

int kube_config_service_account(const char *directory, const char *host, const char *port,
				struct kube_config *ret, struct error *err)
{
	struct kube_config config = {0};
	cleanup_buffer struct buffer text = BUFFER(MAX_PATH);
	bool is_v6 = strchr(host, ':') != NULL;
	buffer_appendf(&text, is_v6 ? "https://[%s]:%s" : "https://%s:%s", host,
		       port && *port ? port : "443");
	config.server = buffer_steal(&text);
	buffer_appendf(&text, "%s/token", directory);
	config.token_file = buffer_steal(&text);
	buffer_appendf(&text, "%s/ca.crt", directory);
	cleanup_free char *ca_path = buffer_steal(&text);
	buffer_appendf(&text, "%s/namespace", directory);
	cleanup_free char *namespace_path = buffer_steal(&text);
	if (!config.server || !config.token_file || !ca_path || !namespace_path) {
		kube_config_free(&config);
		return error_no_memory(err);
	}
	if (access(config.token_file, R_OK) != 0) {
		error_errno(err, "service account token %s", config.token_file);
		kube_config_free(&config);
		return -1;
	}
	if (read_text_file(ca_path, &config.ca_pem, err) != 0) {
		kube_config_free(&config);
		return error_wrap(err, "service account");
	}
	cleanup_free char *namespace = NULL;
	struct str name = STR("default");
	if (read_text_file(namespace_path, &namespace, NULL) == 0 && str_trim(str_of(namespace)).n)
		name = str_trim(str_of(namespace));
	if (!(config.namespace = str_dup(name))) {
		kube_config_free(&config);
		return error_no_memory(err);
	}
	*ret = config;
	return 0;
}

/* Kubeconfig */

struct document {
	yaml_document_t yaml;
	const char *directory; /* of the file */
};

static struct str text_of(const yaml_node_t *node)
{
	if (!node || node->type != YAML_SCALAR_NODE)
		return (struct str){0};
	return (struct str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static yaml_node_t *member(struct document *document, yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top;
	     pair++)
		if (str_eq(text_of(yaml_document_get_node(&document->yaml, pair->key)), str_of(key)))
			return yaml_document_get_node(&document->yaml, pair->value);
	return NULL;
}

static struct str text_member(struct document *document, yaml_node_t *map, const char *key)
{
	return text_of(member(document, map, key));
}

/* The `what` ("cluster") of the entry called `name` of the list `list` ("clusters"). */
static yaml_node_t *entry(struct document *document, const char *list, const char *what, struct str name,
			  struct error *err)
{
	yaml_node_t *sequence = member(document, yaml_document_get_root_node(&document->yaml), list);
	if (sequence && sequence->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *item = sequence->data.sequence.items.start;
		     item < sequence->data.sequence.items.top; item++) {
			yaml_node_t *node = yaml_document_get_node(&document->yaml, *item);
			yaml_node_t *found = member(document, node, what);
			if (found && str_eq(text_member(document, node, "name"), name))
				return found;
		}
	error_set(err, ERR_BAD_REQUEST, "no %s is called '%.*s'", what, (int)name.n, name.p ? name.p : "");
	return NULL;
}

static int sextet(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

static char *base64_decode(struct str s)
{
	char *out = malloc(s.n / 4 * 3 + 4);
	size_t n = 0, digits = 0;
	unsigned bits = 0;
	for (size_t i = 0; out && i < s.n; i++) {
		if (s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == ' ')
			continue;
		if (s.p[i] == '=')
			break;
		int value = sextet(s.p[i]);
		if (value < 0) {
			free(out);
			return NULL;
		}
		bits = (bits << 6 | (unsigned)value) & 0xffffff;
		if (++digits % 4 != 1)
			out[n++] = (char)(bits >> (6 - 2 * ((digits - 1) % 4)) & 0xff);
	}
	if (out)
		out[n] = '\0';
	return out;
}

static char *join_path(const char *directory, struct str path)
{
	if (path.p[0] == '/')
		return str_dup(path);
	cleanup_buffer struct buffer joined = BUFFER(MAX_PATH);
	buffer_appendf(&joined, "%s/%.*s", directory, (int)path.n, path.p);
	return buffer_steal(&joined);
}

/* PEM text from `data_key` (base64) or else the file named by `file_key`; *ret stays NULL when there is
 * neither. */
static int pem_member(struct document *document, yaml_node_t *map, const char *data_key, const char *file_key,
		      char **ret, struct error *err)
{
	struct str data = text_member(document, map, data_key), file = text_member(document, map, file_key);
	if (data.n) {
		*ret = base64_decode(data);
		if (!*ret)
			return error_set(err, ERR_BAD_REQUEST, "%s isn't base64", data_key);
	} else if (file.n) {
		cleanup_free char *path = join_path(document->directory, file);
		if (!path)
			return error_no_memory(err);
		return read_text_file(path, ret, err);
	} else {
		return 0;
	}
	if (!strstr(*ret, "-----BEGIN "))
		return error_set(err, ERR_BAD_REQUEST, "%s isn't PEM", data_key);
	return 0;
}

/* What we don't do must not be passed over in silence: it changes where requests go or who they are from. */
static int refuse_members(struct document *document, yaml_node_t *map, const char *const *keys,
			  const char *what, struct error *err)
{
	for (; *keys; keys++)
		if (member(document, map, *keys))
			return error_set(
			    err, ERR_NOT_IMPLEMENTED,
			    "the %s uses '%s', which isn't supported: use a token or a client certificate",
			    what, *keys);
	return 0;
}

static int read_cluster(struct document *document, yaml_node_t *cluster, struct kube_config *config,
			struct error *err)
{
	static const char *const unsupported[] = {"proxy-url", "tls-server-name", NULL};
	struct str server = text_member(document, cluster, "server");
	while (server.n && server.p[server.n - 1] == '/')
		server.n--;
	if (!str_starts_with(server, STR("https://")) && !str_starts_with(server, STR("http://")))
		return error_set(err, ERR_BAD_REQUEST,
				 "the cluster's server isn't an http or https URL: '%.*s'", (int)server.n,
				 server.p ? server.p : "");
	if (refuse_members(document, cluster, unsupported, "cluster", err) != 0)
		return -1;
	if (!(config->server = str_dup(server)))
		return error_no_memory(err);
	config->insecure_skip_verify =
	    str_eq(text_member(document, cluster, "insecure-skip-tls-verify"), STR("true"));
	return pem_member(document, cluster, "certificate-authority-data", "certificate-authority",
			  &config->ca_pem, err);
}

static int read_user(struct document *document, yaml_node_t *user, struct kube_config *config,
		     struct error *err)
{
	static const char *const unsupported[] = {"exec", "auth-provider", "username", "password",
						  "as",   "as-groups",     "as-uid",   NULL};
	if (refuse_members(document, user, unsupported, "user", err) != 0)
		return -1;
	struct str token = text_member(document, user, "token"),
		   file = text_member(document, user, "tokenFile");
	if (file.n) /* before the token itself, as kubectl does */
		config->token_file = join_path(document->directory, file);
	else if (token.n)
		config->token = str_dup(token);
	if ((file.n && !config->token_file) || (!file.n && token.n && !config->token))
		return error_no_memory(err);
	if (pem_member(document, user, "client-certificate-data", "client-certificate",
		       &config->client_cert_pem, err) != 0 ||
	    pem_member(document, user, "client-key-data", "client-key", &config->client_key_pem, err) != 0)
		return -1;
	if (!config->client_cert_pem != !config->client_key_pem)
		return error_set(err, ERR_BAD_REQUEST,
				 "the user has a client certificate without its key, or the reverse");
	return 0;
}

static int read_document(struct document *document, struct kube_config *config, struct error *err)
{
	yaml_node_t *root = yaml_document_get_root_node(&document->yaml);
	if (!root)
		return error_set(err, ERR_BAD_REQUEST, "the file is empty");
	struct str current = text_member(document, root, "current-context");
	if (!current.n)
		return error_set(err, ERR_BAD_REQUEST, "no current-context is set");
	yaml_node_t *context = entry(document, "contexts", "context", current, err);
	if (!context)
		return -1;
	yaml_node_t *cluster =
	    entry(document, "clusters", "cluster", text_member(document, context, "cluster"), err);
	if (!cluster || read_cluster(document, cluster, config, err) != 0)
		return -1;
	struct str user_name = text_member(document, context, "user");
	if (user_name.n) {
		yaml_node_t *user = entry(document, "users", "user", user_name, err);
		if (!user || read_user(document, user, config, err) != 0)
			return -1;
	}
	struct str namespace = text_member(document, context, "namespace");
	if (!(config->namespace = str_dup(namespace.n ? namespace : STR("default"))))
		return error_no_memory(err);
	return 0;
}

int kube_config_parse(struct str text, const char *directory, struct kube_config *ret, struct error *err)
{
	struct document document = {.directory = directory};
	struct kube_config config = {0};
	yaml_parser_t parser;
	if (text.n > MAX_FILE)
		return error_set(err, ERR_TOO_LARGE, "larger than %d bytes", MAX_FILE);
	if (!yaml_parser_initialize(&parser))
		return error_no_memory(err);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
	int result;
	if (!yaml_parser_load(&parser, &document.yaml)) {
		result =
		    error_set(err, ERR_BAD_REQUEST, "not YAML, line %zu: %s", parser.problem_mark.line + 1,
			      parser.problem ? parser.problem : "unknown problem");
	} else {
		result = read_document(&document, &config, err);
		yaml_document_delete(&document.yaml);
	}
	yaml_parser_delete(&parser);
	if (result == 0)
		*ret = config;
	else
		kube_config_free(&config);
	return result;
}

static int load_file(const char *path, struct kube_config *ret, struct error *err)
{
	cleanup_secret_buffer struct buffer text = BUFFER(MAX_FILE);
	const char *slash = strrchr(path, '/');
	cleanup_free char *directory =
	    slash ? str_dup((struct str){path, (size_t)(slash - path)}) : str_dup(STR("."));
	if (!directory)
		return error_no_memory(err);
	if (read_file(path, &text, err) != 0)
		return error_wrap(err, "kubeconfig");
	if (kube_config_parse(buffer_str(&text), directory, ret, err) != 0)
		return error_wrap(err, "kubeconfig %s", path);
	return 0;
}

int kube_config_load(const char *path, struct kube_config *ret, struct error *err)
{
	if (path)
		return load_file(path, ret, err);
	const char *list = getenv("KUBECONFIG");
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *home = getenv("HOME");
	cleanup_free char *first = NULL;
	if (list && *list) {
		struct str head, tail;
		str_split_once(str_of(list), ':', &head, &tail);
		first = str_dup(head);
	} else if (host && *host) {
		return kube_config_service_account(SERVICE_ACCOUNT_DIRECTORY, host,
						   getenv("KUBERNETES_SERVICE_PORT"), ret, err);
	} else if (home && *home) {
		first = join_path(home, STR(".kube/config"));
	} else {
		return error_set(err, ERR_BAD_REQUEST,
				 "no kubeconfig: KUBECONFIG, KUBERNETES_SERVICE_HOST and HOME are unset");
	}
	return first ? load_file(first, ret, err) : error_no_memory(err);
}
