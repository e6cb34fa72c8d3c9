#include "lib/kube/kube_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* base64 of "-----BEGIN CERTIFICATE-----\nAA==\n" and the like */
#define CA_DATA "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBPT0K"
#define CA_TEXT "-----BEGIN CERTIFICATE-----\nAA==\n"
#define KEY_DATA "LS0tLS1CRUdJTiBLRVktLS0tLQpB"
#define KEY_TEXT "-----BEGIN KEY-----\nA"

#define HEAD "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
#define CONTEXT                                                                                              \
	"contexts:\n- name: other\n  context: {cluster: nope}\n- name: c\n  context: {cluster: k, user: u, " \
	"namespace: ns}\n"
#define CLUSTER(more) "clusters:\n- name: k\n  cluster:\n    server: https://10.0.0.1:6443/\n" more
#define USER(more) "users:\n- name: u\n  user:\n" more

static char directory[] = "/tmp/skillbox-config-XXXXXX";

static const char *in_directory(const char *name)
{
	static char path[4][256];
	static unsigned next;
	char *to = path[next++ % 4];
	snprintf(to, sizeof(path[0]), "%s/%s", directory, name);
	return to;
}

static void write_file(const char *name, const char *text)
{
	int fd = open(in_directory(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int parse(const char *text, struct kube_config *ret, struct error *err)
{
	memset(err, 0, sizeof(*err));
	return kube_config_parse(str_of(text), directory, ret, err);
}

static void test_inline_data(void **state)
{
	(void)state;
	struct kube_config config;
	struct error err;
	assert_int_equal(
	    parse(HEAD CONTEXT CLUSTER("    certificate-authority-data: " CA_DATA "\n")
		      USER("    client-certificate-data: " CA_DATA "\n    client-key-data: " KEY_DATA "\n"),
		  &config, &err),
	    0);
	assert_string_equal(config.server, "https://10.0.0.1:6443");
	assert_string_equal(config.ca_pem, CA_TEXT);
	assert_string_equal(config.client_cert_pem, CA_TEXT);
	assert_string_equal(config.client_key_pem, KEY_TEXT);
	assert_string_equal(config.namespace, "ns");
	assert_null(config.token);
	assert_null(config.token_file);
	assert_false(config.insecure_skip_verify);
	kube_config_free(&config);
	assert_null(config.server);
	kube_config_free(&config);
}

static void test_file_references(void **state)
{
	(void)state;
	struct kube_config config;
	struct error err;
	write_file("ca.pem", CA_TEXT);
	write_file("key.pem", KEY_TEXT);
	char text[1024];
	snprintf(text, sizeof(text),
		 HEAD CONTEXT CLUSTER("    certificate-authority: ca.pem\n")
		     USER("    client-certificate: %s\n    client-key: key.pem\n    tokenFile: tok\n    "
			  "token: unused\n"),
		 in_directory("ca.pem"));
	assert_int_equal(parse(text, &config, &err), 0);
	assert_string_equal(config.ca_pem, CA_TEXT);
	assert_string_equal(config.client_cert_pem, CA_TEXT);
	assert_string_equal(config.client_key_pem, KEY_TEXT);
	assert_string_equal(config.token_file, in_directory("tok"));
	assert_null(config.token);
	kube_config_free(&config);
}

static void test_token_and_defaults(void **state)
{
	(void)state;
	struct kube_config config;
	struct error err;
	assert_int_equal(parse(HEAD "contexts: [{name: c, context: {cluster: k, user: u}}]\n" CLUSTER(
				   "    insecure-skip-tls-verify: true\n") USER("    token: abc\n"),
			       &config, &err),
			 0);
	assert_string_equal(config.token, "abc");
	assert_string_equal(config.namespace, "default");
	assert_true(config.insecure_skip_verify);
	assert_null(config.ca_pem);
	kube_config_free(&config);
	/* no user at all; and the same as JSON */
	assert_int_equal(
	    parse(
		"{\"current-context\":\"c\",\"contexts\":[{\"name\":\"c\",\"context\":{\"cluster\":\"k\"}}],"
		"\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"http://h\"}}]}",
		&config, &err),
	    0);
	assert_string_equal(config.server, "http://h");
	assert_null(config.token);
	kube_config_free(&config);
}

static void test_errors(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} rows[] = {
	    {"", "the file is empty"},
	    {"a: [", "not YAML"},
	    {"\tx", "not YAML, line 1"},
	    {"[]", "no current-context"},
	    {"just text", "no current-context"},
	    {"current-context: ''", "no current-context"},
	    {HEAD, "no context is called 'c'"},
	    {HEAD "contexts: 5\n", "no context is called 'c'"},
	    {HEAD "contexts: [1, [2], {name: x}]\n", "no context is called 'c'"},
	    {HEAD CONTEXT, "no cluster is called 'k'"},
	    {HEAD CONTEXT CLUSTER(""), "no user is called 'u'"},
	    {HEAD CONTEXT "clusters: [{name: k, cluster: {server: 10.0.0.1}}]\n",
	     "isn't an http or https URL: '10.0.0.1'"},
	    {HEAD CONTEXT "clusters: [{name: k, cluster: {}}]\n", "isn't an http or https URL"},
	    {HEAD CONTEXT CLUSTER("    proxy-url: http://p\n"), "the cluster uses 'proxy-url'"},
	    {HEAD CONTEXT CLUSTER("    tls-server-name: n\n"), "the cluster uses 'tls-server-name'"},
	    {HEAD CONTEXT CLUSTER("    certificate-authority-data: '!!'\n"),
	     "certificate-authority-data isn't base64"},
	    {HEAD CONTEXT CLUSTER("    certificate-authority-data: aGVsbG8=\n"),
	     "certificate-authority-data isn't PEM"},
	    {HEAD CONTEXT CLUSTER("    certificate-authority: missing.pem\n"), "missing.pem: No such file"},
	    {HEAD CONTEXT CLUSTER("") USER("    exec: {command: aws}\n"), "the user uses 'exec'"},
	    {HEAD CONTEXT CLUSTER("") USER("    auth-provider: {name: gcp}\n"),
	     "the user uses 'auth-provider'"},
	    {HEAD CONTEXT CLUSTER("") USER("    username: me\n"), "the user uses 'username'"},
	    {HEAD CONTEXT CLUSTER("") USER("    as: root\n"), "the user uses 'as'"},
	    {HEAD CONTEXT CLUSTER("") USER("    client-key-data: " KEY_DATA "\n"),
	     "without its key, or the reverse"},
	    {HEAD CONTEXT CLUSTER("") USER("    client-certificate-data: " CA_DATA "\n"),
	     "without its key, or the reverse"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kube_config config = {0};
		struct error err;
		assert_int_equal(parse(rows[i].text, &config, &err), -1);
		if (!strstr(err.message, rows[i].message))
			fail_msg("row %zu: '%s' is not in: %s", i, rows[i].message, err.message);
		assert_null(config.server); /* untouched */
	}
}

static void test_bounds(void **state)
{
	(void)state;
	struct kube_config config;
	struct error err;
	size_t size = (1 << 20) + 1;
	char *text = malloc(size + 1);
	memset(text, ' ', size);
	text[size] = '\0';
	assert_int_equal(parse(text, &config, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	write_file("large", text);
	assert_int_equal(kube_config_load(in_directory("large"), &config, &err), -1);
	assert_int_equal(err.code, ERR_TOO_LARGE);
	assert_non_null(strstr(err.message, "/large: larger than 1048576 bytes"));
	free(text);
}

static void test_service_account(void **state)
{
	(void)state;
	struct kube_config config;
	struct error err;
	unlink(in_directory("token"));
	assert_int_equal(kube_config_service_account(directory, "10.96.0.1", "443", &config, &err), -1);
	assert_non_null(strstr(err.message, "/token: No such file"));
	write_file("token", "tok");
	unlink(in_directory("ca.crt"));
	assert_int_equal(kube_config_service_account(directory, "10.96.0.1", "443", &config, &err), -1);
	assert_non_null(strstr(err.message, "/ca.crt: No such file"));
	write_file("ca.crt", CA_TEXT);
	assert_int_equal(kube_config_service_account(directory, "10.96.0.1", "6443", &config, &err), 0);
	assert_string_equal(config.server, "https://10.96.0.1:6443");
	assert_string_equal(config.ca_pem, CA_TEXT);
	assert_string_equal(config.token_file, in_directory("token"));
	assert_string_equal(config.namespace, "default");
	kube_config_free(&config);
	write_file("namespace", "system\n");
	assert_int_equal(kube_config_service_account(directory, "fd00::1", NULL, &config, &err), 0);
	assert_string_equal(config.server, "https://[fd00::1]:443");
	assert_string_equal(config.namespace, "system");
	kube_config_free(&config);
}

static void expect_server(const char *path, const char *server)
{
	struct kube_config config;
	struct error err;
	if (kube_config_load(path, &config, &err) != 0)
		fail_msg("%s", err.message);
	assert_string_equal(config.server, server);
	kube_config_free(&config);
}

static void test_order_of_sources(void **state)
{
	(void)state;
	struct kube_config config;
	struct error err;
	static const char format[] = "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
				     "clusters: [{name: k, cluster: {server: '%s'}}]\n";
	static const char *const names[] = {"explicit", "first", "second", ".kube/config"};
	char text[512];
	mkdir(in_directory(".kube"), 0700);
	for (size_t i = 0; i < 4; i++) {
		char server[64];
		snprintf(server, sizeof(server), "http://%s", i == 3 ? "home" : names[i]);
		snprintf(text, sizeof(text), format, server);
		write_file(names[i], text);
	}
	snprintf(text, sizeof(text), "%s/first:%s/second", directory, directory);
	setenv("KUBECONFIG", text, 1);
	setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
	setenv("HOME", directory, 1);
	expect_server(in_directory("explicit"), "http://explicit");
	expect_server(NULL, "http://first");
	setenv("KUBECONFIG", "", 1);
	if (access("/var/run/secrets/kubernetes.io", F_OK) != 0) { /* this test may itself run in a Pod */
		assert_int_equal(kube_config_load(NULL, &config, &err), -1);
		assert_non_null(strstr(err.message, "service account"));
	}
	unsetenv("KUBERNETES_SERVICE_HOST");
	expect_server(NULL, "http://home");
	unsetenv("HOME");
	assert_int_equal(kube_config_load(NULL, &config, &err), -1);
	assert_non_null(strstr(err.message, "no kubeconfig"));
	assert_int_equal(kube_config_load(in_directory("missing"), &config, &err), -1);
	assert_non_null(strstr(err.message, "kubeconfig: "));
	assert_non_null(strstr(err.message, "/missing: No such file"));
	write_file("broken", "current-context: c\n");
	assert_int_equal(kube_config_load(in_directory("broken"), &config, &err), -1);
	assert_non_null(strstr(err.message, "/broken: no context is called 'c'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_inline_data),
	    cmocka_unit_test(test_file_references),
	    cmocka_unit_test(test_token_and_defaults),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_service_account),
	    cmocka_unit_test(test_order_of_sources),
	};
	if (!mkdtemp(directory))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	static const char *const files[] = {"ca.pem", "key.pem",      "large", "token",
					    "ca.crt", "namespace",    "first", "explicit",
					    "second", ".kube/config", ".kube", "broken"};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		remove(in_directory(files[i]));
	rmdir(directory);
	return failed;
}
