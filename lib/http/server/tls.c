#include "lib/http/server/tls.h"

#include "lib/base/clock.h"

#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define CHAIN_MAX 16
/* A handshake that was given a pair signs with it some steps later; it has ended long before. */
#define RETIRED_MS 600000

struct pair {
	struct pair *next; /* retired before it */
	gnutls_pcert_st certs[CHAIN_MAX];
	unsigned count;
	gnutls_privkey_t key;
	int64_t retired_us;
};

struct http_tls {
	LIST_ENTRY(http_tls) link; /* while it serves */
	const struct MHD_Daemon *daemon;
	struct pair *current, *retired;
};

/* Of the loop's thread. A callback of GnuTLS has no context; what leads from its session is the daemon's
 * connection, and from that the daemon. */
static LIST_HEAD(, http_tls) serving = LIST_HEAD_INITIALIZER(serving);

static struct pair *pair_free(struct pair *pair)
{
	if (!pair)
		return NULL;
	for (unsigned i = 0; i < pair->count; i++)
		gnutls_pcert_deinit(&pair->certs[i]);
	gnutls_privkey_deinit(pair->key);
	free(pair);
	return NULL;
}

static int refuse(const char *what, int result, struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST, "%s (%s)", what, gnutls_strerror(result));
}

/* Whether they belong together only credentials say. */
static int check_pair(const gnutls_datum_t *cert, const gnutls_datum_t *key, struct error *err)
{
	gnutls_certificate_credentials_t credentials;
	int result = gnutls_certificate_allocate_credentials(&credentials);
	if (result < 0)
		return error_no_memory(err);
	result = gnutls_certificate_set_x509_key_mem(credentials, cert, key, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(credentials);
	return result < 0
		   ? refuse("the TLS certificate can't be used: are certificate and key a pair?", result, err)
		   : 0;
}

static int fill(struct pair *pair, const gnutls_datum_t *cert, const gnutls_datum_t *key, struct error *err)
{
	unsigned count = CHAIN_MAX;
	int result = gnutls_privkey_init(&pair->key);
	if (result < 0)
		return error_no_memory(err);
	result = gnutls_privkey_import_x509_raw(pair->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (result < 0)
		return refuse("the TLS key can't be used", result, err);
	result = gnutls_pcert_list_import_x509_raw(pair->certs, &count, cert, GNUTLS_X509_FMT_PEM,
						   GNUTLS_X509_CRT_LIST_SORT);
	if (result < 0)
		return refuse("the TLS certificate can't be used", result, err);
	pair->count = count;
	return 0;
}

static struct pair *pair_new(const char *cert_pem, const char *key_pem, struct error *err)
{
	/* GnuTLS only reads them. */
	gnutls_datum_t cert = {(unsigned char *)(uintptr_t)cert_pem, (unsigned)strlen(cert_pem)};
	gnutls_datum_t key = {(unsigned char *)(uintptr_t)key_pem, (unsigned)strlen(key_pem)};
	if (check_pair(&cert, &key, err) != 0)
		return NULL;
	struct pair *pair = calloc(1, sizeof(*pair));
	if (!pair) {
		error_no_memory(err);
		return NULL;
	}
	return fill(pair, &cert, &key, err) == 0 ? pair : pair_free(pair);
}

static struct http_tls *tls_of(gnutls_session_t session)
{
	struct http_tls *tls;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(gnutls_session_get_ptr(session), MHD_CONNECTION_INFO_DAEMON);
	LIST_FOREACH(tls, &serving, link)
		if (info && tls->daemon == info->daemon)
			return tls;
	return NULL;
}

int http_tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
		      gnutls_pcert_st **certs, unsigned *count, gnutls_ocsp_data_st **ocsp,
		      unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags)
{
	const struct http_tls *tls = tls_of(session);
	(void)info;
	if (!tls)
		return -1;
	*certs = tls->current->certs;
	*count = tls->current->count;
	*key = tls->current->key;
	*ocsp = NULL;
	*ocsp_count = 0;
	*flags = 0; /* they stay ours */
	return 0;
}

void http_tls_serve(struct http_tls *tls, const struct MHD_Daemon *daemon)
{
	tls->daemon = daemon;
	LIST_INSERT_HEAD(&serving, tls, link);
}

static void forget_retired(struct http_tls *tls, int64_t before_us)
{
	struct pair **at = &tls->retired;
	while (*at && (*at)->retired_us >= before_us)
		at = &(*at)->next;
	for (struct pair *next, *pair = *at; pair; pair = next) {
		next = pair->next;
		pair_free(pair);
	}
	*at = NULL;
}

int http_tls_change(struct http_tls *tls, const char *cert_pem, const char *key_pem, struct error *err)
{
	int64_t now_us = clock_monotonic_us(&clock_system);
	struct pair *pair = pair_new(cert_pem, key_pem, err);
	if (!pair)
		return -1;
	tls->current->retired_us = now_us;
	tls->current->next = tls->retired;
	tls->retired = tls->current;
	tls->current = pair;
	forget_retired(tls, now_us - RETIRED_MS * 1000);
	return 0;
}

struct http_tls *http_tls_new(const char *cert_pem, const char *key_pem, struct error *err)
{
	struct pair *pair = pair_new(cert_pem, key_pem, err);
	struct http_tls *tls = pair ? calloc(1, sizeof(*tls)) : NULL;
	if (tls) {
		tls->current = pair;
	} else if (pair) {
		pair_free(pair);
		error_no_memory(err);
	}
	return tls;
}

struct http_tls *http_tls_free(struct http_tls *tls)
{
	if (!tls)
		return NULL;
	if (tls->daemon)
		LIST_REMOVE(tls, link);
	forget_retired(tls, INT64_MAX);
	pair_free(tls->current);
	free(tls);
	return NULL;
}
