/* Sandbox Pods, as JSON to POST. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_POD_SPEC_H
#define SKILLBOX_CONTROLLER_SANDBOX_POD_SPEC_H

#include "controller/config.h"
#include "controller/sandbox/shape.h"
#include "controller/sandbox/token.h"
#include "lib/api/execution.h"
#include "lib/api/pod.h"

/* Millicores that a Pod requests at most: most runs are short. */
#define POD_CPU_REQUEST 10

#define POD_NAME_SIZE 64
/* "skx-UID-ATTEMPT": from the parent's UID, so that a repeated create is AlreadyExists, which means success.
 */
void pod_name(const struct execution *execution, char ret[POD_NAME_SIZE]);

#define POD_DELETE_SIZE 256
/* The body of a DELETE: at once, and only the Pod of this UID. */
void pod_delete_options(const char *uid, char ret[POD_DELETE_SIZE]);

/* What one sandbox is to be. Nothing is owned. */
struct sandbox_spec {
	const char *name;
	/* The kind is "Execution" or "SandboxPool". */
	const char *owner_kind, *owner_name, *owner_uid;
	/* Its value is the owner's UID. */
	const char *uid_label;
	/* Key and value */
	const char *shape_annotation, *shape;
	/* runtime_class "": the cluster's default */
	const char *image, *runtime_class;
	/* The interpreter that waits in it, and the modules that it has loaded; "": none */
	const char *lang, *preload;
	/* It starts when a skill's files are there, since it is to load some of them. */
	bool park_after_files;
	/* That the interpreter will run; "": the usual one */
	const char *script;
	/* What the controller must say in HELLO; of token_make */
	const char *token;
	/* Bytes, millicores */
	int64_t memory, cpu;
	/* After that the kubelet ends it, whatever became of us. */
	int64_t lifetime_ms;
};

int pod_spec_build(const struct sandbox_spec *spec, const struct controller_config *config,
		   struct buffer *out, struct error *err);

/* The sandbox of an Execution's current attempt. */
int pod_spec_of_execution(const struct execution *execution, const struct run_shape *shape,
			  const struct token_key *key, const struct controller_config *config,
			  struct buffer *out, struct error *err);

#endif
