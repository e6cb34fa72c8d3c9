/* Objects of the Kubernetes API from any text. What is read must be written, and read and written again to
 * the same text. */
#include "lib/api/execution.h"
#include "lib/api/lease.h"
#include "lib/api/pod.h"
#include "lib/api/sandbox_pool.h"
#include "lib/api/skill.h"
#include "lib/api/tenant.h"
#include "lib/base/jsontext.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGE = 16 << 20 };

static void write_execution(const struct execution *execution, struct buffer *spec, struct buffer *status)
{
	struct error err = {0};
	if (execution_to_json(execution, spec, &err) != 0)
		abort();
	if (execution_status_patch(execution, false, status, &err) != 0 && err.code != ERR_TOO_LARGE)
		abort();
}

static void try_execution(struct str json)
{
	cleanup_execution struct execution *first = execution_from_json(json, NULL);
	if (!first || first->invalid)
		return;
	cleanup_buffer struct buffer spec = BUFFER(LARGE), status = BUFFER(LARGE);
	write_execution(first, &spec, &status);
	cleanup_execution struct execution *second = execution_from_json(buffer_str(&spec), NULL);
	if (!second || second->invalid)
		abort();
	cleanup_buffer struct buffer spec_again = BUFFER(LARGE), unused = BUFFER(LARGE);
	write_execution(second, &spec_again, &unused);
	if (!str_eq(buffer_str(&spec), buffer_str(&spec_again)))
		abort();
}

static void try_skill(struct str json)
{
	cleanup_skill struct skill *first = skill_from_json(json, NULL);
	if (!first || first->invalid)
		return;
	cleanup_buffer struct buffer text = BUFFER(LARGE), again = BUFFER(LARGE);
	if (skill_to_json(first, &text, NULL) != 0)
		abort();
	cleanup_skill struct skill *second = skill_from_json(buffer_str(&text), NULL);
	if (!second || second->invalid || skill_to_json(second, &again, NULL) != 0 ||
	    !str_eq(buffer_str(&text), buffer_str(&again)))
		abort();
}

static void try_pool(struct str json)
{
	struct sandbox_pool *pool = sandbox_pool_from_json(json, NULL);
	cleanup_buffer struct buffer patch = BUFFER(LARGE);
	if (pool && sandbox_pool_status_patch(pool, &patch, NULL) == 0 &&
	    jsontext_check(buffer_str(&patch), NULL, NULL) != 0)
		abort();
	sandbox_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str json = {(const char *)data, size};
	try_execution(json);
	try_skill(json);
	try_pool(json);
	pod_free(pod_from_json(json, NULL));
	tenant_free(tenant_from_json(json, NULL));
	lease_free(lease_from_json(json, NULL));
	return 0;
}
