/* One judgement of a skill: is it to be run, with what, and within what the operator allows? Whoever takes a
 * skill in, tells of it, says whether it is ready, or runs it asks here, so that what makes it ready is what
 * makes it run. */
#ifndef SKILLBOX_SKILL_JUDGEMENT_H
#define SKILLBOX_SKILL_JUDGEMENT_H

#include "lib/api/skill.h"
#include "lib/base/error.h"
#include "lib/policy/policy.h"
#include "lib/skill/entrypoint.h"

/* What a skill says of its run; NULL, "" or 0: nothing. */
struct skill_claim {
	/* Sorted; NULL: not at hand. Where they have data, the script's is looked at. */
	const struct archive_content *files;
	/* What they were found to be, instead of the files; NULL: not known. */
	const struct skill_files_verdict *verdict;
	const char *lang, *entrypoint, *image, *cpu, *memory;
	int64_t timeout_ms;
	/* What its files and its packages take, unpacked (policy_room_of). */
	int64_t files_size, packages_size;
};

struct skill_judgement {
	/* It has instructions to read, and nothing to run. */
	bool only_instructions;
	/* language NULL, path "": only the bundle's files tell, or there is no script. */
	struct skill_script script;
	const char *image;               /* "" if not known */
	int64_t timeout_ms, memory, cpu; /* what a run gets: milliseconds, bytes, millicores */
};

/* 0, or -1 with all problems one by one and err, which has them joined with "; " and the first one's code:
 * ERR_NO_ENTRYPOINT, ERR_IMAGE_NOT_ALLOWED or ERR_INVALID_SKILL; ERR_NO_MEMORY. *ret is filled as far as it
 * goes in both cases. problems may be NULL. */
int skill_judge(const struct skill_claim *claim, const struct policy *policy, struct skill_judgement *ret,
		struct problems *problems, struct error *err);

/* What inline files say, which depends on the skill alone; the strings are the caller's. Not of an outline.
 */
int skill_judge_files(const struct skill *skill, struct skill_files_verdict *ret, struct error *err);

/* The same of a Skill resource, or of its outline; what *ret points to is the skill's. */
int skill_judge_object(const struct skill *skill, const struct policy *policy, struct skill_judgement *ret,
		       struct problems *problems, struct error *err);

/* Is there room in its sandbox for its packages and these bytes of other files? Of a Skill with a bundle. */
int skill_judge_room(const struct skill *skill, const struct policy *policy, int64_t files_size,
		     struct error *err);

/* skill_judge_object for who wants to run it: of an instruction skill ERR_NO_ENTRYPOINT. */
int skill_judge_run(const struct skill *skill, const struct policy *policy, struct skill_judgement *ret,
		    struct error *err);

/* "executable" or "instructions" */
const char *skill_mode(const struct skill_judgement *judgement);

#endif
