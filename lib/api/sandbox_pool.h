/* The SandboxPool custom resource: sandboxes of one shape, or of one skill, that wait for Executions. */
#ifndef SKILLBOX_API_SANDBOX_POOL_H
#define SKILLBOX_API_SANDBOX_POOL_H

#include "lib/api/meta.h"

#define API_SANDBOX_POOLS "sandboxpools"
#define SANDBOX_POOL_MAX_REPLICAS 1000
#define SANDBOX_POOL_MAX_PRELOAD 32 /* modules */

struct sandbox_pool {
	struct object_meta meta;
	/* NULL, or why the spec can't be used, for what the CRD's schema can't refuse. The spec is then
	 * empty, its strings "". */
	char *invalid;
	struct {
		char *skill_name;    /* bound to this skill, which then says what follows; "" : to none */
		char *skill_version; /* "" or "latest": the newest */
		char *image;
		char *lang; /* interpreter that waits; "" : the image's own, if it is a default image */
		char *runtime_class; /* "" : the controller's */
		char *cpu, *memory;  /* quantities; "" : the default */
		char **preload;      /* modules that the interpreter has loaded */
		size_t preload_count;
		int64_t replicas;
	} spec;
	struct {
		struct condition ready;
		int64_t replicas, ready_count, claimed; /* unclaimed; waiting for an Execution; with one */
		char *selector;
		char *skill_version, *skill_digest; /* of a bound pool: what its sandboxes have; NULL: none */
		char *reserved_cpu,
		    *reserved_memory; /* what the unclaimed ones hold back on their nodes; quantities */
	} status;
};

/* From the JSON of a Kubernetes object; every string of spec is set. NULL with err. */
struct sandbox_pool *sandbox_pool_from_json(struct str json, struct error *err);
struct sandbox_pool *sandbox_pool_free(struct sandbox_pool *pool); /* NULL-safe; returns NULL */

/* A merge patch for /status. */
int sandbox_pool_status_patch(const struct sandbox_pool *pool, struct buffer *out, struct error *err);

#endif
