/* What requests use while they last: bytes of their bodies and answers, in memory and in files, and that they
 * wait. One account for the process, in which each tenant has its share; what is there no room for is refused
 * before it is taken (docs/limits.md). */
#ifndef SKILLBOX_APISERVER_USAGE_H
#define SKILLBOX_APISERVER_USAGE_H

#include "apiserver/config.h"
#include "apiserver/metrics.h"
#include "lib/base/error.h"

#include <stdint.h>

enum usage_kind {
	USAGE_MEMORY,  /* SKILLBOX_TRANSFER_MEMORY */
	USAGE_FILES,   /* SKILLBOX_TRANSFER_SIZE: temporary ones */
	USAGE_WAITING, /* SKILLBOX_MAX_WAITING_CALLS */
	USAGE_KIND_COUNT
};

/* Above this, a body or an answer is in a file. */
#define USAGE_IN_MEMORY_MAX ((size_t)64 << 10)

struct usage;
struct usage_tenant;

/* What somebody has taken; zeroed: nothing. */
struct usage_hold {
	struct usage *usage;
	struct usage_tenant *tenant;
	int64_t amounts[USAGE_KIND_COUNT];
};

/* config and metrics are kept. */
struct usage *usage_new(const struct apiserver_config *config, struct metrics *metrics, struct error *err);
/* All holds are released. NULL-safe; returns NULL. */
struct usage *usage_free(struct usage *usage);

/* Add so much to hold, which is always of the same tenant (NULL: of none, who have a share together). On
 * failure nothing is taken: ERR_NO_CAPACITY where the tenant has its share, ERR_UNAVAILABLE where all is
 * given away. usage NULL: no limits. */
int usage_take(struct usage *usage, const char *tenant, enum usage_kind kind, int64_t amount,
	       struct usage_hold *hold, struct error *err);
/* The same where there is another way: nothing is refused. */
bool usage_try(struct usage *usage, const char *tenant, enum usage_kind kind, int64_t amount,
	       struct usage_hold *hold);
void usage_give_back(struct usage_hold *hold, enum usage_kind kind, int64_t amount);
/* All of it; it is nothing then. */
void usage_release(struct usage_hold *hold);
/* What from has is to's as well, which is nothing or of the same tenant; from is nothing then. */
void usage_move(struct usage_hold *to, struct usage_hold *from);

/* Of all tenants. */
int64_t usage_now(const struct usage *usage, enum usage_kind kind);

#endif
