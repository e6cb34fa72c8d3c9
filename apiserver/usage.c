#include "apiserver/usage.h"

#include "lib/base/map.h"

#include <inttypes.h>
#include <stdlib.h>

#define TENANT_SHARE 4 /* a tenant has a quarter */

struct usage_tenant {
	struct map_node node; /* its key: the name */
	char *name;
	int64_t now[USAGE_KIND_COUNT];
};

struct usage {
	const struct apiserver_config *config;
	struct metrics *metrics;
	struct map tenants; /* which use something */
	int64_t now[USAGE_KIND_COUNT];
};

struct usage *usage_new(const struct apiserver_config *config, struct metrics *metrics, struct error *err)
{
	struct usage *usage = calloc(1, sizeof(*usage));
	if (!usage) {
		error_no_memory(err);
		return NULL;
	}
	if (map_init(&usage->tenants, err) != 0) {
		free(usage);
		return NULL;
	}
	usage->config = config;
	usage->metrics = metrics;
	return usage;
}

struct usage *usage_free(struct usage *usage)
{
	if (!usage)
		return NULL;
	map_free(&usage->tenants);
	free(usage);
	return NULL;
}

static struct usage_tenant *find(struct usage *usage, const char *name)
{
	struct map_node *node = map_get(&usage->tenants, str_of(name));
	if (node)
		return MAP_CONTAINER(node, struct usage_tenant, node);
	struct usage_tenant *tenant = calloc(1, sizeof(*tenant));
	if (tenant && !(tenant->name = str_dup(str_of(name)))) {
		free(tenant);
		tenant = NULL;
	}
	if (!tenant)
		return NULL;
	tenant->node.key = str_of(tenant->name);
	map_insert(&usage->tenants, &tenant->node);
	return tenant;
}

static void forget_idle(struct usage *usage, struct usage_tenant *tenant)
{
	for (int kind = 0; kind < USAGE_KIND_COUNT; kind++)
		if (tenant->now[kind] > 0)
			return;
	map_remove(&usage->tenants, &tenant->node);
	free(tenant->name);
	free(tenant);
}

static int64_t limit_of_all(const struct limits *limits, enum usage_kind kind)
{
	return kind == USAGE_MEMORY  ? limits->transfer_memory
	       : kind == USAGE_FILES ? limits->transfer_size
				     : INT64_MAX; /* connections have a limit of their own */
}

/* The share, and at least the largest single body: that must be possible at all. */
static int64_t limit_of_tenant(const struct apiserver_config *config, enum usage_kind kind)
{
	if (kind == USAGE_WAITING)
		return config->limits.max_waiting_calls;
	int64_t share = limit_of_all(&config->limits, kind) / TENANT_SHARE;
	int64_t largest = apiserver_config_largest_body(config);
	return kind == USAGE_FILES && share < largest ? largest : share;
}

static const char *option_of(enum usage_kind kind)
{
	return kind == USAGE_MEMORY  ? "SKILLBOX_TRANSFER_MEMORY"
	       : kind == USAGE_FILES ? "SKILLBOX_TRANSFER_SIZE"
				     : "SKILLBOX_MAX_WAITING_CALLS";
}

static enum refusal refusal_of(enum usage_kind kind)
{
	return kind == USAGE_MEMORY  ? REFUSED_TRANSFER_MEMORY
	       : kind == USAGE_FILES ? REFUSED_TRANSFER_SIZE
				     : REFUSED_WAITING_CALLS;
}

static int refuse_tenant(const char *tenant, enum usage_kind kind, int64_t limit, struct error *err)
{
	if (kind == USAGE_WAITING)
		return error_set(
		    err, ERR_NO_CAPACITY,
		    "tenant \"%s\" has %" PRId64
		    " requests that wait for a run or follow one, the limit (%s); try again when "
		    "one has ended, or use async and read the record later",
		    tenant, limit, option_of(kind));
	return error_set(
	    err, ERR_NO_CAPACITY,
	    "tenant \"%s\" has too many bytes of requests and answers under way, more than %" PRId64
	    " with this one, its share (%s); try again when others have ended",
	    tenant, limit, option_of(kind));
}

static void add(struct usage *usage, struct usage_tenant *tenant, enum usage_kind kind, int64_t amount,
		struct usage_hold *hold)
{
	hold->usage = usage;
	hold->tenant = tenant;
	hold->amounts[kind] += amount;
	tenant->now[kind] += amount;
	usage->now[kind] += amount;
}

static int check(const struct usage *usage, const struct usage_tenant *tenant, enum usage_kind kind,
		 int64_t amount, struct error *err)
{
	int64_t all_max = limit_of_all(&usage->config->limits, kind);
	int64_t tenant_max = limit_of_tenant(usage->config, kind);
	if (tenant->now[kind] > tenant_max - amount)
		return refuse_tenant(tenant->name, kind, tenant_max, err);
	if (usage->now[kind] > all_max - amount)
		return error_set(err, ERR_UNAVAILABLE,
				 "the requests and answers under way have together too many bytes, more "
				 "than %" PRId64 " with this one, the limit (%s); try again in a moment",
				 all_max, option_of(kind));
	return 0;
}

static int take(struct usage *usage, const char *tenant_name, enum usage_kind kind, int64_t amount,
		struct usage_hold *hold, struct error *err)
{
	struct usage_tenant *tenant =
	    hold->tenant ? hold->tenant : find(usage, tenant_name ? tenant_name : "");
	if (!tenant)
		return error_no_memory(err);
	int result = check(usage, tenant, kind, amount, err);
	if (result == 0)
		add(usage, tenant, kind, amount, hold);
	else
		forget_idle(usage, tenant);
	return result;
}

int usage_take(struct usage *usage, const char *tenant, enum usage_kind kind, int64_t amount,
	       struct usage_hold *hold, struct error *err)
{
	if (!usage || amount == 0)
		return 0;
	int result = take(usage, tenant, kind, amount, hold, err);
	if (result != 0)
		measure_refusal(usage->metrics, refusal_of(kind));
	return result;
}

bool usage_try(struct usage *usage, const char *tenant, enum usage_kind kind, int64_t amount,
	       struct usage_hold *hold)
{
	return !usage || amount == 0 || take(usage, tenant, kind, amount, hold, NULL) == 0;
}

void usage_give_back(struct usage_hold *hold, enum usage_kind kind, int64_t amount)
{
	if (!hold->usage || amount == 0)
		return;
	hold->amounts[kind] -= amount;
	hold->tenant->now[kind] -= amount;
	hold->usage->now[kind] -= amount;
	for (int other = 0; other < USAGE_KIND_COUNT; other++)
		if (hold->amounts[other] > 0)
			return;
	forget_idle(hold->usage, hold->tenant);
	*hold = (struct usage_hold){0};
}

void usage_release(struct usage_hold *hold)
{
	for (int kind = 0; kind < USAGE_KIND_COUNT; kind++)
		usage_give_back(hold, (enum usage_kind)kind, hold->amounts[kind]);
}

void usage_move(struct usage_hold *to, struct usage_hold *from)
{
	if (!from->usage)
		return;
	to->usage = from->usage;
	to->tenant = from->tenant;
	for (int kind = 0; kind < USAGE_KIND_COUNT; kind++)
		to->amounts[kind] += from->amounts[kind];
	*from = (struct usage_hold){0};
}

int64_t usage_now(const struct usage *usage, enum usage_kind kind)
{
	return usage ? usage->now[kind] : 0;
}
