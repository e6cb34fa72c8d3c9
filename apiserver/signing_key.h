/* Where the signing key comes from. */
#ifndef SKILLBOX_APISERVER_SIGNING_KEY_H
#define SKILLBOX_APISERVER_SIGNING_KEY_H

#include "apiserver/config.h"
#include "lib/kube/kube_config.h"

/* From SKILLBOX_SIGNING_KEY_FILE; if there is no such file, from SKILLBOX_SIGNING_KEY_SECRET in the
 * namespace, which is made when it isn't there: the first API server of a release does so, for all that
 * follow and for the controller, which mounts it. Nobody has to make a key, and nothing that is rendered has
 * one that would be another each time. In ret (empty, of SIGNING_KEY_MAX bytes at least); left empty if
 * neither is set and blobs are in S3. Waits for the cluster. */
int apiserver_signing_key(const struct apiserver_config *config, const struct kube_config *kube,
			  const char *namespace, struct buffer *ret, struct error *err);

#endif
