/* Objects that a run needs as a whole, where the caches have only their outline. */
#ifndef SKILLBOX_CONTROLLER_SANDBOX_OBJECT_H
#define SKILLBOX_CONTROLLER_SANDBOX_OBJECT_H

#include "lib/api/execution.h"
#include "lib/api/skill.h"
#include "lib/kube/reader.h"

/* resource: API_EXECUTIONS or API_SKILLS. done as with reader_get; NULL with err. */
struct reading *object_read(struct reader *reader, const char *resource, const struct object_meta *meta,
			    kube_done_cb done, void *context, struct error *err);

/* What came, if it is the object with that UID. NULL with err: ERR_NOT_FOUND if that is gone. */
struct execution *object_read_execution(const struct kube_response *response, const char *uid,
					struct error *err);
struct skill *object_read_skill(const struct kube_response *response, const char *uid, struct error *err);

#endif
