#include "lib/blob/directory_account.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct tenant { /* as long as it has blobs, or reserves room */
	struct map_node node;
	int64_t size, reserved;
	int64_t since; /* what came and went since the count began */
	char name[64];
};

int account_init(struct directory_account *account, struct error *err)
{
	*account = (struct directory_account){0};
	return map_init(&account->tenants, err);
}

void account_free(struct directory_account *account)
{
	struct map_cursor cursor = {0};
	if (!account->tenants.slots)
		return;
	for (struct map_node *node; (node = map_next(&account->tenants, &cursor));)
		free(MAP_CONTAINER(node, struct tenant, node));
	map_free(&account->tenants);
}

static struct tenant *find(const struct directory_account *account, const char *name)
{
	struct map_node *node = map_get(&account->tenants, str_of(name));
	return node ? MAP_CONTAINER(node, struct tenant, node) : NULL;
}

static struct tenant *find_or_make(struct directory_account *account, const char *name)
{
	struct tenant *tenant = find(account, name);
	if (tenant)
		return tenant;
	tenant = calloc(1, sizeof(*tenant));
	if (!tenant)
		return NULL;
	snprintf(tenant->name, sizeof(tenant->name), "%s", name);
	tenant->node.key = str_of(tenant->name);
	map_insert(&account->tenants, &tenant->node);
	return tenant;
}

static void drop_if_empty(struct directory_account *account, struct tenant *tenant)
{
	if (tenant->size != 0 || tenant->reserved != 0 || tenant->since != 0)
		return;
	map_remove(&account->tenants, &tenant->node);
	free(tenant);
}

int account_reserve(struct directory_account *account, const char *tenant, int64_t size, struct error *err)
{
	struct tenant *of = find_or_make(account, tenant);
	if (!of)
		return error_no_memory(err);
	int64_t has = of->size + of->reserved;
	if (account->max > 0 && account->is_counted && (size > account->max || has > account->max - size)) {
		drop_if_empty(account, of);
		return error_set(
		    err, ERR_NO_CAPACITY,
		    "tenant \"%s\" has %" PRId64 " bytes in the store, and %" PRId64
		    " more would be more than %" PRId64
		    ", the limit (SKILLBOX_MAX_STORED_SIZE); what executions and skills that are "
		    "gone had is freed within a day and an hour",
		    tenant, has, size, account->max);
	}
	of->reserved += size;
	account->reserved += size;
	return 0;
}

void account_release(struct directory_account *account, const char *tenant, int64_t size)
{
	struct tenant *of = find(account, tenant);
	if (!of)
		return;
	of->reserved -= size;
	account->reserved -= size;
	drop_if_empty(account, of);
}

void account_add(struct directory_account *account, const char *tenant, int64_t size, int64_t made_ns)
{
	struct tenant *of = size ? find_or_make(account, tenant) : NULL;
	if (!of)
		return;
	of->size += size;
	if (of->size < 0)
		of->size = 0; /* it was not counted yet */
	if (account->is_counting && made_ns >= account->begun_ns)
		of->since += size;
	drop_if_empty(account, of);
}

static void each(struct directory_account *account, void (*visit)(struct tenant *tenant))
{
	struct map_cursor cursor = {0};
	for (struct map_node *node; (node = map_next(&account->tenants, &cursor));) {
		struct tenant *tenant = MAP_CONTAINER(node, struct tenant, node);
		visit(tenant);
		drop_if_empty(account, tenant);
	}
}

static void forget_changes(struct tenant *tenant)
{
	tenant->since = 0;
}

void account_count_begin(struct directory_account *account, int64_t begun_ns)
{
	account->is_counting = true;
	account->begun_ns = begun_ns;
	each(account, forget_changes);
}

static void take_changes(struct tenant *tenant)
{
	tenant->size = tenant->since > 0 ? tenant->since : 0;
	tenant->since = 0;
}

void account_count_end(struct directory_account *account, const struct account_sum *sums, size_t count)
{
	account->is_counting = false;
	if (!sums) {
		each(account, forget_changes);
		return;
	}
	account->is_counted = true;
	for (size_t i = 0; i < count; i++) {
		struct tenant *tenant = find_or_make(account, sums[i].tenant);
		if (tenant)
			tenant->since += sums[i].size;
	}
	each(account, take_changes);
}

int64_t account_size(const struct directory_account *account, const char *tenant)
{
	const struct tenant *of = find(account, tenant);
	return of ? of->size : 0;
}

void account_totals(const struct directory_account *account, int64_t *ret_size, int64_t *ret_highest)
{
	struct map_cursor cursor = {0};
	int64_t size = 0, highest = 0;
	for (struct map_node *node; (node = map_next(&account->tenants, &cursor));) {
		const struct tenant *tenant = MAP_CONTAINER(node, struct tenant, node);
		size += tenant->size;
		if (tenant->size > highest)
			highest = tenant->size;
	}
	*ret_size = size;
	*ret_highest = highest;
}
