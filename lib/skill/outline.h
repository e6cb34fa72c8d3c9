/* Skills as caches keep them: a few hundred bytes each, whatever was pushed. Who needs the texts
 * (instructions, schemas, inline files) reads the object. */
#ifndef SKILLBOX_SKILL_OUTLINE_H
#define SKILLBOX_SKILL_OUTLINE_H

#include "lib/api/skill.h"
#include "lib/base/digest.h"

/* Free the texts; of the description at most so many bytes stay, and what inline files say of their script
 * (skill->files_verdict). The skill is whole, as it was read; on failure it still is. */
int skill_keep_outline(struct skill *skill, size_t max_description, struct error *err);

/* Without its instructions, too, for which there is no room. */
void skill_drop_instructions(struct skill *skill);

/* Content digest of the inline files of a whole skill: over path, NUL, length, NUL and text of each, in
 * lexical order of path. */
int skill_digest_files(const struct skill *skill, char ret[DIGEST_TEXT_SIZE], struct error *err);

#endif
