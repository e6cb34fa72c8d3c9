#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "apiserver/http/auth.h"

#include <stdio.h>

#define KEY "sk-0123"

static struct cluster *make_cluster(void)
{
	struct error err;
	struct cluster_options options = {.namespace = "skillbox-system"};
	struct cluster *cluster = cluster_new(NULL, &options, &err);
	assert_non_null(cluster);
	return cluster;
}

static void put_namespace(struct cluster *cluster, enum watch_event_type type, const char *name,
			  const char *tenant)
{
	char json[512];
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"" API_TENANT_LABEL "\":\"%s\"}}}", name,
		 tenant);
	informer_handle(cluster_informer(cluster, CLUSTER_NAMESPACES), type, str_of(json));
}

/* A Secret as the API gives it: data in base64. */
static void put_key(struct cluster *cluster, enum watch_event_type type, const char *tenant_base64,
		    const char *scopes_base64)
{
	char hash[DIGEST_HEX_SIZE], json[1024], hash_base64[96];
	struct error err;
	assert_int_equal(digest_sha256_hex(STR(KEY), hash, &err), 0);
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t out = 0;
	for (size_t i = 0; i + 2 < 63; i += 3) {
		unsigned bits = (unsigned)hash[i] << 16 | (unsigned)hash[i + 1] << 8 | (unsigned)hash[i + 2];
		for (int shift = 18; shift >= 0; shift -= 6)
			hash_base64[out++] = digits[bits >> shift & 63];
	}
	unsigned last = (unsigned)hash[63] << 16;
	hash_base64[out++] = digits[last >> 18 & 63];
	hash_base64[out++] = digits[last >> 12 & 63];
	memcpy(hash_base64 + out, "==", 3);
	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"skillbox-key-1\",\"namespace\":\"skillbox-system\"},\"data\":{"
		 "\"hash\":\"%s\","
		 "\"tenant\":\"%s\",\"scopes\":\"%s\",\"name\":\"\"}}",
		 hash_base64, tenant_base64, scopes_base64);
	informer_handle(cluster_informer(cluster, CLUSTER_KEYS), type, str_of(json));
}

static void end_lists(struct cluster *cluster)
{
	for (int i = 0; i < CLUSTER_RESOURCE_COUNT; i++) {
		struct informer *informer = cluster_informer(cluster, (enum cluster_resource)i);
		informer_handle(informer, WATCH_LIST_BEGIN, STR(""));
		informer_handle(informer, WATCH_LIST_END, STR(""));
	}
}

/* As a request is admitted. */
static int admit(const struct cluster *cluster, const struct str *authorization, const struct str *tenant,
		 unsigned scopes, struct auth_caller *ret, struct error *err)
{
	char hash[DIGEST_HEX_SIZE];
	const struct api_key *key;
	if (auth_hash(authorization, hash, err) != 0 ||
	    auth_find_key(cluster, NULL, hash, &key, err) != AUTH_FOUND)
		return -1;
	return auth_admit(cluster, key, tenant, scopes, ret, err);
}

/* The message, or "" on success. */
static const char *check(struct cluster *cluster, const char *authorization, const char *tenant,
			 unsigned scopes, enum error_code code)
{
	static struct error err;
	struct auth_caller caller = {0};
	struct str header = str_of(authorization), tenant_header = str_of(tenant);
	err = (struct error){0};
	int result = admit(cluster, authorization ? &header : NULL, tenant ? &tenant_header : NULL, scopes,
			   &caller, &err);
	assert_int_equal(result, code == ERR_NONE ? 0 : -1);
	assert_int_equal(err.code, code);
	if (result == 0) {
		assert_string_equal(caller.tenant, "t1");
		assert_string_equal(caller.namespace, "ns1");
	}
	return err.message;
}

#define T1 "dDE="               /* t1 */
#define RUN_PUSH "cnVuLHB1c2g=" /* run,push */

