/* The certificate of a listener: which pair a handshake is given, and how it is changed while connections go
 * on. The daemon would keep the one it was started with. */
#ifndef SKILLBOX_LIB_HTTP_SERVER_TLS_H
#define SKILLBOX_LIB_HTTP_SERVER_TLS_H

#include "lib/base/error.h"

#include <gnutls/abstract.h>
#include <microhttpd.h>

struct http_tls;

/* ERR_BAD_REQUEST: they can't be read, or are no pair. NULL with err. */
struct http_tls *http_tls_new(const char *cert_pem, const char *key_pem, struct error *err);
/* After the daemon has stopped. NULL-safe; returns NULL. */
struct http_tls *http_tls_free(struct http_tls *tls);

/* Give handshakes of this daemon, which has http_tls_retrieve as its callback, the pair. */
void http_tls_serve(struct http_tls *tls, const struct MHD_Daemon *daemon);
int http_tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
		      gnutls_pcert_st **certs, unsigned *count, gnutls_ocsp_data_st **ocsp,
		      unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags);

/* From the next handshake on. Nothing changes on failure. */
int http_tls_change(struct http_tls *tls, const char *cert_pem, const char *key_pem, struct error *err);

#endif
