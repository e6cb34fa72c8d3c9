#include "apiserver/http/rate_limit.h"

#include "apiserver/http/bucket_cache.h"
#include "lib/base/digest.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>

#define MAX_TENANTS 1024
#define MAX_ADDRESSES 4096
#define MAX_RIGHT 4096 /* pairs of an address and a key */
#define PAIR_SIZE (8 + DIGEST_HEX_SIZE)

struct rate_limiter {
	const struct apiserver_config *config;
	const struct clock *clock;
	struct bucket_cache *tenants, *addresses, *right; /* NULL where there is no limit */
};

struct rate_limiter *rate_limiter_new(const struct apiserver_config *config, const struct clock *clock,
				      struct error *err)
{
	struct rate_limiter *limiter = calloc(1, sizeof(*limiter));
	if (!limiter) {
		error_no_memory(err);
		return NULL;
	}
	limiter->config = config;
	limiter->clock = clock;
	if (config->rate_limit > 0 && !(limiter->tenants = bucket_cache_new(MAX_TENANTS, err)))
		return rate_limiter_free(limiter);
	if (config->wrong_key_limit > 0 && (!(limiter->addresses = bucket_cache_new(MAX_ADDRESSES, err)) ||
					    !(limiter->right = bucket_cache_new(MAX_RIGHT, err))))
		return rate_limiter_free(limiter);
	return limiter;
}

struct rate_limiter *rate_limiter_free(struct rate_limiter *limiter)
{
	if (!limiter)
		return NULL;
	bucket_cache_free(limiter->tenants);
	bucket_cache_free(limiter->addresses);
	bucket_cache_free(limiter->right);
	free(limiter);
	return NULL;
}

int rate_limiter_tenant(struct rate_limiter *limiter, struct str tenant, struct error *err)
{
	if (!limiter || !limiter->tenants)
		return 0;
	int64_t limit = limiter->config->rate_limit;
	if (bucket_take(bucket_cache_get(limiter->tenants, tenant), (double)limit,
			(double)(RATE_LIMITER_BURST * limit), clock_monotonic_us(limiter->clock)))
		return 0;
	return error_set(
	    err, ERR_RATE_LIMITED,
	    "tenant \"%.*s\" sends more than %" PRId64
	    " requests a second, the limit (SKILLBOX_RATE_LIMIT); wait a second and send fewer: a "
	    "synchronous execution needs no polling, and a list has many at once",
	    (int)tenant.n, tenant.p, limit);
}

struct rate_limiter_address rate_limiter_address(const struct sockaddr *from)
{
	struct rate_limiter_address address = {0};
	if (from && from->sa_family == AF_INET) {
		const struct sockaddr_in *four = (const void *)from;
		address.n = sizeof(four->sin_addr);
		memcpy(address.bytes, &four->sin_addr, address.n);
	} else if (from && from->sa_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const void *)from;
		const unsigned char *bytes = six->sin6_addr.s6_addr;
		bool is_mapped = IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);
		address.n = is_mapped ? 4 : 8;
		memcpy(address.bytes, is_mapped ? bytes + 12 : bytes, address.n);
	}
	return address;
}

static struct str name_of(const struct rate_limiter_address *from)
{
	return (struct str){(const char *)from->bytes, from->n};
}

static struct str pair_of(const struct rate_limiter_address *from, struct str hash, char ret[PAIR_SIZE])
{
	size_t n = hash.n < DIGEST_HEX_SIZE ? hash.n : DIGEST_HEX_SIZE;
	memcpy(ret, from->bytes, from->n);
	memcpy(ret + from->n, hash.p, n);
	return (struct str){ret, from->n + n};
}

static int refuse(const struct rate_limiter *limiter, struct error *err)
{
	return error_set(err, ERR_RATE_LIMITED,
			 "more than %" PRId64
			 " requests a second with a wrong API key came from your address, the limit "
			 "(SKILLBOX_WRONG_KEY_LIMIT); check the key and try again in a second",
			 limiter->config->wrong_key_limit);
}

int rate_limiter_key(struct rate_limiter *limiter, const struct rate_limiter_address *from, struct str hash,
		     struct error *err)
{
	char pair[PAIR_SIZE];
	if (!limiter || !limiter->addresses)
		return 0;
	int64_t limit = limiter->config->wrong_key_limit;
	struct bucket *bucket = bucket_cache_find(limiter->addresses, name_of(from));
	if (!bucket ||
	    bucket_has(bucket, (double)limit, (double)(RATE_LIMITER_BURST * limit),
		       clock_monotonic_us(limiter->clock)) ||
	    bucket_cache_find(limiter->right, pair_of(from, hash, pair)))
		return 0;
	return refuse(limiter, err);
}

int rate_limiter_key_was_wrong(struct rate_limiter *limiter, const struct rate_limiter_address *from,
			       struct error *err)
{
	if (!limiter || !limiter->addresses)
		return 0;
	double limit = (double)limiter->config->wrong_key_limit;
	if (bucket_take(bucket_cache_get(limiter->addresses, name_of(from)), limit,
			RATE_LIMITER_BURST * limit, clock_monotonic_us(limiter->clock)))
		return 0;
	return refuse(limiter, err);
}

void rate_limiter_key_was_right(struct rate_limiter *limiter, const struct rate_limiter_address *from,
				struct str hash)
{
	char pair[PAIR_SIZE];
	if (limiter && limiter->right)
		(void)bucket_cache_get(limiter->right, pair_of(from, hash, pair));
}
