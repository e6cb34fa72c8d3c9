/* Who asks too often: requests of a tenant, and wrong keys from one address. Both limits are this process's
 * own, and kept in memory of fixed size. */
#ifndef SKILLBOX_APISERVER_HTTP_RATE_LIMIT_H
#define SKILLBOX_APISERVER_HTTP_RATE_LIMIT_H

#include "apiserver/config.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/str.h"

#include <sys/socket.h>

#define RATE_LIMITER_BURST 2 /* seconds' worth of requests that may come at once */

struct rate_limiter;

/* config: SKILLBOX_RATE_LIMIT and SKILLBOX_WRONG_KEY_LIMIT, 0: no limit; kept. */
struct rate_limiter *rate_limiter_new(const struct apiserver_config *config, const struct clock *clock,
				      struct error *err);
struct rate_limiter *rate_limiter_free(struct rate_limiter *limiter); /* NULL-safe; returns NULL */

/* One more request of the tenant: 0, or ERR_RATE_LIMITED. guard NULL: no limits, here and below. */
int rate_limiter_tenant(struct rate_limiter *limiter, struct str tenant, struct error *err);

/* Where a request comes from: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer
 * gets. */
struct rate_limiter_address {
	unsigned char bytes[8];
	size_t n; /* 0: not known */
};
struct rate_limiter_address rate_limiter_address(const struct sockaddr *from); /* NULL: not known */

/* The key with this hash is none: 0, or ERR_RATE_LIMITED when too many such came from there. A key is looked
 * up first, and only this counts: behind a proxy, an Ingress or a NodePort everybody has one address, and
 * whoever sends an old key there must not lock out all the others. */
int rate_limiter_key_was_wrong(struct rate_limiter *limiter, const struct rate_limiter_address *from,
			       struct error *err);
/* Where a look-up costs something: ERR_RATE_LIMITED when too many wrong keys came from there, and this one
 * was not right from there before. It is then worth little effort, and 0 otherwise. */
int rate_limiter_key(struct rate_limiter *limiter, const struct rate_limiter_address *from, struct str hash,
		     struct error *err);
void rate_limiter_key_was_right(struct rate_limiter *limiter, const struct rate_limiter_address *from,
				struct str hash);

#endif
