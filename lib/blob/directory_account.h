/* How many bytes each tenant has in an embedded store, and how many more it may have. On the loop's thread.
 */
#ifndef SKILLBOX_BLOB_DIRECTORY_ACCOUNT_H
#define SKILLBOX_BLOB_DIRECTORY_ACCOUNT_H

#include "lib/base/error.h"
#include "lib/base/map.h"
#include "lib/base/str.h"

#include <stdint.h>

struct directory_account {
	struct map tenants;
	int64_t max; /* of a tenant; 0: none */
	int64_t reserved;
	bool is_counted;  /* once */
	bool is_counting; /* now */
	int64_t begun_ns;
};

int account_init(struct directory_account *account, struct error *err);
void account_free(struct directory_account *account);

/* Before a put: room for so many bytes is set aside until account_release. ERR_NO_CAPACITY. */
int account_reserve(struct directory_account *account, const char *tenant, int64_t size, struct error *err);
void account_release(struct directory_account *account, const char *tenant, int64_t size);
/* Its blobs have so many bytes more (or fewer) now: of a file that was made then (ns since 1970; 0: not
 * known; ACCOUNT_GONE: it is no more). Without memory for a tenant that is new they are missing until the
 * next count.
 */
#define ACCOUNT_GONE INT64_MAX
void account_add(struct directory_account *account, const char *tenant, int64_t size, int64_t made_ns);

/* A count begins: of files that were made before … */
void account_count_begin(struct directory_account *account, int64_t begun_ns);
/* … and ends: these are all that were there. NULL: it failed, what was known stays. */
struct account_sum {
	char tenant[64];
	int64_t size;
};
void account_count_end(struct directory_account *account, const struct account_sum *sums, size_t count);

int64_t account_size(const struct directory_account *account, const char *tenant);
void account_totals(const struct directory_account *account, int64_t *ret_size, int64_t *ret_highest);

#endif
