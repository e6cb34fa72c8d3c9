/* Pods that fetch a skill's packages, as JSON to POST: as hardened as a sandbox, but for the network, which a
 * NetworkPolicy of their namespace opens to one index. */
#ifndef SKILLBOX_CONTROLLER_BUILD_POD_H
#define SKILLBOX_CONTROLLER_BUILD_POD_H

#include "controller/config.h"
#include "lib/api/skill.h"
#include "lib/base/buffer.h"
#include "lib/base/error.h"

#define BUILD_POD_NAME_SIZE 64
/* "skb-UID-ATTEMPT": from the Skill's UID, so that a repeated create is AlreadyExists, which means success.
 */
void build_pod_name(const struct skill *skill, char ret[BUILD_POD_NAME_SIZE]);

/* Of the attempt that the skill's status names. */
int build_pod_spec(const struct skill *skill, const struct controller_config *config, struct buffer *out,
		   struct error *err);

/* Beyond a build's timeout, for the way there and back. */
#define BUILD_POD_GRACE_MS 60000

#endif
