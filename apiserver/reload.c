#include "apiserver/reload.h"

#include "lib/base/log.h"
#include "lib/files/file_watch.h"
#include "lib/files/read_file.h"
#include "lib/http/server/server.h"
#include "lib/policy/signing_key.h"

#include <stdlib.h>

struct reload {
	struct apiserver *server;
	struct file_watch *tls, *signing_key; /* NULL: there is none */
	void (*stop)(void *context, const char *why);
	void *context;
};

static void on_tls(void *context)
{
	struct reload *reload = context;
	const struct apiserver_config *config = reload->server->config;
	struct error err;
	cleanup_buffer struct buffer cert = BUFFER(RELOAD_PEM_MAX);
	cleanup_secret_buffer struct buffer key = BUFFER(RELOAD_PEM_MAX);
	if (read_file(config->tls_cert, &cert, &err) != 0 || read_file(config->tls_key, &key, &err) != 0 ||
	    http_server_set_certificate(reload->server->http, cert.data, key.data, &err) != 0)
		log_error("the new TLS certificate can't be used: the one from before stays", "reason",
			  err.message, NULL);
	else
		log_info("the TLS certificate has changed", "file", config->tls_cert, NULL);
}

static void on_signing_key(void *context)
{
	const struct reload *reload = context;
	struct error err;
	cleanup_secret_buffer struct buffer key = BUFFER(SIGNING_KEY_MAX);
	if (signing_key_read(reload->server->config->signing_key_file, &key, &err) != 0)
		log_error("the new signing key can't be used: the one from before stays", "reason",
			  err.message, NULL);
	else if (!str_eq_constant_time(buffer_str(&key), reload->server->signing_key) && reload->stop)
		reload->stop(reload->context, "the signing key has changed");
}

struct reload *reload_new(struct apiserver *server, struct error *err)
{
	const struct apiserver_config *config = server->config;
	const char *const tls[] = {config->tls_cert, config->tls_key};
	const char *const signing_key[] = {config->signing_key_file};
	struct reload *reload = calloc(1, sizeof(*reload));
	if (!reload) {
		error_no_memory(err);
		return NULL;
	}
	reload->server = server;
	if (config->tls_cert[0] && !(reload->tls = file_watch_new(server->loop, tls, 2, on_tls, reload, err)))
		return reload_free(reload);
	/* It signs links to the embedded storage, here. */
	if (config->signing_key_file[0] && !config->s3.endpoint[0] &&
	    !(reload->signing_key =
		  file_watch_new(server->loop, signing_key, 1, on_signing_key, reload, err)))
		return reload_free(reload);
	return reload;
}

struct reload *reload_free(struct reload *reload)
{
	if (!reload)
		return NULL;
	file_watch_free(reload->tls);
	file_watch_free(reload->signing_key);
	free(reload);
	return NULL;
}

void reload_start(struct reload *reload, void (*stop)(void *context, const char *why), void *context)
{
	reload->stop = stop;
	reload->context = context;
}
