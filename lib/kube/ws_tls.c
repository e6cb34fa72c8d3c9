/* The TLS context is made here and handed to libwebsockets, which by itself (4.1) reads only the first
 * certificate of a bundle or chain, and cuts IPv6 addresses at the colon before it checks them. */
#include "lib/kube/ws_internal.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <limits.h>

static int tls_error(struct error *err, const char *what)
{
	char reason[256];

	ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
	ERR_clear_error();
	return error_set(err, ERR_IO, "%s: %s", what, reason);
}

static BIO *pem_reader(const char *pem)
{
	size_t n = strlen(pem);

	return n <= INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
}

static int load_ca(SSL_CTX *tls, const char *pem, struct error *err)
{
	BIO *reader = pem_reader(pem);
	unsigned count = 0;
	X509 *certificate;

	if (!reader)
		return error_no_memory(err);
	while ((certificate = PEM_read_bio_X509_AUX(reader, NULL, NULL, NULL))) {
		int added = X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), certificate);

		X509_free(certificate);
		if (!added) {
			BIO_free(reader);
			return tls_error(err, "certificate authority");
		}
		count++;
	}
	BIO_free(reader);
	ERR_clear_error(); /* the loop ends with "no start line" */
	return count > 0 ? 0 : error_set(err, ERR_IO, "certificate authority: no certificate in PEM form");
}

static int load_client_chain(SSL_CTX *tls, const char *pem, struct error *err)
{
	BIO *reader = pem_reader(pem);
	X509 *certificate = reader ? PEM_read_bio_X509_AUX(reader, NULL, NULL, NULL) : NULL;
	int ok = certificate && SSL_CTX_use_certificate(tls, certificate) == 1;

	X509_free(certificate);
	while (ok && (certificate = PEM_read_bio_X509(reader, NULL, NULL, NULL))) {
		ok = SSL_CTX_add0_chain_cert(tls, certificate) == 1;
		if (!ok)
			X509_free(certificate);
	}
	BIO_free(reader);
	if (!ok)
		return tls_error(err, "client certificate");
	ERR_clear_error();
	return 0;
}

static int load_client_key(SSL_CTX *tls, const char *pem, struct error *err)
{
	BIO *reader = pem_reader(pem);
	EVP_PKEY *key = reader ? PEM_read_bio_PrivateKey(reader, NULL, NULL, NULL) : NULL;
	int ok = key && SSL_CTX_use_PrivateKey(tls, key) == 1 && SSL_CTX_check_private_key(tls) == 1;

	EVP_PKEY_free(key);
	BIO_free(reader);
	return ok ? 0 : tls_error(err, "client key");
}

static int expect_host(SSL_CTX *tls, const char *host, struct error *err)
{
	X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(tls);

	X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host) != 1) {
		ERR_clear_error();
		if (X509_VERIFY_PARAM_set1_host(parameters, host, 0) != 1)
			return tls_error(err, host);
	}
	return 0;
}

SSL_CTX *ws_tls_new(const struct kube_config *config, const char *host, struct error *err)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (!tls) {
		tls_error(err, "TLS");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	/* Moving buffer: libwebsockets repeats a blocked write from a copy. Release: idle streams are many.
	 */
	SSL_CTX_set_mode(tls, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	if (config->ca_pem ? load_ca(tls, config->ca_pem, err) < 0
			   : SSL_CTX_set_default_verify_paths(tls) != 1)
		goto fail;
	if (!config->insecure_skip_verify && expect_host(tls, host, err) < 0)
		goto fail;
	if (config->client_cert_pem && load_client_chain(tls, config->client_cert_pem, err) < 0)
		goto fail;
	if (config->client_key_pem && load_client_key(tls, config->client_key_pem, err) < 0)
		goto fail;
	return tls;
fail:
	SSL_CTX_free(tls);
	return NULL;
}
