/* Take a skill in. Its archive has been read already; its bytes go to the blob store, then the Skill object
 * is created. The same bytes again: the object is there, and only its upload time is renewed. Other bytes
 * under the same name and version: another object, and the older ones are deleted. Its packages are a blob
 * before that; of an archive that only lists them, those that another skill of the tenant has, or it is
 * ERR_PACKAGES_MISSING. It is done when this server's own cache has it, so that the next request finds it. */
#ifndef SKILLBOX_APISERVER_SKILL_PUSH_H
#define SKILLBOX_APISERVER_SKILL_PUSH_H

#include "apiserver/apiserver.h"
#include "apiserver/caller.h"
#include "lib/policy/policy.h"
#include "lib/run/dependencies.h"
#include "lib/skill/judgement.h"
#include "lib/skill/skill_package.h"

struct skill_bundle {
	const struct skill_package *package; /* used during the call only */
	/* The same, but for the descriptors. */
	const struct dependencies *dependencies;
	const char *digest; /* of the archive; the same */
	int fd;             /* the archive; open until done was called, and so is that of the packages */
	int64_t size;
};

/* The skill (valid during the call), or the failure, as clients may see it. */
typedef void (*skill_pushed_cb)(void *context, const struct skill *skill, const struct error *failure);

/* For the caller's tenant. done is called once, at once or later. */
void skill_push(struct apiserver *server, struct caller *caller, const struct skill_bundle *bundle,
		skill_pushed_cb done, void *context);

/* The judgement (lib/skill/judgement.h) of an archive that was read: what it can't know are this server's own
 * rules. -1 with err as clients may see it and, unless NULL, the problems one by one. */
int skill_judge_package(const struct skill_package *package, const struct dependencies *dependencies,
			const struct policy *policy, struct problems *problems, struct error *err);

#endif
