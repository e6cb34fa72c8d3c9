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

struct guard {
	const struct apiserver_config *config;
	const struct clock *clock;
	struct recent *tenants, *addresses, *right; /* NULL where there is no limit */
};

struct guard *guard_new(const struct apiserver_config *config, const struct clock *clock, struct error *err)
{
	struct guard *guard = calloc(1, sizeof(*guard));
	if (!guard) {
		error_no_memory(err);
		return NULL;
	}
	guard->config = config;
	guard->clock = clock;
	if (config->rate_limit > 0 && !(guard->tenants = recent_new(MAX_TENANTS, err)))
		return guard_free(guard);
	if (config->wrong_key_limit > 0 && (!(guard->addresses = recent_new(MAX_ADDRESSES, err)) ||
					    !(guard->right = recent_new(MAX_RIGHT, err))))
		return guard_free(guard);
	return guard;
}

struct guard *guard_free(struct guard *guard)
{
	if (!guard)
		return NULL;
	recent_free(guard->tenants);
	recent_free(guard->addresses);
	recent_free(guard->right);
	free(guard);
	return NULL;
}

int guard_tenant(struct guard *guard, struct str tenant, struct error *err)
{
	if (!guard || !guard->tenants)
		return 0;
	int64_t limit = guard->config->rate_limit;
	if (bucket_take(recent_get(guard->tenants, tenant), (double)limit, (double)(GUARD_BURST * limit),
			clock_monotonic_us(guard->clock)))
		return 0;
	return error_set(
	    err, ERR_RATE_LIMITED,
	    "tenant \"%.*s\" sends more than %" PRId64
	    " requests a second, the limit (SKILLBOX_RATE_LIMIT); wait a second and send fewer: a "
	    "synchronous execution needs no polling, and a list has many at once",
	    (int)tenant.n, tenant.p, limit);
}

struct guard_address guard_address(const struct sockaddr *from)
{
	struct guard_address address = {0};
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

static struct str name_of(const struct guard_address *from)
{
	return (struct str){(const char *)from->bytes, from->n};
}

static struct str pair_of(const struct guard_address *from, struct str hash, char ret[PAIR_SIZE])
{
	size_t n = hash.n < DIGEST_HEX_SIZE ? hash.n : DIGEST_HEX_SIZE;
	memcpy(ret, from->bytes, from->n);
	memcpy(ret + from->n, hash.p, n);
	return (struct str){ret, from->n + n};
}

int guard_key(struct guard *guard, const struct guard_address *from, struct str hash, struct error *err)
{
	char pair[PAIR_SIZE];
	if (!guard || !guard->addresses)
		return 0;
	int64_t limit = guard->config->wrong_key_limit;
	struct bucket *bucket = recent_find(guard->addresses, name_of(from));
	if (!bucket ||
	    bucket_has(bucket, (double)limit, (double)(GUARD_BURST * limit),
		       clock_monotonic_us(guard->clock)) ||
	    recent_find(guard->right, pair_of(from, hash, pair)))
		return 0;
	return error_set(err, ERR_RATE_LIMITED,
			 "more than %" PRId64
			 " requests a second with a wrong API key came from your address, the limit "
			 "(SKILLBOX_WRONG_KEY_LIMIT); check the key and try again in a second",
			 limit);
}

void guard_key_was_wrong(struct guard *guard, const struct guard_address *from)
{
	if (!guard || !guard->addresses)
		return;
	double limit = (double)guard->config->wrong_key_limit;
	(void)bucket_take(recent_get(guard->addresses, name_of(from)), limit, GUARD_BURST * limit,
			  clock_monotonic_us(guard->clock));
}

void guard_key_was_right(struct guard *guard, const struct guard_address *from, struct str hash)
{
	char pair[PAIR_SIZE];
	if (guard && guard->right)
		(void)recent_get(guard->right, pair_of(from, hash, pair));
}
