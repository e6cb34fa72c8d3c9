/* Bundles by the digest of their content, made once for all who want the same and kept while there is room.
 * Small ones and large ones have rooms of their own; what was used last stays longest. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_BUNDLE_CACHE_H
#define SKILLBOX_CONTROLLER_SANDBOX_BUNDLE_CACHE_H

#include "lib/api/skill.h"
#include "lib/base/error.h"
#include "lib/blob/blob.h"
#include "lib/kube/reader.h"
#include "lib/run/bundle.h"

#include <uv.h>

struct bundle_cache;
/* reader: for inline files of outlines. */
struct bundle_cache *bundle_cache_new(uv_loop_t *loop, struct blob_store *store, struct reader *reader,
				      struct error *err);
/* No load may be waited for any more. Loads under way end by themselves, on the loop; before reader_free. */
struct bundle_cache *bundle_cache_free(struct bundle_cache *cache);

/* Which of a skill's bundles: its own files, or the packages that it depends on, if it has any. */
enum bundle_part { BUNDLE_FILES, BUNDLE_PACKAGES };

/* The bundle of a skill if it is in the cache (a reference of the caller's), else NULL. */
struct bundle *bundle_cache_find(struct bundle_cache *cache, const struct skill *skill, enum bundle_part part,
				 const char *tenant);

/* One caller that waits. */
struct bundle_wait;

/* error NULL: bundle is the caller's reference. ERR_INVALID_SKILL: the content is no runnable skill. */
typedef void (*bundle_done_cb)(void *context, const struct error *error, struct bundle *bundle);

/* Load it (what is needed of the skill is copied), together with all who ask for the same meanwhile; done is
 * called once, from the loop, never from inside. NULL with err. */
struct bundle_wait *bundle_cache_load(struct bundle_cache *cache, const struct skill *skill,
				      enum bundle_part part, const char *tenant, bundle_done_cb done,
				      void *context, struct error *err);
/* done won't be called; the load goes on. NULL-safe. */
void bundle_wait_cancel(struct bundle_wait *wait);

#endif