static void test_messages_in_order(void **state)
{
	(void)state;
	struct cluster *cluster = make_cluster();
	end_lists(cluster);
	put_namespace(cluster, WATCH_ADDED, "ns1", "t1");
	put_key(cluster, WATCH_ADDED, T1, RUN_PUSH);
	struct {
		const char *header, *message;
	} const rows[] = {
	    {NULL, "missing Authorization header"},
	    {"", "missing Authorization header"},
	    {" \t", "missing Authorization header"},
	    {KEY, "Authorization header must use Bearer scheme"},
	    {"Basic " KEY, "Authorization header must use Bearer scheme"},
	    {"Bearer" KEY, "Authorization header must use Bearer scheme"},
	    {"Bear", "Authorization header must use Bearer scheme"},
	    {"Bearer", "empty bearer token"},
	    {"bearer \t ", "empty bearer token"},
	    {"Bearer sk-0124", "invalid or revoked API key"},
	    {"Bearer " KEY KEY, "invalid or revoked API key"},
	    {"Bearer SK-0123", "invalid or revoked API key"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(check(cluster, rows[i].header, NULL, SCOPE_RUN, ERR_UNAUTHORIZED),
				    rows[i].message);
	/* Who it is comes before what is asked for. */
	assert_string_equal(check(cluster, "Bearer x", "t2", SCOPE_ADMIN, ERR_UNAUTHORIZED),
			    "invalid or revoked API key");
	check(cluster, "bEARER  " KEY " ", NULL, SCOPE_RUN, ERR_NONE);
	check(cluster, "Bearer\t" KEY, NULL, SCOPE_RUN, ERR_NONE);
	cluster_free(cluster);
}

static void test_tenants_and_scopes(void **state)
{
	(void)state;
	struct cluster *cluster = make_cluster();
	end_lists(cluster);
	put_key(cluster, WATCH_ADDED, T1, RUN_PUSH);
	assert_non_null(strstr(check(cluster, "Bearer " KEY, NULL, SCOPE_RUN, ERR_FORBIDDEN),
			       "tenant \"t1\" has no namespace"));
	put_namespace(cluster, WATCH_ADDED, "ns2", "t1");
	put_namespace(cluster, WATCH_ADDED, "ns1", "t1");
	const char *words = check(cluster, "Bearer " KEY, NULL, SCOPE_RUN, ERR_UNAVAILABLE);
	assert_non_null(strstr(words, "tenant \"t1\" can't be served: several namespaces have its label"));
	assert_null(strstr(words, "ns1")); /* whoever calls need not know which */
	put_namespace(cluster, WATCH_MODIFIED, "ns2", "t3");
	put_namespace(cluster, WATCH_ADDED, "ns0", "t2");
	check(cluster, "Bearer " KEY, "t1", SCOPE_RUN, ERR_NONE);
	check(cluster, "Bearer " KEY, "", SCOPE_PUSH, ERR_NONE);
	assert_string_equal(
	    check(cluster, "Bearer " KEY, "t2", SCOPE_RUN, ERR_FORBIDDEN),
	    "X-Tenant-ID \"t2\" is not the tenant of this API key: leave the header out, or use a key of "
	    "that tenant");
	assert_string_equal(check(cluster, "Bearer " KEY, NULL, SCOPE_ADMIN, ERR_FORBIDDEN),
			    "this API key lacks the scope: admin");
	put_key(cluster, WATCH_MODIFIED, T1, "YWRtaW4="); /* admin */
	check(cluster, "Bearer " KEY, NULL, SCOPE_RUN, ERR_NONE);
	put_key(cluster, WATCH_MODIFIED, T1, "b3BlcmF0b3I="); /* operator */
	check(cluster, "Bearer " KEY, NULL, SCOPE_RUN, ERR_NONE);
	check(cluster, "Bearer " KEY, NULL, SCOPE_ADMIN, ERR_NONE);
	check(cluster, "Bearer " KEY, "t2", SCOPE_ADMIN,
	      ERR_FORBIDDEN); /* in other tenants: their keys only */
	put_key(cluster, WATCH_DELETED, T1, RUN_PUSH);
	assert_string_equal(check(cluster, "Bearer " KEY, NULL, SCOPE_RUN, ERR_UNAUTHORIZED),
			    "invalid or revoked API key");
	cluster_free(cluster);
}

static void test_before_the_first_list_no_key_is_called_wrong(void **state)
{
	(void)state;
	struct cluster *cluster = make_cluster();
	assert_non_null(strstr(check(cluster, "Bearer " KEY, NULL, SCOPE_RUN, ERR_UNAVAILABLE), "starting"));
	assert_string_equal(check(cluster, NULL, NULL, SCOPE_RUN, ERR_UNAUTHORIZED),
			    "missing Authorization header");
	end_lists(cluster);
	check(cluster, "Bearer " KEY, NULL, SCOPE_RUN, ERR_UNAUTHORIZED);
	cluster_free(cluster);
}

static void test_broken_secrets_are_no_keys(void **state)
{
	(void)state;
	struct cluster *cluster = make_cluster();
	end_lists(cluster);
	put_namespace(cluster, WATCH_ADDED, "ns1", "t1");
	put_key(cluster, WATCH_ADDED, "", RUN_PUSH); /* no tenant */
	put_key(cluster, WATCH_ADDED, T1, "Zmx5");   /* fly */
	put_key(cluster, WATCH_ADDED, T1, "");       /* no scope */
	put_key(cluster, WATCH_ADDED, T1, "no base64");
	check(cluster, "Bearer " KEY, NULL, SCOPE_RUN, ERR_UNAUTHORIZED);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_messages_in_order),
	    cmocka_unit_test(test_tenants_and_scopes),
	    cmocka_unit_test(test_before_the_first_list_no_key_is_called_wrong),
	    cmocka_unit_test(test_broken_secrets_are_no_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
